"""Readings: what is played between prephasing and rewinding, the same for every family of sequences."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding, Line, TrajectoryName, scan_plan
from bloch.sequence.events import Block, Gradient, Readout, trapezoid
from bloch.sequence.gradients import on_raster
from bloch.tissue import GYROMAGNETIC_RATIO


@dataclass(frozen=True, eq=False)
class Reading:
    """One visit to k-space.

    Attributes:
        line: where its samples belong (of several readouts: the one at the echo).
        blocks: with at least one readout.
        start: k at which it has to begin, float64 ``(3,)``, x, y, z, 1/m.
        stop: k at which it ends.
        echo_time: from its start to the echo, s.
    """

    line: Line
    blocks: tuple[Block, ...]
    start: np.ndarray
    stop: np.ndarray
    echo_time: float

    @property
    def duration(self) -> float:
        """s."""
        return sum(block.duration for block in self.blocks)


@dataclass(frozen=True, eq=False)
class Readings:
    """All readings of one slice.

    Attributes:
        readings: in the order of the plan; equally long, the echo at the same time.
        trajectory: how they travel.
    """

    readings: tuple[Reading, ...]
    trajectory: TrajectoryName = "cartesian"

    def __post_init__(self) -> None:
        if not self.readings:
            raise ValueError("there is nothing to read; look at the encoding's sampling: it has no line")
        times = {(round(r.duration * 1e9), round(r.echo_time * 1e9)) for r in self.readings}
        if len(times) > 1:
            raise ValueError(
                f"the readings of a sequence have to be equally long, with the echo at the same time, but there are "
                f"{len(times)} kinds; an echo-planar train, for example, needs as many lines in every shot"
            )

    @property
    def starts(self) -> np.ndarray:
        """``(reading, 3)``, 1/m."""
        return np.array([reading.start for reading in self.readings])

    @property
    def stops(self) -> np.ndarray:
        """``(reading, 3)``, 1/m."""
        return np.array([reading.stop for reading in self.readings])


@dataclass(frozen=True, eq=False)
class Window:
    """A readout gradient whose middle is the moment of k = 0.

    Attributes:
        gradient: of positive amplitude.
        half: from its start to its middle, s.
        moment: from its start to its middle, 1/m.
        forward, backward: the receiver as it reads from low to high k and back.
    """

    gradient: Gradient
    half: float
    moment: float
    forward: Readout
    backward: Readout


def readout_window(encoding: Encoding, scanner: Scanner) -> Window:
    """The shortest symmetric gradient over one line.

    G = 1 / (γ/2π FOV_x · oversampling · dwell). Sample ``n // 2`` (of a line that is read backwards: ``n − 1 −
    n // 2``) lies at the very middle of the flat top, so that equal areas lie before and after the echo.

    Args:
        encoding: matrix, field of view, oversampling and sample time.
        scanner: limits.

    Returns:
        Window.

    Raises:
        ValueError: the gradient is stronger than the scanner's.
    """
    dwell, n = encoding.sample_time, encoding.n_samples
    step = 1 / (encoding.field_of_view[2] * encoding.oversampling)
    amplitude = step / (GYROMAGNETIC_RATIO * dwell)
    if amplitude > scanner.max_gradient * (1 + 1e-9):
        slowest = on_raster(dwell * amplitude / scanner.max_gradient, 2 * scanner.adc_raster)
        raise ValueError(
            f"a sample every {dwell * 1e6:.6g} us over a field of view of {encoding.field_of_view[2] * 1e3:.4g} mm "
            f"needs a readout gradient of {amplitude * 1e3:.4g} mT/m, but the scanner has "
            f"{scanner.max_gradient * 1e3:.4g} mT/m; lower the bandwidth (sample_time of {slowest * 1e6:.6g} us or "
            "more) or widen the field of view"
        )
    raster = scanner.gradient_raster
    ramp = on_raster(max(amplitude / scanner.max_slew, scanner.adc_dead_time, raster), raster)
    before = (n // 2 + 0.5) * dwell
    flat = on_raster(before, raster)
    gradient = trapezoid(
        2 * flat * amplitude * GYROMAGNETIC_RATIO, flat_time=2 * flat, ramp_time=ramp, flat_moment=True
    )
    forward = Readout(n, dwell, ramp + flat - before)
    backward = Readout(n, dwell, ramp + flat - (n * dwell - before))
    return Window(gradient, ramp + flat, gradient.moment / 2, forward, backward)


def cartesian_readings(encoding: Encoding, scanner: Scanner) -> Readings:
    """One straight line along x for each line of the encoding's plan.

    Args:
        encoding: what to measure.
        scanner: limits.

    Returns:
        Readings of slice 0.

    Raises:
        ValueError: the readout needs a stronger gradient than the scanner has.
    """
    window = readout_window(encoding, scanner)
    return Readings(tuple(_cartesian(line, window, encoding) for line in scan_plan(encoding) if line.slice == 0))


def _cartesian(line: Line, window: Window, encoding: Encoding) -> Reading:
    sign = -1.0 if line.is_reversed else 1.0
    k, half = phase_encoding(line, encoding), np.array([sign * window.moment, 0.0, 0.0])
    return Reading(line, (window_block(window, line),), k - half, k + half, window.half)


def window_block(window: Window, line: Line, *, direction: tuple[float, float, float] = (1.0, 0.0, 0.0)) -> Block:
    """The readout of a line along a direction, or against it where the line is reversed.

    Args:
        window: its gradient.
        line: its label.
        direction: x, y, z.

    Returns:
        Block.
    """
    sign = -1.0 if line.is_reversed else 1.0
    readout = window.backward if line.is_reversed else window.forward
    gx, gy, gz = (scaled(window.gradient, sign * d) for d in direction)
    return Block(window.gradient.end, gx=gx, gy=gy, gz=gz, readout=replace(readout, label=line))


@functools.lru_cache(maxsize=1024)
def scaled(gradient: Gradient, factor: float) -> Gradient | None:
    """A gradient times a number; None for 0."""
    if abs(factor) < 1e-12:
        return None
    return gradient if factor == 1 else Gradient(gradient.times, factor * gradient.amplitudes)


def phase_encoding(line: Line, encoding: Encoding) -> np.ndarray:
    """k of a line on the two phase-encoded axes: (0, (ky − n_y//2)/FOV_y, (kz − n_z//2)/FOV_z), 1/m.

    Args:
        line: its indices.
        encoding: matrix and field of view.

    Returns:
        float64 ``(3,)``, x, y, z.
    """
    (n_z, n_y, _), (fov_z, fov_y, _) = encoding.matrix, encoding.field_of_view
    return np.array([0.0, (line.ky - n_y // 2) / fov_y, (line.kz - n_z // 2) / fov_z])
