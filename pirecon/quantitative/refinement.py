"""Field and R2* between the labels of the search: Gauss–Newton with smooth maps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.quantitative.echo_model import EchoModel, fit_voxels

LARGEST_R2_STAR = 500.0  # 1/s
N_STEPS, N_ITERATIONS = 8, 60


@dataclass(frozen=True)
class Smoothness:
    """How much neighbours may differ (standard deviation of a difference along z, y, x).

    Attributes:
        off_resonance: Hz.
        R2_star: 1/s; infinitely smooth, that is one known value, where None.
    """

    off_resonance: tuple[float, float, float]
    R2_star: tuple[float, float, float] | None


@dataclass(frozen=True)
class Maps:
    """Off-resonance (Hz) and R2* (1/s), float64 ``(z, y, x)``."""

    off_resonance: Tensor
    R2_star: Tensor


def refine(
    images: Tensor, model: EchoModel, start: Maps, *, smoothness: Smoothness, variance: Tensor, n_steps: int = N_STEPS
) -> Maps:
    """Minimise Σ_v ‖s − m(δf, R2*)‖² / 2σ² + Σ_pairs (Δδf)² / 2s_f² + (ΔR2*)² / 2s_R², water and fat eliminated.

    Args:
        images: s, complex128 ``(echo, z, y, x)``.
        model: of the echoes.
        start: in the basin of the minimum.
        smoothness: s_f and s_R.
        variance: σ², of the real part of an image, float64 ``(z, y, x)``.
        n_steps: Gauss–Newton steps.

    Returns:
        Maps.

    Source: Hernando et al., Magn Reson Med 59:571 (2008), regularised variable projection; the steps are ours.
    """
    shape = images.shape[1:]
    voxels = images.flatten(1)
    frozen = smoothness.R2_star is None
    edges = torch.tensor([smoothness.off_resonance, smoothness.R2_star or (1.0, 1.0, 1.0)], dtype=torch.float64)
    stiffness = edges.square().reciprocal().to(variance)
    longest_step = 0.1 / float(model.times[-1] - model.times[0])
    maps = start
    for _ in range(n_steps):
        fit = fit_voxels(voxels, model, maps.off_resonance.flatten(), maps.R2_star.flatten())
        gradient = fit.gradient.unflatten(1, shape) / variance
        curvature = fit.curvature.unflatten(2, shape) / variance
        if frozen:
            gradient[1], curvature[0, 1], curvature[1, 0] = 0, 0, 0
        step = _step(gradient, curvature, torch.stack([maps.off_resonance, maps.R2_star]), stiffness)
        off_resonance = maps.off_resonance + step[0].clamp(-longest_step, longest_step)
        R2_star = maps.R2_star if frozen else (maps.R2_star + step[1].clamp(-50, 50)).clamp(0, LARGEST_R2_STAR)
        maps = replace(maps, off_resonance=off_resonance, R2_star=R2_star)
    return maps


def _step(gradient: Tensor, curvature: Tensor, now: Tensor, stiffness: Tensor) -> Tensor:
    """Solve (H + L) step = −g − L now for both maps, ``(2, z, y, x)``; scaled by the diagonal."""
    diagonal = torch.stack([curvature[0, 0], curvature[1, 1]]) + stiffness.sum(1)[:, None, None, None]
    scale = diagonal.rsqrt()

    def scaled_normal(x: Tensor) -> Tensor:
        y = scale * x
        return scale * (torch.stack([(row * y).sum(0) for row in curvature]) + _laplacian(y, stiffness))

    right = -scale * (gradient + _laplacian(now, stiffness))
    return scale * conjugate_gradient(scaled_normal, right, n_iterations=N_ITERATIONS, tolerance=1e-4, n_axes=4)


def _laplacian(maps: Tensor, stiffness: Tensor) -> Tensor:
    """Gradient of Σ_pairs ½ stiffness (difference)², ``(map, z, y, x)``; nothing lies beyond the edges."""
    total = torch.zeros_like(maps)
    for axis in range(3):
        n = maps.shape[axis + 1]
        pull = maps.diff(dim=axis + 1) * stiffness[:, axis, None, None, None]
        total.narrow(axis + 1, 0, n - 1).sub_(pull)
        total.narrow(axis + 1, 1, n - 1).add_(pull)
    return total
