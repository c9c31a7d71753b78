"""The patient as a resistor: currents that a coil drives in a conducting object, and the loss they mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bloch.receiver.coil_array import CoilArray, conductor_vector_potential
from bloch.receiver.loop_field import VACUUM_PERMEABILITY

HEAD_CONDUCTIVITY = 0.4
"""Of a head as a whole, S/m, taken as constant with frequency. The dispersion fits give at 2.7, 64 and 128 MHz: grey
matter 0.19, 0.51, 0.59; white matter 0.12, 0.29, 0.34; muscle 0.56, 0.69, 0.72; cerebrospinal fluid 2.0, 2.1, 2.1.
Source: Gabriel, Lau and Gabriel, Phys Med Biol 41:2271 (1996), four-term Cole–Cole model."""

HEAD_SEMI_AXES = (0.083, 0.107, 0.11)
HEAD_CENTRE = (0.0, 0.0, -0.018)
"""Of an ellipsoid with the volume (4.1 l) and the second moments of the average head of ``bloch.phantom.brain_volume``
(deformation 0) from the vertex to 11 cm below the origin, x y z, m. Its resistance is within 20 % of that head's."""

_DEGREE = 8
"""Harmonic polynomials up to this degree carry the surface charges; converged to 1e-4 for loops 3 cm away."""

_CHUNK = 8192


@dataclass(frozen=True)
class ConductingBody:
    """A conducting object, as points with weights.

    Attributes:
        points: ``(point, 3)``, x y z, m.
        conductance: conductivity times volume of each point ``(point,)``, S m².
    """

    points: Tensor
    conductance: Tensor

    def __post_init__(self) -> None:
        n = len(self.conductance)
        if n == 0 or self.points.shape != (n, 3) or not bool((self.conductance > 0).all()):
            raise ValueError(
                "a body needs points (point, 3) with a conductance above 0 each, but got points "
                f"{tuple(self.points.shape)} and conductances {tuple(self.conductance.shape)}; leave out points in air"
            )


def ellipsoid_body(
    semi_axes: tuple[float, float, float] = (0.09, 0.09, 0.09),
    *,
    conductivity: float = HEAD_CONDUCTIVITY,
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> ConductingBody:
    """A homogeneous ellipsoid, by Gauss–Legendre points in radius and height that integrate polynomials exactly.

    Args:
        semi_axes: along x, y, z, m.
        conductivity: S/m.
        centre: x, y, z, m.

    Returns:
        ConductingBody of some 3,500 points, exact for polynomials up to degree 21.

    Raises:
        ValueError: a size or conductivity that is not above 0.
    """
    if min(*semi_axes, conductivity) <= 0:
        raise ValueError(f"semi-axes and conductivity must be above 0, but are {semi_axes} m and {conductivity} S/m")
    nodes, node_weights = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(12))
    radius, height = 0.5 * (1 + nodes), nodes
    turns = 2 * math.pi * torch.arange(24, dtype=torch.float64) / 24
    r, c, phi = torch.meshgrid(radius, height, turns, indexing="ij")
    across = r * (1 - c**2).sqrt()
    unit = torch.stack((across * phi.cos(), across * phi.sin(), r * c), dim=-1).reshape(-1, 3)
    volume = 0.5 * node_weights.reshape(-1, 1, 1) * r**2 * node_weights.reshape(-1, 1) * (2 * math.pi / 24)
    axes, origin = (torch.tensor(v, dtype=torch.float64) for v in (semi_axes, centre))
    return ConductingBody(unit * axes + origin, conductivity * float(axes.prod()) * volume.flatten())


def head_body() -> ConductingBody:
    """An ellipsoid like a head: ``HEAD_SEMI_AXES`` round ``HEAD_CENTRE``."""
    return ellipsoid_body(HEAD_SEMI_AXES, centre=HEAD_CENTRE)


