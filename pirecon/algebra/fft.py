"""The one Fourier transform of pirecon: centred at index ``n // 2``, orthonormal, right for odd sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def centred_fft(x: Tensor, axes: Sequence[int]) -> Tensor:
    """X[k] = 1/√n Σ_j x[j] exp(−2πi (k − n//2)(j − n//2) / n) along each of ``axes``.

    Args:
        x: complex tensor of any shape.
        axes: axes to transform.

    Returns:
        Tensor of the same shape and dtype.
    """
    axes = tuple(axes)
    return torch.fft.fftshift(torch.fft.fftn(torch.fft.ifftshift(x, dim=axes), dim=axes, norm="ortho"), dim=axes)


def centred_ifft(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Inverse (and adjoint) of :func:`centred_fft`; same arguments."""
    axes = tuple(axes)
    return torch.fft.fftshift(torch.fft.ifftn(torch.fft.ifftshift(x, dim=axes), dim=axes, norm="ortho"), dim=axes)


def centring_phase(shape: Sequence[int], *, dtype: torch.dtype, device: torch.device | None = None) -> Tensor:
    """The phase r with ``centred_fft(x) = r · fftn(r · x) · const``, for each index of ``shape``.

    With c = n//2 the exponent (k − c)(j − c) = kj − ck − cj + c² splits into the plain transform and
    one phase exp(2πi c j / n) on either side, which saves both shifts. The constant exp(−2πi c² / n) is split evenly
    over the two sides.

    Returns:
        Complex tensor of ``shape``.
    """
    real = torch.float64
    phase = torch.ones((1,) * len(shape), dtype=torch.complex128, device=device)
    for axis, n in enumerate(shape):
        c = n // 2
        j = torch.arange(n, dtype=real, device=device)
        turns = torch.remainder(c * j / n - c * c / (2 * n), 1.0)
        view = [1] * len(shape)
        view[axis] = n
        phase = phase * torch.polar(torch.ones_like(turns), 2 * math.pi * turns).reshape(view)
    return phase.to(dtype)


def crop_or_pad_centre(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Cut or zero-fill the trailing axes to ``shape`` so that index ``n // 2`` stays the centre.

    Args:
        x: tensor whose trailing ``len(shape)`` axes are changed.
        shape: target sizes.

    Returns:
        Tensor of shape ``(*batch, *shape)``; cropping is the adjoint of zero-filling.
    """
    padding: list[int] = []
    for n_old, n_new in zip(reversed(x.shape[x.ndim - len(shape) :]), reversed(tuple(shape)), strict=True):
        before = n_new // 2 - n_old // 2
        padding += [before, n_new - n_old - before]
    return torch.nn.functional.pad(x, padding) if any(padding) else x
