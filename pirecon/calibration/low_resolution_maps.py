"""Sensitivity maps from the low frequencies alone, where there is no calibration region."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.algebra.fft import centred_ifft, crop_or_pad_centre


def low_resolution_maps(kspace: Tensor, matrix: Sequence[int], *, peak: Sequence[int], width: int = 16) -> Tensor:
    """S_c = y_c / √Σ|y_c|² of the images y_c of a Hann-windowed neighbourhood of the k-space peak.

    The phase is relative to a virtual coil, the dominant eigenvector of the coils' covariance. Where samples are
    missing even there, the images are aliased and so are the maps.

    Args:
        kspace: complex ``(shared, coil, kz, ky, kx)``, zero where nothing was measured.
        matrix: voxels ``(z, y, x)``, on no axis fewer than samples.
        peak: index of the k-space peak ``(kz, ky, kx)``.
        width: samples from the peak to where the window is zero.

    Returns:
        Complex ``(1, coil, z, y, x)``, root-sum-of-squares 1 everywhere that any coil sees something.

    Source: Pruessmann K. P. et al., Magn Reson Med 42:952 (1999); covariance over the shared axis as in Walsh D. O. et
        al., Magn Reson Med 43:682 (2000).
    """
    windowed = kspace
    for axis, centre in zip((-3, -2, -1), peak, strict=True):
        distance = (torch.arange(kspace.shape[axis], device=kspace.device) - centre).abs() / width
        hann = torch.where(distance < 1, 0.5 + 0.5 * torch.cos(torch.pi * distance), torch.zeros_like(distance))
        windowed = windowed * hann.to(kspace.real.dtype).reshape([-1 if i == axis else 1 for i in (-3, -2, -1)])
    images = centred_ifft(crop_or_pad_centre(windowed, matrix), (-3, -2, -1))  # (shared, coil, z, y, x)
    covariance = torch.einsum("sczyx,sdzyx->cdzyx", images, images.conj())
    virtual = torch.linalg.eigh(covariance.sum(dim=(-3, -2, -1)))[1][:, -1]
    # One step of the power method from the virtual coil, which then sees phase zero everywhere.
    maps = torch.einsum("cdzyx,d->czyx", covariance, virtual)
    norm = maps.abs().square().sum(dim=0, keepdim=True).sqrt()
    return (maps / norm.clamp(min=torch.finfo(norm.dtype).tiny)).unsqueeze(0)
