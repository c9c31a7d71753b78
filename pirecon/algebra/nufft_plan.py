"""One planned non-uniform transform on one device, and the libraries behind it: finufft and cufinufft."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import finufft
import torch
from torch import Tensor

NO_CUFINUFFT = (
    "the tensors are on {device}, and non-uniform Fourier transforms there need the package cufinufft, which is not "
    "installed. Install it (pip install cufinufft), or move the tensors to the CPU."
)


class Plan:
    """f(p) = Σ_r x[r] exp(−2πi p·(r − n//2)/n) and its adjoint, for a number of images at once, without any scaling.

    The library sorts the points once, here; both directions then use the same plan, so that one is the
    other's adjoint to rounding, whatever the accuracy.

    Args:
        points: p, float ``(sample, axis)`` with one to three axes, cycles per extent of the grid.
        shape: n of each axis.
        n_images: how many images each call transforms.
        dtype: complex64 or complex128, that of the images.
        accuracy: relative accuracy that is asked of the library.

    Source: Barnett A. H., Magland J., af Klinteberg L., SIAM J Sci Comput 41:C479 (2019); on the GPU: Shih Y. et al.,
    IEEE IPDPSW 2021, p. 688.
    """

    def __init__(
        self, points: Tensor, shape: tuple[int, ...], *, n_images: int, dtype: torch.dtype, accuracy: float
    ) -> None:
        self.shape, self.n_images, self.dtype = shape, n_images, dtype
        self.n_samples = points.shape[0]
        real = torch.float32 if dtype == torch.complex64 else torch.float64
        # In double precision up to the last step: angles of single precision limit the accuracy of large grids.
        turns = points.double() / torch.tensor(shape, dtype=torch.float64, device=points.device)
        turns = turns - turns.round()
        self._angles = [angle.contiguous() for angle in (2 * math.pi * turns).to(real).unbind(-1)]
        make = _cuda if points.is_cuda else _cpu
        self._forward, self._adjoint = make(self._angles, shape, n_images, dtype, accuracy)

    def forward(self, x: Tensor) -> Tensor:
        """``(n_images, *shape)`` → ``(n_images, sample)``."""
        out = torch.empty((self.n_images, self.n_samples), dtype=self.dtype, device=x.device)
        self._forward(_plain(x), out)
        return out

    def adjoint(self, y: Tensor) -> Tensor:
        """``(n_images, sample)`` → ``(n_images, *shape)``."""
        out = torch.empty((self.n_images, *self.shape), dtype=self.dtype, device=y.device)
        self._adjoint(_plain(y), out)
        return out


def _plain(x: Tensor) -> Tensor:
    return x.detach().resolve_conj().resolve_neg().contiguous()


Pair = tuple[Callable[[Tensor, Tensor], None], Callable[[Tensor, Tensor], None]]


def _cpu(angles: list[Tensor], shape: tuple[int, ...], n_images: int, dtype: torch.dtype, accuracy: float) -> Pair:
    plan = finufft.Plan(2, shape, n_images, accuracy, -1, _name(dtype), nthreads=torch.get_num_threads())
    plan.setpts(*(angle.numpy() for angle in angles))

    def run(execute: Callable[..., Any], source: Tensor, out: Tensor) -> None:
        # A plan for one image takes and gives arrays without the axis of images.
        if n_images == 1:
            source, out = source[0], out[0]
        execute(source.numpy(), out=out.numpy())

    return (lambda x, out: run(plan.execute, x, out)), (lambda y, out: run(plan.execute_adjoint, y, out))


def _cuda(angles: list[Tensor], shape: tuple[int, ...], n_images: int, dtype: torch.dtype, accuracy: float) -> Pair:
    device = angles[0].device
    try:
        import cufinufft
    except ImportError as error:
        raise ImportError(NO_CUFINUFFT.format(device=device)) from error
    stream = torch.cuda.current_stream(device).cuda_stream
    options = {"gpu_device_id": device.index or 0, "gpu_stream": stream}
    plans = []
    for kind, sign in ((2, -1), (1, 1)):  # it has no adjoint execution: a plan each way
        plan = cufinufft.Plan(kind, shape, n_images, accuracy, sign, _name(dtype), **options)
        plan.setpts(*angles)
        plans.append(plan)

    def run(plan: Any, source: Tensor, out: Tensor) -> None:
        if n_images == 1:
            source, out = source[0], out[0]
        plan.execute(source, out=out)

    return (lambda x, out: run(plans[0], x, out)), (lambda y, out: run(plans[1], y, out))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
