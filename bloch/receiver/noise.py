"""Thermal noise of receive coils: how much there is at B0 and how channels share it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.receiver.coil_array import CoilArray
from bloch.receiver.loop_field import loop_vector_potential

SAMPLE_NOISE_FIELD = 0.2
"""Field strength at which a head-sized coil hears as much noise from the head as from its own copper, T.

An order of magnitude, not a constant of nature: it depends on the coil. Source: Hoult and Lauterbur, J Magn Reson
34:425 (1979); Marques, Simonis and Webb, J Magn Reson Imaging 49:1528 (2019).
"""


def sample_noise_fraction(B0: float) -> float:
    """Share of the noise power that comes from the patient rather than from the coil's copper.

        f = ω² / (ω² + c √ω): sample noise grows as ω² (induced currents), copper noise as √ω (skin effect)

    Args:
        B0: field strength, T.

    Returns:
        Fraction between 0 and 1; ½ at ``SAMPLE_NOISE_FIELD``.

    Source: Hoult and Lauterbur, J Magn Reson 34:425 (1979), eqs. 8–13.
    """
    return 1 / (1 + (SAMPLE_NOISE_FIELD / B0) ** 1.5)


def relative_snr(B0: float, reference: float) -> float:
    """SNR at ``B0`` over the SNR at ``reference`` for the same voxel, bandwidth, relaxation and coil geometry.

        SNR ∝ ω² / √(ω² + c √ω): from B0^(7/4) where copper is loudest to B0 where the patient is

    Args:
        B0: field strength, T.
        reference: field strength, T.

    Returns:
        The ratio, dimensionless.

    Source: as in :func:`sample_noise_fraction`.
    """

    def snr(field: float) -> float:
        return field * math.sqrt(sample_noise_fraction(field))  # ω²/√(ω²/f) = ω √f

    return snr(B0) / snr(reference)


def noise_covariance(array: CoilArray, B0: float, *, object_radius: float = 0.09) -> Tensor:
    """Correlation of the channels' noise: copper noise is each loop's own, the patient's is shared.

        Ψ = (1 − f) 1 + f D^(−½) R D^(−½),   R_ij = ∫ A_i · A_j dV,   D = diag R,   f = sample_noise_fraction(B0)

    A changing current in loop i drives E_i = −∂A_i/∂t in the patient; R is the resistance matrix Σ σ E_i·E_j
    up to a constant. The object is a homogeneous sphere round the origin, the charges on its surface are left out.

    Args:
        array: the loops.
        B0: field strength, T.
        object_radius: m.

    Returns:
        Hermitian complex128 ``(coil, coil)`` with unit diagonal.

    Source: Roemer et al., Magn Reson Med 16:192 (1990), eqs. 20–26; Redpath, Magn Reson Med 24:85 (1992).
    """
    axis = torch.linspace(-1, 1, 13, dtype=torch.float64) * object_radius
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    inside = grid[grid.norm(dim=-1) <= object_radius]
    position, normal, radius = (v.to("cpu", torch.float64) for v in (array.positions, array.normals, array.radii))
    A = loop_vector_potential(inside, position=position, normal=normal, radius=radius)  # (3, loop, point)
    shared = _unit_diagonal(torch.einsum("cip,cjp->ij", A, A))
    f = sample_noise_fraction(B0)
    covariance = ((1 - f) * torch.eye(len(shared), dtype=torch.float64) + f * shared).to(torch.complex128)
    if array.combination is not None:
        W = array.combination.to(covariance)
        covariance = _unit_diagonal(W @ covariance @ W.mH)
    return covariance


def correlated_noise(covariance: Tensor, n_samples: int, *, generator: torch.Generator) -> Tensor:
    """Complex Gaussian noise, white from sample to sample, correlated from channel to channel.

        n = L z with Ψ = L Lᴴ; E[n nᴴ] = 2 Ψ, so a unit diagonal is standard deviation 1 of real and imaginary part

    Args:
        covariance: Ψ, Hermitian positive definite ``(coil, coil)``.
        n_samples: per channel.
        generator: source of randomness, on the CPU.

    Returns:
        Complex128 ``(coil, n_samples)``.
    """
    white = torch.randn(len(covariance), n_samples, 2, dtype=torch.float64, generator=generator)
    L = torch.linalg.cholesky(covariance.to("cpu", torch.complex128))
    return L @ torch.view_as_complex(white)


def _unit_diagonal(matrix: Tensor) -> Tensor:
    scale = matrix.diagonal().real.rsqrt()
    return scale.unsqueeze(1) * matrix * scale
