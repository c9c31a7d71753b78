"""Fat and water decay at different rates: one difference for all voxels, from the data."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pirecon.encoding import FatSpectrum
from pirecon.quantitative.echo_model import EchoModel, echo_model
from pirecon.quantitative.refinement import Maps, Smoothness, refine

FEWEST_ECHOES = 5
LIKELY_DIFFERENCE = 15.0
"""Standard deviation of what is expected before seeing the data, 1/s: fat differs from muscle, liver and spleen by 2 to
15 1/s at 0.1 to 0.55 T in the tissue table."""
N_ROUNDS = 8


def with_two_decays(
    images: Tensor, times: Tensor, spectrum: FatSpectrum, maps: Maps, *, smoothness: Smoothness, variance: Tensor
) -> tuple[FatSpectrum, Maps]:
    """The R2* of fat minus that of water that explains all voxels best, and the maps that go with it.

    A single voxel has no information for two rates at usual SNR; all voxels that hold both have it together. Each
    round takes a Gauss–Newton step in the difference, with water, fat, field and R2* of every voxel following, and
    refines the maps.

    Args:
        images: s, complex128 ``(echo, z, y, x)``.
        times: of the echoes, float64, s.
        spectrum: of fat, where to start.
        maps: field and R2*, refined.
        smoothness, variance: as in :func:`pirecon.quantitative.refinement.refine`.

    Returns:
        The spectrum with its ``relaxation_difference``, and maps.

    Source: Chebrolu et al., Magn Reson Med 63:849 (2010), two rates in each voxel; one difference for all is ours.
    """
    voxels, sigma2 = images.flatten(1), variance.flatten()
    for _ in range(N_ROUNDS):
        model = echo_model(times, spectrum)
        gradient, curvature = _pooled(voxels, model, maps, sigma2)
        now = spectrum.relaxation_difference
        step = -(gradient + now / LIKELY_DIFFERENCE**2) / (curvature + 1 / LIKELY_DIFFERENCE**2)
        spectrum = replace(spectrum, relaxation_difference=now + max(-10.0, min(10.0, step)))
        model = echo_model(times, spectrum)
        maps = refine(images, model, maps, smoothness=smoothness, variance=variance, n_steps=2)
    return spectrum, maps


def _pooled(voxels: Tensor, model: EchoModel, maps: Maps, variance: Tensor) -> tuple[float, float]:
    """First and second derivative of Σ ‖s − m‖² / 2σ² by the difference, all else of each voxel following."""
    A = model.turn(maps.off_resonance.flatten()).unsqueeze(-1) * model.basis(maps.R2_star.flatten())
    pseudo = torch.linalg.inv(A.mH @ A) @ A.mH
    s = voxels.mT.unsqueeze(-1)  # (voxel, echo, 1)
    species = pseudo @ s
    found, fat = A @ species, A[..., 1:] * species[:, 1:]
    t = model.times.unsqueeze(-1)
    slopes = torch.cat([-2j * math.pi * t * found, -t * found, -t * fat], dim=-1)  # (voxel, echo, 3)
    across = slopes - A @ (pseudo @ slopes)
    H = (across.mH @ across).real / variance[:, None, None]
    gradient = -(across[..., 2:].mH @ (s - found)).real.squeeze() / variance
    ridge = 1e-3 * torch.eye(2, dtype=H.dtype, device=H.device)  # voxels without signal
    follow = torch.linalg.solve(H[:, :2, :2] + ridge, H[:, :2, 2:])
    curvature = H[:, 2, 2] - (H[:, 2:, :2] @ follow).squeeze()
    return float(gradient.sum()), float(curvature.clamp_min(0).sum())
