"""The fully sampled centre that sensitivity maps are made of, from samples on no grid."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.fft import centred_fft, crop_or_pad_centre
from pirecon.algebra.nufft import Nufft
from pirecon.calibration.calibration_region import LARGEST_REGION
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.trajectory import NonCartesianKSpace

N_ITERATIONS = 12  # few enough that gaps between spokes are not filled with noise


def gridded_calibration(kspace: NonCartesianKSpace, *, width: int = LARGEST_REGION) -> KSpace:
    """The central ``width`` samples of k-space on the grid of the image, by least squares from their neighbours.

    x = argmin ‖W (A x − y)‖² of each coil on a coarse grid over the field of view, A its non-uniform transform, by a
    few conjugate gradients, and k = F x. One replica of unit noise goes the same way; k is divided by its root mean
    square, so that the noise of the block is 1 on average, as ESPIRiT wants it.

    Args:
        kspace: prewhitened, ``(*batch, coil, readout, sample)``.
        width: of the block on each axis.

    Returns:
        k-space ``(*batch, coil, kz, ky, kx)`` on the grid of the image, zero around the block, weights 1 in it.
    """
    matrix = kspace.geometry.matrix
    block = tuple(min(n, width) for n in matrix)
    batch = kspace.data.shape[:-3]
    data = kspace.data.reshape(-1, *kspace.data.shape[-3:])
    weights = kspace.weights.expand(*batch, 1, *kspace.weights.shape[-2:]).reshape(-1, *kspace.weights.shape[-2:])
    k = kspace.trajectory.k.expand(*batch, *kspace.trajectory.k.shape[-3:]).reshape(-1, *kspace.trajectory.k.shape[-3:])
    extent = k.new_tensor(np.multiply(matrix, kspace.geometry.voxel_size))
    entries = [_centre(d, w, points * extent, block) for d, w, points in zip(data, weights, k, strict=True)]
    filled = crop_or_pad_centre(torch.stack(entries), matrix)
    measured = crop_or_pad_centre(torch.ones(block, dtype=weights.dtype, device=weights.device), matrix)
    return KSpace(
        data=filled.reshape(*batch, *filled.shape[1:]),
        weights=measured.expand(*batch, 1, *matrix),
        n_averages=1,
        geometry=kspace.geometry,
        batch_axes=kspace.batch_axes,
    )


def _centre(data: Tensor, weights: Tensor, points: Tensor, block: tuple[int, ...]) -> Tensor:
    """The block of one image, ``(coil, *block)``, from ``(coil, readout, sample)`` and points in cycles."""
    half = points.new_tensor([n / 2 if n > 1 else torch.inf for n in block])
    inside = (points.abs() <= half).all(dim=-1) & (weights > 0)
    w = weights[inside]
    transform = Nufft(points[inside], block)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(int(inside.sum()), dtype=torch.complex64, generator=generator).to(data) * 2**0.5
    samples = torch.cat([w * data[:, inside], noise[None]])
    images = conjugate_gradient(
        lambda x: transform.adjoint(w.square() * transform.forward(x)),
        transform.adjoint(w * samples),
        n_iterations=N_ITERATIONS,
    )
    found = centred_fft(images, (-3, -2, -1))
    level = found[-1].abs().square().mean().div(2).sqrt().clamp(min=torch.finfo(w.dtype).tiny)
    return found[:-1] / level
