"""The sensitivity of a slice along its normal, from the pulses that select it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation import point_spins, reference_magnetisation, timeline
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import (
    SINC_PULSE,
    TRANSAXIAL,
    Block,
    Encoding,
    PulseDesign,
    Readout,
    RFPulse,
    Sequence,
    block,
    fully_sampled,
    hard_pulse,
    trapezoid,
)
from bloch.sequence.slice_selection import SelectedPulse, selected_pulse

REACH, STEP = 1.5, 1 / 64
"""Half width and step of the grid of a computed profile, slice thicknesses: side lobes beyond are below 0.1 %."""
_NO_RELAXATION = 1e9  # s
_THICKNESS = 10e-3  # m; a profile counted in thicknesses does not depend on it


@dataclass(frozen=True, eq=False)
class SliceProfile:
    """How strongly a slice sees what lies at a distance from its middle.

    Attributes:
        positions: along the normal, float64 ``(point,)``, even steps, in slice thicknesses.
        weights: float64 ``(point,)``, sum 1: the weighted sum of samples is the slice's signal. Side lobes may be
            negative.
        source: where it is from, one sentence.
    """

    positions: Tensor
    weights: Tensor
    source: str


def box_profile() -> SliceProfile:
    """An ideal slice: 1 within its thickness, 0 beyond.

    Returns:
        SliceProfile.
    """
    n = round(1 / STEP)
    positions = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) / n
    return SliceProfile(positions, torch.full_like(positions, 1 / n), "ideal slices, of even sensitivity")


def pulse_profile(
    flip_angle: float = math.pi / 2, *, design: PulseDesign = SINC_PULSE, refocused_thickness: float | None = None
) -> SliceProfile:
    """The profile that a selective pulse makes, by the Bloch equations without relaxation.

        w(z) ∝ Re [M+(z)* b(z)] / M+(0)*,   b = β² of the refocusing pulse, 1 without one

    M+ is the transverse magnetisation after the pulse, its gradient rewound from the pulse's middle on. A refocusing
    pulse between crushers keeps β² of the conjugate of what it finds (Cayley–Klein). It is read from two plays, after
    hard pulses that leave M+ = 1 and M+ = i: M1 = a + b and Mi = ia − ib give b = (M1 + i Mi) / 2. The part of M+ in
    quadrature is odd in z and cancels in an even object.

    Args:
        flip_angle: of the excitation, rad.
        design: of the pulses: a sinc, its time-bandwidth product and window.
        refocused_thickness: nominal thickness of the refocusing pulse over the slice's for a spin echo; None for a
            gradient echo.

    Returns:
        SliceProfile, weights of sum 1, within 1.5 thicknesses of the middle.

    Raises:
        ValueError: the pulse selects nothing, or the signal of the whole slice is nil.

    Source: Bloch, Phys Rev 70:460 (1946); Pauly J. et al., IEEE Trans Med Imaging 10:53 (1991), equations 8 and 36.
    """
    if not design.slice_selective:
        raise ValueError("a pulse without slice selection has no profile along the normal; use box_profile()")
    n = round(REACH / STEP)
    positions = torch.arange(-n, n + 1, dtype=torch.float64) * STEP
    excitation = selected_pulse(flip_angle, _ENCODING, _SCANNER, design=design)
    seen = _played(positions, excitation)
    if refocused_thickness is not None:
        seen = seen.conj() * _refocused(positions, design, refocused_thickness)
    weights = (seen / seen[n]).real
    total = float(weights.sum())
    if not (math.isfinite(total) and total * STEP > 0.05):
        raise ValueError(
            f"a flip angle of {math.degrees(flip_angle):.4g} degrees leaves no signal in the slice; give that of an "
            "excitation, in rad"
        )
    echo = "" if refocused_thickness is None else f", refocused over {refocused_thickness:.4g} thicknesses"
    return SliceProfile(
        positions,
        weights / total,
        f"slice profile of a sinc pulse of {math.degrees(flip_angle):.0f} degrees and time-bandwidth product "
        f"{design.time_bandwidth:.4g}{echo}, by the Bloch equations",
    )


def full_width(profile: SliceProfile) -> float:
    """Width at half of the maximum, in slice thicknesses, between the outermost crossings.

    Args:
        profile: any.

    Returns:
        Thicknesses.
    """
    w, z = profile.weights.numpy(), profile.positions.numpy()
    inside = np.flatnonzero(w >= w.max() / 2)
    step = z[1] - z[0]
    edges = []
    for i, outward in ((inside[0], -1), (inside[-1], 1)):
        beyond = w[i + outward] if 0 <= i + outward < len(w) else 0.0
        edges.append(z[i] + outward * step * (w[i] - w.max() / 2) / (w[i] - beyond))
    return float(edges[1] - edges[0])


def _refocused(positions: Tensor, design: PulseDesign, widening: float) -> Tensor:
    """β² of a refocusing pulse of 180°, times a constant phase, complex128 ``(point,)``."""
    pulse = selected_pulse(math.pi, _ENCODING, _SCANNER, design=design, use="refocusing", widening=widening)
    # A pulse about phase φ leaves M+ = exp(iφ) up to one factor for both, which the division by the middle removes.
    first, second = (
        _played(positions, pulse, tip=hard_pulse(math.pi / 2, phase=phase)) for phase in (0.0, math.pi / 2)
    )
    b: Tensor = (first + 1j * second) / 2
    return b


def _played(positions: Tensor, pulse: SelectedPulse, *, tip: RFPulse | None = None) -> Tensor:
    """M+ of spins along the normal after a pulse, its gradient undone, complex128 ``(point,)``.

    With a hard pulse before it the half of the gradient before its middle is undone too.
    """
    blocks = [] if tip is None else [block(rf=tip), _gradient(-pulse.moment_before)]
    blocks += [pulse.block, _gradient(-pulse.moment_after), Block(2e-6, readout=Readout(1, 1e-6))]
    place = torch.zeros(len(positions), 3, dtype=torch.float64)
    place[:, 2] = positions * _THICKNESS
    relaxation = torch.full((len(positions),), _NO_RELAXATION, dtype=torch.float64)
    spins = point_spins(relaxation, relaxation, position=place)
    return reference_magnetisation(spins, timeline(Sequence(tuple(blocks))))[:, 0]


def _gradient(moment: float) -> Block:
    return block(gz=trapezoid(moment, flat_time=1e-3, ramp_time=0.5e-3))


_SCANNER = Scanner(1.0, volume_coil())
_ENCODING = Encoding((1, 1, 1), (_THICKNESS, 1.0, 1.0), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, 1)))
