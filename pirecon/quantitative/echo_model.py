"""Water, fat, field and R2* of single voxels: variable projection."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.encoding import FatSpectrum

VOXELS_AT_ONCE = 8192


@dataclass(frozen=True)
class EchoModel:
    """s_n = (W + F b(t_n)) exp(−2πi δf t_n − R2* t_n), of one voxel.

    Attributes:
        times: t_n, float64 ``(echo,)``, s.
        fat: b(t_n), complex128 ``(echo,)``.
    """

    times: Tensor
    fat: Tensor

    def basis(self, R2_star: Tensor) -> Tensor:
        """Signals of unit water and unit fat on resonance, complex ``(*R2_star.shape, echo, species)``."""
        decay = torch.exp(-R2_star.unsqueeze(-1) * self.times)
        return torch.stack([decay.to(self.fat.dtype), self.fat * decay], dim=-1)

    def turn(self, off_resonance: Tensor) -> Tensor:
        """exp(−2πi δf t_n), complex ``(*off_resonance.shape, echo)``."""
        angle = -2 * math.pi * off_resonance.unsqueeze(-1) * self.times
        return torch.polar(torch.ones_like(angle), angle)


def echo_model(echo_times: Tensor, spectrum: FatSpectrum) -> EchoModel:
    """The model at these echo times, in double precision on their device."""
    times = echo_times.double()
    return EchoModel(times, spectrum.phasor(times))


def residuals(
    images: Tensor, model: EchoModel, off_resonance: Tensor, R2_star: Tensor, penalty: Tensor | None = None
) -> Tensor:
    """What no water and fat explain, for each field, with the best of the R2*: min_R ‖s − A(δf, R) A⁺ s‖² + p(R).

    Args:
        images: s, complex ``(echo, voxel)``.
        model: of the echoes.
        off_resonance: fields to try, ``(field,)``, Hz.
        R2_star: values to try, ``(rate,)``, 1/s.
        penalty: p of unlikely rates, float ``(rate, voxel)``, in the unit of ``|images|²``; None for 0.

    Returns:
        Residuals, float ``(field, voxel)``, in the unit of ``|images|²``.

    Source: Hernando et al., Magn Reson Med 59:571 (2008): variable projection.
    """
    orthonormal = torch.linalg.qr(model.basis(R2_star.double()))[0]  # (rate, echo, species)
    turned = model.turn(off_resonance.double())[:, None, :, None] * orthonormal  # (field, rate, echo, species)
    projectors = turned.movedim(-1, -2).conj().to(images.dtype)  # (field, rate, species, echo)
    parts = []
    penalties = torch.zeros(len(R2_star), images.shape[1]) if penalty is None else penalty
    for some, unlikely in zip(images.split(VOXELS_AT_ONCE, 1), penalties.split(VOXELS_AT_ONCE, 1), strict=True):
        explained = (projectors.flatten(0, 2) @ some).abs().square().unflatten(0, projectors.shape[:3]).sum(2)
        explained = explained - unlikely.to(explained)
        parts.append(some.abs().square().sum(0) - explained.amax(1))
    return torch.cat(parts, dim=1).clamp_min(0)


@dataclass(frozen=True)
class VoxelFit:
    """The best water and fat of each voxel at given fields and R2*, and what the noise leaves unknown.

    Attributes:
        species: W and F, complex ``(species, voxel)``.
        gradient: of ½‖s − m‖² for (δf, R2*), float ``(2, voxel)``.
        curvature: of the same (Gauss–Newton), float ``(2, 2, voxel)``.
        sensitivity: how W and F follow δf and R2*, complex ``(species, 2, voxel)``.
        covariance: of W and F at known δf and R2*, for noise of variance 1 in real and imaginary part, complex
            ``(species, species, voxel)``.
    """

    species: Tensor
    gradient: Tensor
    curvature: Tensor
    sensitivity: Tensor
    covariance: Tensor


def fit_voxels(images: Tensor, model: EchoModel, off_resonance: Tensor, R2_star: Tensor) -> VoxelFit:
    """Water and fat by least squares, and derivatives of the projected residual for a step in δf and R2*.

    Args:
        images: s, complex128 ``(echo, voxel)``.
        model: of the echoes.
        off_resonance: δf, float64 ``(voxel,)``, Hz.
        R2_star: float64 ``(voxel,)``, 1/s.

    Returns:
        VoxelFit.

    Source: Golub and Pereyra, Inverse Problems 19:R1 (2003): variable projection, with Kaufman's approximation of the
    Jacobian.
    """
    A = model.turn(off_resonance).unsqueeze(-1) * model.basis(R2_star)  # (voxel, echo, species)
    gram = A.mH @ A
    inverse = torch.linalg.inv(gram)
    pseudo = inverse @ A.mH
    s = images.mT.unsqueeze(-1)  # (voxel, echo, 1)
    species = pseudo @ s
    found = (A @ species).squeeze(-1)
    slopes = torch.stack([-2j * math.pi * model.times * found, -model.times * found], dim=-1)  # (voxel, echo, 2)
    sensitivity = -pseudo @ slopes
    across = slopes + A @ sensitivity  # what water and fat cannot take up
    rest = s - found.unsqueeze(-1)
    return VoxelFit(
        species.squeeze(-1).mT,
        -(across.mH @ rest).real.squeeze(-1).mT,
        (across.mH @ across).real.movedim(0, -1),
        sensitivity.movedim(0, -1),
        inverse.movedim(0, -1),
    )
