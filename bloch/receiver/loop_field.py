"""The magnetic field and vector potential of circular current loops, in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

VACUUM_PERMEABILITY = 1.25663706127e-6
"""μ0 in T m / A. Source: CODATA 2022, Mohr et al., Rev Mod Phys 97:025002 (2025)."""

_WIRE = 0.02
"""Wire radius over loop radius. Nearer to the wire than this the thin-wire field is held at its value there."""

_ON_AXIS = 1e-4
"""Distance from the axis over loop radius below which the expansion on the axis is exact to 1e-8 (as is the other)."""


def complete_elliptic_integrals(m: Tensor) -> tuple[Tensor, Tensor]:
    """K(m) and E(m) by the arithmetic-geometric mean.

    K = π / (2 agm(1, √(1−m))),  E = K (1 − Σ_n 2^(n−1) c_n²) with c_0² = m.

    Args:
        m: parameter k², in [0, 1), any shape, float64.

    Returns:
        K and E, shape of ``m``.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 17.6.3 and 17.6.4.
    """
    a, b = torch.ones_like(m), (1 - m).clamp_min(torch.finfo(m.dtype).tiny).sqrt()
    series, weight = 0.5 * m, 1.0
    for _ in range(6):  # quadratic convergence: below 1e-15 for m up to 1 - 1e-8
        a, b, c = 0.5 * (a + b), (a * b).sqrt(), 0.5 * (a - b)
        series = series + weight * c.square()
        weight *= 2
    K = 0.5 * math.pi / a
    return K, K * (1 - series)


def loop_field(points: Tensor, *, position: Tensor, normal: Tensor, radius: Tensor) -> Tensor:
    """Magnetic field of circular loops that carry 1 A each (Biot–Savart, closed form).

    With z along the normal, ρ the distance from the axis, r² = ρ² + z², α² = a² + r² − 2aρ, β² = a² + r² + 2aρ and
    m = 1 − α²/β²:

        B_z = μ0 / (2π α² β) [(a² − r²) E(m) + α² K(m)]
        B_ρ = μ0 z / (2π α² β ρ) [(a² + r²) E(m) − α² K(m)]

    Args:
        points: coordinates ``(..., 3)``, x y z, m, float64.
        position: centres ``(loop, 3)``, m.
        normal: unit vectors ``(loop, 3)``; the current circulates right-handed about them.
        radius: ``(loop,)``, m.

    Returns:
        B per unit current ``(3, loop, ...)``, T/A.

    Source: Simpson et al., Simple analytic expressions for the magnetic field of a circular current loop,
    NASA/TM-2013-217919 (2001), eqs. 5–7 and 17–20.
    """
    offset, along, from_axis = _loop_coordinates(points, position=position, normal=normal)
    a = radius.reshape(-1, *(1,) * (points.ndim - 1))
    r2 = offset.square().sum(0)
    rho = from_axis.square().sum(0).sqrt()
    alpha2 = torch.maximum(a**2 + r2 - 2 * a * rho, (_WIRE * a) ** 2)
    beta2 = a**2 + r2 + 2 * a * rho
    K, E = complete_elliptic_integrals(1 - alpha2 / beta2)
    scale = VACUUM_PERMEABILITY / (2 * math.pi * alpha2 * beta2.sqrt())
    axial = scale * ((a**2 - r2) * E + alpha2 * K)
    near_axis = rho < _ON_AXIS * a
    radial = scale * along * ((a**2 + r2) * E - alpha2 * K) / torch.where(near_axis, a, rho).square()
    on_axis = 0.75 * VACUUM_PERMEABILITY * a**2 * along / (a**2 + along**2) ** 2.5  # lim B_ρ / ρ = -½ dB_z/dz
    radial_over_rho = torch.where(near_axis, on_axis, radial)
    return axial * _columns(normal, points.ndim - 1) + radial_over_rho * from_axis


def loop_vector_potential(points: Tensor, *, position: Tensor, normal: Tensor, radius: Tensor) -> Tensor:
    """Magnetic vector potential of circular loops that carry 1 A each; a changing current drives E = −∂A/∂t.

        A_φ = μ0 / (2π) · β / ρ · [(1 − m/2) K(m) − E(m)]   (m, β as in :func:`loop_field`)

    Args:
        points, position, normal, radius: as in :func:`loop_field`.

    Returns:
        A per unit current ``(3, loop, ...)``, T m / A.

    Source: Jackson, Classical Electrodynamics, 3rd ed., eq. 5.37.
    """
    offset, _, from_axis = _loop_coordinates(points, position=position, normal=normal)
    a = radius.reshape(-1, *(1,) * (points.ndim - 1))
    r2 = offset.square().sum(0)
    rho = torch.maximum(from_axis.square().sum(0).sqrt(), _ON_AXIS * a)
    alpha2 = torch.maximum(a**2 + r2 - 2 * a * rho, (_WIRE * a) ** 2)
    beta2 = a**2 + r2 + 2 * a * rho
    m = 1 - alpha2 / beta2
    K, E = complete_elliptic_integrals(m)
    strength = VACUUM_PERMEABILITY / (2 * math.pi) * beta2.sqrt() / rho * ((1 - m / 2) * K - E)
    return strength * torch.linalg.cross(_columns(normal, points.ndim - 1), from_axis / rho, dim=0)


def _loop_coordinates(points: Tensor, *, position: Tensor, normal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Offset from each loop's centre (3, loop, ...), its part along the normal (loop, ...), and the rest of it."""
    n_axes = points.ndim - 1
    axis = _columns(normal, n_axes)
    offset = points.movedim(-1, 0).unsqueeze(1) - _columns(position, n_axes)
    along = (offset * axis).sum(0)
    return offset, along, offset - along * axis


def _columns(vectors: Tensor, n_axes: int) -> Tensor:
    """(loop, 3) as (3, loop, 1, ..., 1)."""
    return vectors.T.reshape(3, -1, *(1,) * n_axes)
