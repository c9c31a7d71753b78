"""What a sequence is made of: pulses, gradients and readouts, gathered in blocks that play one after another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bloch.sequence.encoding import Line
from bloch.tissue import GYROMAGNETIC_RATIO

PulseUse = Literal["excitation", "refocusing", "inversion", "saturation", "preparation"]


@dataclass(frozen=True, eq=False)
class RFPulse:
    """A radio-frequency pulse, as the turns that its raster steps make.

    Attributes:
        rotations: complex128 ``(step,)``, 2π γ B1 Δt of every step, rad; an instantaneous pulse has one.
        raster: Δt, s; 0 for an instantaneous pulse.
        phase: rad.
        frequency_offset: carrier minus resonance, Hz; its phase is zero at the centre of the shape.
        delay: from the start of the block, s.
        use: what the pulse is for.
    """

    rotations: np.ndarray
    raster: float = 0.0
    phase: float = 0.0
    frequency_offset: float = 0.0
    delay: float = 0.0
    use: PulseUse = "excitation"

    @property
    def duration(self) -> float:
        """Of the shape, without the delay, s."""
        return len(self.rotations) * self.raster

    @property
    def end(self) -> float:
        """From the start of the block, s."""
        return self.delay + self.duration

    @property
    def flip_angle(self) -> float:
        """On resonance, rad; of an adiabatic pulse only a formal one."""
        return float(abs(self.rotations.sum()))

    @property
    def peak_B1(self) -> float:
        """Largest transmit field, T; 0 for an instantaneous pulse, which has none."""
        if self.raster == 0:
            return 0.0
        return float(abs(self.rotations).max() / (2 * math.pi * GYROMAGNETIC_RATIO * self.raster))


@dataclass(frozen=True, eq=False)
class Gradient:
    """A piecewise linear gradient on one axis; zero before its first and after its last point.

    Attributes:
        times: float64 ``(point,)``, growing, from the start of the block, s.
        amplitudes: float64 ``(point,)``, T/m.
    """

    times: np.ndarray
    amplitudes: np.ndarray

    @property
    def end(self) -> float:
        """From the start of the block, s."""
        return float(self.times[-1])

    @property
    def moment(self) -> float:
        """γ/2π ∫ G dt, 1/m: how far it moves in k-space."""
        return float(GYROMAGNETIC_RATIO * np.trapezoid(self.amplitudes, self.times))


@dataclass(frozen=True)
class Readout:
    """The receiver open: sample i is taken at ``delay + (i + ½) dwell``.

    Attributes:
        n_samples: number.
        dwell: between samples, s.
        delay: from the start of the block, s.
        phase: of the receiver, rad: samples are multiplied by exp(−i phase).
        frequency_offset: of the receiver, Hz; its phase is zero at the middle of the readout.
        label: where the samples belong; None where nothing is known of it.
    """

    n_samples: int
    dwell: float
    delay: float = 0.0
    phase: float = 0.0
    frequency_offset: float = 0.0
    label: Line | None = None

    @property
    def end(self) -> float:
        """From the start of the block, s."""
        return self.delay + self.n_samples * self.dwell


@dataclass(frozen=True, eq=False)
class Block:
    """Events that begin together. Gradients lie on the logical axes x (read), y (phase), z (slice).

    Attributes:
        duration: s; at least the end of every event.
        rf: at most one pulse.
        gx, gy, gz: at most one gradient on each axis.
        readout: at most one.
        slice: the slice whose magnetisation this block serves; None serves all (a delay, a 3D scan, a read file).
        spoiler: an ideal spoiler plays at the end: no transverse magnetisation is left. No scanner has one; real
            spoilers are gradients, which dephase, and diffusion and flow, which make it last.
    """

    duration: float
    rf: RFPulse | None = None
    gx: Gradient | None = None
    gy: Gradient | None = None
    gz: Gradient | None = None
    readout: Readout | None = None
    slice: int | None = None
    spoiler: bool = False

    def __post_init__(self) -> None:
        if not self.last_end <= self.duration * (1 + 1e-9) + 1e-12:
            raise ValueError(
                f"a block of {self.duration:.6g} s holds an event that ends at {self.last_end:.6g} s; lengthen the "
                "block"
            )

    @property
    def gradients(self) -> tuple[Gradient | None, Gradient | None, Gradient | None]:
        """On x, y, z."""
        return self.gx, self.gy, self.gz

    @property
    def last_end(self) -> float:
        """End of the last event, s; 0 for a delay."""
        return max((e.end for e in (self.rf, *self.gradients, self.readout) if e is not None), default=0.0)


def block(
    *,
    rf: RFPulse | None = None,
    gx: Gradient | None = None,
    gy: Gradient | None = None,
    gz: Gradient | None = None,
    readout: Readout | None = None,
    slice: int | None = None,
) -> Block:
    """A block as long as its longest event."""
    duration = max((event.end for event in (rf, gx, gy, gz, readout) if event is not None), default=0.0)
    return Block(duration, rf, gx, gy, gz, readout, slice)


def hard_pulse(
    flip_angle: float, *, phase: float = 0.0, duration: float = 0.0, delay: float = 0.0, use: PulseUse = "excitation"
) -> RFPulse:
    """A rectangular pulse without slice selection.

    Args:
        flip_angle: rad.
        phase: rad.
        duration: s; 0 turns the magnetisation in no time.
        delay: s.
        use: what it is for.

    Returns:
        RFPulse.
    """
    return RFPulse(np.array([flip_angle], complex), duration, phase, delay=delay, use=use)


def trapezoid(
    moment: float, *, flat_time: float, ramp_time: float, delay: float = 0.0, flat_moment: bool = False
) -> Gradient:
    """A trapezoid of a given moment.

    Args:
        moment: γ/2π ∫ G dt, 1/m.
        flat_time: s.
        ramp_time: of each ramp, s, above 0.
        delay: from the start of the block, s.
        flat_moment: the moment is that of the flat top alone, as of a readout; otherwise the ramps count.

    Returns:
        Gradient.
    """
    amplitude = moment / (GYROMAGNETIC_RATIO * (flat_time + (0.0 if flat_moment else ramp_time)))
    points = [0.0, ramp_time, ramp_time + flat_time, 2 * ramp_time + flat_time]
    levels = [0.0, amplitude, amplitude, 0.0]
    if flat_time == 0:
        points.pop(2), levels.pop(2)
    return Gradient(delay + np.array(points), np.array(levels))
