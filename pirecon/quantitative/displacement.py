"""Fat back to where it is: its precession while a line is read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.encoding import ChemicalShift, CoilSensitivity, FatSpectrum, FatWaterEncoding, Fourier
from pirecon.quantitative.refinement import Maps

N_ITERATIONS = 15


def sample_times(echo_times: Sequence[float], readout_steps: Sequence[float], n: int) -> Tensor:
    """t_n + (kx − n_x//2) Δt of every sample along the readout, float64 ``(echo, 1, 1, kx)``, s.

    Args:
        echo_times: when k = 0 is passed, s.
        readout_steps: Δt of each echo, s; negative where lines are read backwards.
        n: points along kx.

    Returns:
        Times.

    Raises:
        ValueError: not one step for each echo.
    """
    if len(readout_steps) != len(echo_times):
        raise ValueError(f"{len(echo_times)} echoes need as many readout steps, found {len(readout_steps)}")
    index = torch.arange(n, dtype=torch.float64) - n // 2
    steps = torch.tensor(readout_steps, dtype=torch.float64)
    return (torch.tensor(echo_times, dtype=torch.float64)[:, None] + steps[:, None] * index)[:, None, None, :]


def undo_displacement(
    images: Tensor,
    species: Tensor,
    maps: Maps,
    echo_times: Sequence[float],
    spectrum: FatSpectrum,
    readout_steps: Sequence[float],
) -> Tensor:
    """Water and fat whose k-space, each sample at its own time, is that of the images.

    Args:
        images: complex128 ``(echo, z, y, x)``.
        species: water and fat as found voxel by voxel, with fat displaced, complex128 ``(species, z, y, x)``.
        maps: field and R2*.
        echo_times: s.
        spectrum: of fat.
        readout_steps: see :func:`sample_times`.

    Returns:
        Complex128 ``(species, z, y, x)``.

    Source: Brodsky et al., Magn Reson Med 59:1151 (2008).
    """
    grid = tuple(images.shape[1:])
    shift = ChemicalShift(echo_times, spectrum, maps.off_resonance, maps.R2_star)
    times = sample_times(echo_times, readout_steps, grid[-1]).to(images.device)
    hears_all = torch.ones((1, *grid), dtype=images.dtype, device=images.device)
    transform = Fourier((1, *grid)) @ CoilSensitivity(hears_all)
    E = FatWaterEncoding([transform] * len(echo_times), shift, spectrum, times)
    right = E.adjoint(transform.forward(images))
    return conjugate_gradient(E.normal, right, x0=species, n_iterations=N_ITERATIONS, tolerance=1e-4, n_axes=4)
