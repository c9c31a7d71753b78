"""PD, T1 and T2 of every voxel from magnitude images of several contrasts: dictionary, then Gauss–Newton."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.quantitative.contrasts import T1_RANGE, T2_RANGE, TYPICAL_T2, Contrasts, contrast_signals, typical_T1

PRIOR_DEVIATION = 1.5  # of ln T1 and ln T2 about the typical: matters where the data say nothing
ATOMS = (40, 20)  # of T1 and T2
LARGEST_STEP = 0.7  # in ln T1 and ln T2
FAINTEST = 1e-3  # least proton density, in SNR units of the brightest contrast


@dataclass(frozen=True, eq=False)
class ParameterMaps:
    """What tissue is made of, real ``(*batch, z, y, x)``.

    Attributes:
        proton_density: at least 0, in units in which ``gain`` times it is an image in SNR units.
        T1: s.
        T2: s.
    """

    proton_density: Tensor
    T1: Tensor
    T2: Tensor

    def logarithms(self) -> Tensor:
        """ln PD, ln T1, ln T2 along a new first axis from the grid, ``(*batch, 3, z, y, x)``."""
        return torch.stack([self.proton_density, self.T1, self.T2], dim=-4).log()


@dataclass(frozen=True, eq=False)
class Curvature:
    """Model and normal equations of a voxelwise fit in ln PD, ln T1, ln T2.

    Attributes:
        model: gain · PD · |S|, ``(*batch, contrast, z, y, x)``.
        jacobian: its slopes, ``(*batch, contrast, 3, z, y, x)``.
        information: JᵀJ + prior, ``(*batch, z, y, x, 3, 3)``.
    """

    model: Tensor
    jacobian: Tensor
    information: Tensor


def maps_of(logarithms: Tensor) -> ParameterMaps:
    """Bounded maps from ``(*batch, 3, z, y, x)``."""
    low = [-math.inf, math.log(T1_RANGE[0]), math.log(T2_RANGE[0])]
    high = [math.inf, math.log(T1_RANGE[1]), math.log(T2_RANGE[1])]
    limits = (logarithms.new_tensor(v)[:, None, None, None] for v in (low, high))
    return ParameterMaps(*logarithms.clamp(*limits).exp().unbind(-4))


def curvature(contrasts: Contrasts, maps: ParameterMaps) -> Curvature:
    """Model, Jacobian and information of the magnitude images at ``maps``; noise of deviation 1."""
    signals = contrast_signals(contrasts, maps.T1, maps.T2)
    # The sign of an inversion recovery is part of the image's phase, which is not modelled.
    scale = _gain(contrasts, maps.T1) * maps.proton_density.unsqueeze(-4)
    signed = scale * signals.value.sign()
    slopes = torch.stack([signals.value, signals.by_log_T1, signals.by_log_T2], dim=-4)
    jacobian = signed.unsqueeze(-4) * slopes
    information = torch.einsum("...cizyx,...cjzyx->...zyxij", jacobian, jacobian)
    return Curvature(scale * signals.value.abs(), jacobian, information + torch.diag_embed(_prior(information)))


def newton_step(curve: Curvature, residual: Tensor, offset: Tensor) -> Tensor:
    """(JᵀJ + Λ)⁻¹ (Jᵀ r − Λ (p − p₀)): the Gauss–Newton step of ln PD, ln T1, ln T2.

    Args:
        curve: at p.
        residual: image − model, ``(*batch, contrast, z, y, x)``.
        offset: p − p₀, distance to the typical, ``(*batch, 3, z, y, x)``.

    Returns:
        ``(*batch, 3, z, y, x)``.
    """
    pull = torch.einsum("...cizyx,...czyx->...zyxi", curve.jacobian, residual)
    pull = pull - _prior(curve.information) * offset.movedim(-4, -1)
    scale = curve.information.diagonal(dim1=-2, dim2=-1).clamp_min(1e-12).rsqrt()
    scaled = scale.unsqueeze(-1) * curve.information * scale.unsqueeze(-2)
    scaled = scaled + 1e-5 * torch.eye(3, dtype=scaled.dtype, device=scaled.device)
    return (scale * torch.linalg.solve(scaled, scale * pull)).movedim(-1, -4)


@torch.no_grad()
def fit_contrasts(
    magnitude: Tensor, contrasts: Contrasts, field_strength: Tensor | float, *, n_iterations: int = 8
) -> ParameterMaps:
    """The maps that fit magnitude images best, voxel by voxel.

        min ½ Σ_c (|x_c| − g_c PD |S_c(T1, T2)|)² + ½ |ln(T1, T2) − ln typical|² / 1.5²

    The best of a dictionary, then Gauss–Newton with steps that are kept only where they help. The weak prior decides
    where the images do not: in the air, and where protocols leave a time open.

    Args:
        magnitude: images in SNR units, real ``(*batch, contrast, z, y, x)``.
        contrasts: their protocols ``(*batch, contrast)``.
        field_strength: B0, T, ``(*batch,)`` or a number.
        n_iterations: Gauss–Newton steps.

    Returns:
        ParameterMaps.

    Raises:
        ValueError: as many contrasts as images are needed.
    """
    if magnitude.shape[-4] != contrasts.n_contrasts:
        raise ValueError(f"{magnitude.shape[-4]} images for {contrasts.n_contrasts} protocols: give one for each")
    centre = typical(magnitude, field_strength)
    p = _best_atoms(magnitude, contrasts, centre)
    cost = _cost(magnitude, contrasts, p, centre)
    damping = torch.ones_like(cost)
    for _ in range(n_iterations):
        curve = curvature(contrasts, maps_of(p))
        step = newton_step(curve, magnitude - curve.model, p - centre).clamp(-LARGEST_STEP, LARGEST_STEP)
        tried = maps_of(p + damping.unsqueeze(-4) * step).logarithms()
        new_cost = _cost(magnitude, contrasts, tried, centre)
        better = new_cost < cost
        p, cost = torch.where(better.unsqueeze(-4), tried, p), torch.where(better, new_cost, cost)
        damping = torch.where(better, (2 * damping).clamp_max(1), damping / 4)
    return maps_of(p)


def following(maps: ParameterMaps, magnitude: Tensor, contrasts: Contrasts) -> ParameterMaps:
    """The same maps, through which a gradient reaches the images that they were fitted to.

        ∂p/∂x = (JᵀJ + Λ)⁻¹ Jᵀ

    The implicit function theorem at the minimum, with Gauss and Newton's curvature: exact where the images follow the
    model.

    Args:
        maps: of :func:`fit_contrasts`.
        magnitude: that they were fitted to, ``(*batch, contrast, z, y, x)``.
        contrasts: their protocols.
    """
    with torch.no_grad():
        curve, start = curvature(contrasts, maps), maps.logarithms()
    return maps_of(start + newton_step(curve, magnitude - magnitude.detach(), torch.zeros_like(start)))


def typical(images: Tensor, field_strength: Tensor | float) -> Tensor:
    """ln (1, T1, T2) of typical tissue at this field, broadcasts against ``(*batch, 3, z, y, x)``."""
    T1 = typical_T1(field_strength).to(images.real)
    return torch.stack([torch.ones_like(T1), T1, torch.full_like(T1, TYPICAL_T2)], dim=-1).log()[..., None, None, None]


def deviation(contrasts: Contrasts, maps: ParameterMaps) -> Tensor:
    """Cramér–Rao bound of ln PD, ln T1, ln T2 for images with noise of deviation 1, with the weak prior.

        σ = √diag (JᵀJ + Λ)⁻¹

    Returns:
        ``(*batch, 3, z, y, x)``; a relative standard deviation where it is small.
    """
    information = curvature(contrasts, maps).information.double()
    scale = information.diagonal(dim1=-2, dim2=-1).clamp_min(1e-12).rsqrt()
    scaled = scale.unsqueeze(-1) * information * scale.unsqueeze(-2)
    inverse = torch.linalg.inv(scaled + 1e-9 * torch.eye(3, dtype=scaled.dtype, device=scaled.device))
    variance = inverse.diagonal(dim1=-2, dim2=-1) * scale.square()
    return variance.clamp_min(0).sqrt().movedim(-1, -4).to(maps.T1)


def _best_atoms(magnitude: Tensor, contrasts: Contrasts, centre: Tensor) -> Tensor:
    n_T1, n_T2 = ATOMS
    T1, T2 = torch.meshgrid(
        *(_log_spaced(limits, n, magnitude) for limits, n in ((T1_RANGE, n_T1), (T2_RANGE, n_T2))), indexing="ij"
    )
    physical = T2 <= T1
    T1, T2 = T1[physical], T2[physical]
    batch = magnitude.shape[:-4]
    flat = magnitude.reshape(-1, *magnitude.shape[-4:]).flatten(2)  # (batch, contrast, voxel)
    atoms = contrast_signals(contrasts, *(t.expand(*batch, 1, 1, -1) for t in (T1, T2))).value
    atoms = (_gain(contrasts, magnitude) * atoms).abs().reshape(len(flat), atoms.shape[-4], -1)
    centre = centre.expand(*batch, 3, 1, 1, 1).reshape(-1, 3, 1)
    penalty = sum((((t.log() - centre[:, i]) / PRIOR_DEVIATION) ** 2 for i, t in ((1, T1), (2, T2))), start=0 * T1)
    found = []
    for images, dictionary, cost in zip(flat, atoms, penalty.expand(len(flat), -1), strict=True):
        norm = dictionary.norm(dim=0).clamp_min(1e-9)
        chosen = torch.cat(
            [
                ((dictionary / norm).T @ part).square().sub_(cost[:, None]).argmax(0)
                for part in images.split(8192, dim=1)
            ]
        )
        best = dictionary[:, chosen]
        pd = (best * images).sum(0) / best.square().sum(0).clamp_min(1e-9)
        least = FAINTEST / dictionary.max().clamp_min(1e-9)
        found.append(torch.stack([pd.clamp_min(least), T1[chosen], T2[chosen]]).log())
    return torch.stack(found).reshape(*batch, 3, *magnitude.shape[-3:])


def _cost(magnitude: Tensor, contrasts: Contrasts, p: Tensor, centre: Tensor) -> Tensor:
    PD, T1, T2 = p.exp().unbind(-4)
    model = _gain(contrasts, T1) * PD.unsqueeze(-4) * contrast_signals(contrasts, T1, T2).value.abs()
    pulled = ((p - centre)[..., 1:, :, :, :] / PRIOR_DEVIATION).square().sum(-4)
    return (magnitude - model).square().sum(-4) + pulled


def _prior(information: Tensor) -> Tensor:
    # A floor on ln PD keeps empty voxels solvable and moves none that holds anything.
    return information.new_tensor([1e-6, PRIOR_DEVIATION**-2, PRIOR_DEVIATION**-2]).expand(information.shape[:-1])


def _gain(contrasts: Contrasts, like: Tensor) -> Tensor:
    return contrasts.gain.to(like)[..., None, None, None]


def _log_spaced(limits: tuple[float, float], n: int, like: Tensor) -> Tensor:
    low, high = (math.log(v) for v in limits)
    return torch.linspace(low, high, n, dtype=like.dtype, device=like.device).exp()