def voxel_body(conductivity: Tensor, voxel_size: tuple[float, float, float]) -> ConductingBody:
    """An object on a grid, such as a phantom's mask times its conductivity.

    Args:
        conductivity: ``(z, y, x)``, S/m, 0 in air. Voxel ``n // 2`` of each axis lies at the origin.
        voxel_size: ``(z, y, x)``, m.

    Returns:
        ConductingBody with a point for each voxel that conducts.

    Raises:
        ValueError: not three axes, nothing conducts, or a negative conductivity.
    """
    if conductivity.ndim != 3 or bool((conductivity < 0).any()) or not bool((conductivity > 0).any()):
        raise ValueError(
            "conductivity must be (z, y, x) in S/m, nowhere below 0 and somewhere above, but has shape "
            f"{tuple(conductivity.shape)} and values from {float(conductivity.min())} to {float(conductivity.max())}"
        )
    index = conductivity.nonzero()
    middle = torch.tensor([n // 2 for n in conductivity.shape], device=index.device)
    size = torch.tensor(voxel_size, dtype=torch.float64, device=index.device)
    values = conductivity[tuple(index.T)].to(torch.float64)
    return ConductingBody(((index - middle) * size).flip(-1), values * math.prod(voxel_size))


def resistance_per_square_frequency(array: CoilArray, body: ConductingBody) -> Tensor:
    """Resistance matrix of the conductors through the body, over ω².

        R_ij / ω² = ∫ σ E_i · E_j dV,   E_i = −(A_i + ∇φ_i),   φ_i so that no current leaves the body

    A coil's changing current drives −∂A/∂t; charges on the body's surface turn the current along it. In a homogeneous
    body φ is harmonic, and of all fields A + ∇φ the true one has the least loss (Thomson's principle). So ∇φ is the
    projection of A on the gradients of harmonic polynomials. Where conductivity varies inside, charges there
    are left out and the result is an upper bound. Quasi-static: the body is small against wavelength and skin depth.

    Args:
        array: the coils.
        body: what conducts.

    Returns:
        Real symmetric float64 ``(conductor, conductor)``, Ω s², on the CPU: times ω² it is Ω.

    Source: Roemer et al., Magn Reson Med 16:192 (1990), eqs. 20–26; Redpath, Magn Reson Med 24:85 (1992);
    least loss: Jeans, The Mathematical Theory of Electricity and Magnetism, 5th ed. (1925), § 358.
    """
    points, weights = (v.detach().to("cpu", torch.float64) for v in (body.points, body.conductance))
    centre = (weights.unsqueeze(-1) * points).sum(0) / weights.sum()
    size = (points - centre).norm(dim=-1).max().clamp_min(1e-9)
    n = array.n_conductors
    gram = torch.zeros(())
    for r, w in zip(points.split(_CHUNK), weights.split(_CHUNK), strict=True):
        A = conductor_vector_potential(array, r).movedim(1, 0) / VACUUM_PERMEABILITY  # (conductor, 3, point)
        rows = torch.cat((A, _harmonic_gradients((r - centre) / size, _DEGREE)))
        rows = (rows * w.sqrt()).flatten(1)
        gram = gram + rows @ rows.T
    AA, AG, GG = gram[:n, :n], gram[:n, n:], gram[n:, n:]
    size_of = GG.diagonal().rsqrt()
    shared = AG * size_of
    projection = shared @ torch.linalg.pinv(size_of.unsqueeze(1) * GG * size_of, rtol=1e-12, hermitian=True) @ shared.T
    R = VACUUM_PERMEABILITY**2 * (AA - projection)
    return 0.5 * (R + R.T)


def _harmonic_gradients(r: Tensor, degree: int) -> Tensor:
    """Gradients of a basis of the harmonic polynomials of degree 1 to ``degree``: (polynomial, 3, point).

    Real and imaginary part of (u·r)^l with u = (cos α, sin α, i), which is harmonic since u·u = 0; l + 1 angles for
    the real parts (even in z) and l for the imaginary ones make all 2l + 1. Source: Whittaker, Math Ann 57:333 (1903).
    """
    gradients = []
    for power in range(1, degree + 1):
        for part, n_angles in ((torch.real, power + 1), (torch.imag, power)):
            alpha = math.pi * torch.arange(n_angles, dtype=torch.float64) / n_angles
            u = torch.stack((alpha.cos(), alpha.sin(), 1j * torch.ones_like(alpha)), dim=-1)
            base = u @ r.T.to(u)
            slope = power * torch.ones_like(base)
            for _ in range(power - 1):  # many times faster than a complex power
                slope = slope * base
            gradients.append(part(slope.unsqueeze(1) * u.unsqueeze(-1)))
    return torch.cat(gradients)
