"""How far each spin precesses in each step: a sum of products of what the step does and where the spin is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.magnetisation.gradient_moments import turned_products
from bloch.magnetisation.spins import Spins
from bloch.magnetisation.timeline import Timeline
from bloch.receiver.coil_array import Vector, transverse_axes


@dataclass(frozen=True)
class Precession:
    """Cycles of spin n in step s: Σ_f steps[s, f] · spins[n, f]. Positive cycles turn M+ as exp(−2πi cycles).

    Attributes:
        steps: ``(step, term)``.
        spins: ``(spin, term)``.
    """

    steps: Tensor
    spins: Tensor


def precession(
    spins: Spins, timeline: Timeline, *, B0: float | None = None, B0_direction: Vector = (0.0, 0.0, 1.0)
) -> Precession:
    """The terms of the precession.

        cycles = γ/2π ∫ (G·r + ΔB + B_c(r)) dt
        B_c = [(G_x² + G_y²) z² + G_z² (x² + y²)/4 − G_x G_z x z − G_y G_z y z] / (2 B0)     (z along B0)

    Args:
        spins: points; their extent plays no part.
        timeline: steps; with ``products`` the concomitant field B_c acts.
        B0: field strength, T; needed for the concomitant field only.
        B0_direction: unit vector, patient coordinates.

    Returns:
        Precession, dtype and device of the spins.

    Raises:
        ValueError: the timeline has products of gradients and B0 is missing, or breathes and the spins do not.

    Source: Bernstein et al., Magn Reson Med 39:300 (1998), eq. 2, for gradient coils of the symmetric kind (α = ½).
    """
    steps = step_terms(timeline, B0=B0, B0_direction=B0_direction)
    places = place_terms(spins, timeline, B0_direction=B0_direction)
    return Precession(steps.to(places.device), places)


def step_terms(timeline: Timeline, *, B0: float | None = None, B0_direction: Vector = (0.0, 0.0, 1.0)) -> Tensor:
    """What the steps contribute to :func:`precession`, float64 ``(step, term)``, on the timeline's device."""
    terms = [timeline.moment, timeline.duration.unsqueeze(1)]
    if _shifts_all(timeline):
        terms.append(timeline.cycles.unsqueeze(1))
    if timeline.breathing is not None:
        terms.append(timeline.breathing)
    if timeline.products is not None:
        if B0 is None or not B0 > 0:
            raise ValueError(f"concomitant fields grow as 1/B0; give the field strength in T, above 0, not {B0}")
        terms.append(_concomitant_moments(timeline.products, _magnet_axes(B0_direction, timeline.products)) / (2 * B0))
    return torch.cat([term.double() for term in terms], dim=1)


def place_terms(spins: Spins, timeline: Timeline, *, B0_direction: Vector = (0.0, 0.0, 1.0)) -> Tensor:
    """What the spins contribute to :func:`precession`, ``(spin, term)``; dtype and device of the spins."""
    terms = [spins.position, spins.off_resonance.unsqueeze(1)]
    if _shifts_all(timeline):
        terms.append(torch.ones_like(spins.off_resonance).unsqueeze(1))
    if timeline.breathing is not None:
        if spins.displacement is None:
            raise ValueError("the timeline breathes, but the spins have no displacement; give the phantom its motion")
        terms.append(spins.displacement)
    if timeline.products is not None:
        x, y, z = (spins.position @ _magnet_axes(B0_direction, spins.position).T).unbind(-1)
        terms.append(torch.stack((z * z, (x * x + y * y) / 4, -x * z, -y * z), dim=1))
    return torch.cat([term.to(spins.position) for term in terms], dim=1)


def _shifts_all(timeline: Timeline) -> bool:
    return timeline.cycles.requires_grad or bool((timeline.cycles != 0).any())


def _magnet_axes(B0_direction: Vector, like: Tensor) -> Tensor:
    """Rows x, y, z of the magnet."""
    e1, e2 = transverse_axes(B0_direction)
    return torch.stack((e1, e2, torch.tensor(B0_direction, dtype=torch.float64))).to(like)


def _concomitant_moments(products: Tensor, axes: Tensor) -> Tensor:
    """γ/2π ∫ of G_x² + G_y², G_z², G_x G_z, G_y G_z along the magnet's axes, ``(step, 4)``."""
    xx, yy, zz, _, xz, yz = turned_products(products, axes).unbind(-1)
    return torch.stack((xx + yy, zz, xz, yz), dim=1)
