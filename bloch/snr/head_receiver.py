"""Coils round a head, and the SNR that they give to water at a field strength before any sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bloch.receiver import CoilArray, ConductingBody, head_body, sensitivities, signal_factor
from bloch.receiver.coil_array import Vector
from bloch.receiver.noise import BODY_TEMPERATURE, BOLTZMANN, CROSSOVER_FIELD, noise_resistance

BRAIN_RADIUS = 0.065
"""Of the ball over which the SNR is averaged, m: 1.15 l, about a brain's volume."""

NOISE_FIGURE = 0.5
"""Of the preamplifiers, dB."""


@dataclass(frozen=True, eq=False)
class HeadReceiver:
    """Coils as heard at some points, with the resistances that make their noise at 1 T.

    Attributes:
        sensitivity: S, complex128 ``(coil, point)``, T/A.
        body_resistance: of the patient at 1 T ``(coil, coil)``, Ω; it grows as B0².
        copper_resistance: of the coils at 1 T ``(coil, coil)``, Ω; it grows as B0^½.
        noise_figure: of the preamplifiers, dB.
    """

    sensitivity: Tensor
    body_resistance: Tensor
    copper_resistance: Tensor
    noise_figure: float = NOISE_FIGURE


def head_receiver(
    array: CoilArray,
    *,
    points: Tensor | None = None,
    body: ConductingBody | None = None,
    reference_body: ConductingBody | None = None,
    B0_direction: Vector = (0.0, 0.0, 1.0),
    crossover_field: float = CROSSOVER_FIELD,
) -> HeadReceiver:
    """Coils round a head.

    Args:
        array: the coils.
        points: where the SNR is wanted ``(point, 3)``, x y z, m; a ball like a brain where None.
        body: what conducts; an ellipsoid like a head where None.
        reference_body: the head for which ``crossover_field`` holds. The copper is the same whatever head lies in the
            coil, so heads that differ are compared with one reference; ``body`` where None.
        B0_direction: unit vector of the main field.
        crossover_field: field strength at which the reference makes as much noise as the copper, T.

    Returns:
        HeadReceiver.

    Raises:
        ValueError: as :func:`bloch.receiver.noise.noise_resistance`.
    """
    points = brain_points() if points is None else points
    body = head_body() if body is None else body
    own, copper = noise_resistance(array, 1.0, body=body, crossover_field=crossover_field)
    if reference_body is not None:
        _, copper = noise_resistance(array, 1.0, body=reference_body, crossover_field=crossover_field)
    S = sensitivities(array, points.reshape(-1, 3), B0_direction=B0_direction)
    return HeadReceiver(S.to(torch.complex128), own, copper)


def with_crossover(receiver: HeadReceiver, ratio: float) -> HeadReceiver:
    """The same coils with other copper, so that the crossover field is ``ratio`` times what it was.

    R_body B_c² = R_copper √B_c  ⇒  R_copper ∝ B_c^(3/2)
    """
    return replace(receiver, copper_resistance=receiver.copper_resistance * ratio**1.5)


def intrinsic_snr(receiver: HeadReceiver, B0: float) -> Tensor:
    """SNR of fully relaxed water for each cubic metre and each root second of listening.

        ψ = 2 ω0 M0 √(Sᴴ Ψ⁻¹ S),   Ψ = 4 k T F (R_body B0² + R_copper √B0)

    so that a voxel has SNR = |m| ΔV √(listening time) ψ: all that the receiver and the field contribute.

    Args:
        receiver: coils and head.
        B0: field strength, T.

    Returns:
        Float64 ``(point,)``, m⁻³ s^−½.

    Raises:
        ValueError: B0 is not above 0.

    Source: Edelstein et al., Magn Reson Med 3:604 (1986), the intrinsic SNR; otherwise as
    :func:`bloch.receiver.voxel_snr` and :func:`bloch.receiver.noise_covariance_density`.
    """
    factor = signal_factor(B0)  # refuses impossible fields
    R = receiver.body_resistance * B0**2 + receiver.copper_resistance * math.sqrt(B0)
    Psi = 4 * BOLTZMANN * BODY_TEMPERATURE * 10 ** (receiver.noise_figure / 10) * R
    L = torch.linalg.cholesky(Psi.to(torch.complex128))
    whitened = torch.linalg.solve_triangular(L, receiver.sensitivity, upper=False)
    return factor * whitened.abs().square().sum(0).sqrt()


def brain_points(radius: float = BRAIN_RADIUS, *, n_across: int = 9) -> Tensor:
    """A ball on a grid whose first point is the origin.

    Args:
        radius: m.
        n_across: points along a diameter; odd.

    Returns:
        Float64 ``(point, 3)``, x y z, m.
    """
    axis = torch.linspace(-radius, radius, n_across, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    ball = grid[grid.norm(dim=-1) <= radius * (1 + 1e-9)]
    return ball[ball.norm(dim=-1).argsort(stable=True)]
