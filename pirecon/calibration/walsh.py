"""Adaptive sensitivity maps: the direction that the coils' images share in a neighbourhood."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pirecon.calibration.interpolation import coarse_positions, interpolate_grid, positions
from pirecon.calibration.phase_reference import dominant_coil, refer_phase


def walsh(coil_images: Tensor, *, width: float = 4.0) -> Tensor:
    """S(r) = leading eigenvector of R(r) = Σ_r' g(r − r') m(r') m(r')ᴴ, with a Gaussian g.

    It needs images without folding, and its maps exist everywhere: in air they are those of noise. Whitened data have
    R = signal + noise · 1, so noise moves the eigenvector by chance only. ESPIRiT is the better choice wherever it can
    be had: in simulation its angle errors are 0.5 to 0.7 of these at SNR 3 to 20, and in 3D it is the faster, too.

    Args:
        coil_images: complex ``(*batch, coil, z, y, x)``, of fully sampled data in SNR units, of low resolution or not.
        width: standard deviation of g in voxels; the fewer signal to noise, the larger it should be.

    Returns:
        Complex ``(*batch, 1, coil, z, y, x)``, root-sum-of-squares 1 (0 where every image is 0); the phase is relative
        to a virtual coil.

    Raises:
        ValueError: the images are not complex, have too few axes, or the width is not positive.

    Source: Walsh D. O. et al., Magn Reson Med 43:682 (2000).
    """
    if coil_images.ndim < 4 or not coil_images.is_complex() or not 0 < width < math.inf:
        raise ValueError(
            f"walsh takes complex coil images (*batch, coil, z, y, x) and a width of some voxels, but was given shape "
            f"{tuple(coil_images.shape)}, {coil_images.dtype} and a width of {width}"
        )
    flat = coil_images.reshape(-1, *coil_images.shape[-4:])
    maps = torch.stack([_maps(images, width) for images in flat])
    return maps.reshape(*coil_images.shape[:-4], *maps.shape[1:])


def _maps(images: Tensor, width: float) -> Tensor:
    """``(1, coil, z, y, x)``, by eigenvectors at every ``width`` voxels, between which they are interpolated."""
    matrix = images.shape[-3:]
    grid = [coarse_positions(n, max(4, math.ceil((n - 1) / width) + 1)) for n in matrix]
    rows = []
    for image in images:  # coil after coil, and at once on the coarse grid: bounded memory in 3D
        products = image * images.conj()
        for axis in (-1, -2, -3):  # x first: it lies together in memory, and the rest is smaller afterwards
            n, centres = matrix[axis], grid[axis]
            if n > 1:
                products = _smooth(products, centres * n, positions(n) * n, width, axis)
        rows.append(products)
    covariance = torch.stack(rows).permute(2, 3, 4, 0, 1)  # (z, y, x, coil, coil)
    covariance = covariance / covariance.abs().max().clamp(min=torch.finfo(covariance.real.dtype).tiny)
    vectors = torch.linalg.eigh(covariance)[1][..., -1].movedim(-1, 0).unsqueeze(0)
    vectors = interpolate_grid(refer_phase(vectors, dominant_coil(images.unsqueeze(0))), grid, matrix)
    norm = vectors.norm(dim=1, keepdim=True)
    seen = (images != 0).any()  # no direction belongs to nothing
    return torch.where(seen, vectors / norm.clamp(min=torch.finfo(norm.dtype).tiny), 0)


def _smooth(x: Tensor, centres: Tensor, places: Tensor, width: float, axis: int) -> Tensor:
    """Gaussian means about ``centres`` of an axis whose voxels lie at ``places``, all in voxels."""
    kernel = torch.exp(-0.5 * ((centres[:, None] - places) / width).square()).to(dtype=x.dtype, device=x.device)
    return torch.movedim(torch.movedim(x, axis, -1) @ (kernel / kernel.sum(dim=1, keepdim=True)).T, -1, axis)
