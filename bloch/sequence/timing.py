"""Whether a scanner can play a sequence."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.events import Block, Gradient, Readout, RFPulse
from bloch.sequence.sequence import Sequence

AXES = ("x (read)", "y (phase)", "z (slice)")
TOLERANCE = 1e-9
"""Of times, s."""
SLACK = 1e-6
"""Of limits, relative: rounding, not physics."""


def check(sequence: Sequence, scanner: Scanner) -> None:
    """Hold every event against the scanner's limits: amplitude, slew, continuity, B1, rasters and dead times.

    Limits hold on each logical axis; an oblique slice may load a coil with up to √3 of it.

    Args:
        sequence: to check.
        scanner: its limits.

    Raises:
        ValueError: names the first block, event and time that does not fit, what was found and allowed, and the fix.
    """
    start = 0.0
    levels: tuple[float, ...] = (0.0, 0.0, 0.0)
    good: set[int] = set()  # the same gradient object is checked once
    for number, block in enumerate(sequence.blocks):
        where = _Where(number, start)
        duration = block.duration
        _multiple(where, "the block's duration", duration, scanner.gradient_raster)
        for axis, gradient in enumerate(block.gradients):
            if gradient is not None and id(gradient) not in good:
                _check_gradient(where, f"gradient {AXES[axis]}", gradient, scanner)
                good.add(id(gradient))
        _check_borders(where, levels, block, scanner)
        if block.rf is not None:
            _check_pulse(where, block.rf, duration, scanner)
        if block.readout is not None:
            _check_readout(where, block.readout, duration, scanner)
        levels = _levels(block, at_end=True)
        start += duration
    for axis, level in enumerate(levels):
        if abs(level) * 1e3 > SLACK:
            _Where(len(sequence.blocks) - 1, start).refuse(
                f"gradient {AXES[axis]}",
                f"is still on at the end of the sequence ({level * 1e3:.4g} mT/m)",
                "ramp it down",
            )


class _Where:
    """A place in the sequence, for messages."""

    def __init__(self, number: int, start: float) -> None:
        self.number, self.start = number, start

    def refuse(self, event: str, problem: str, fix: str) -> NoReturn:
        raise ValueError(f"block {self.number} (at {self.start * 1e3:.6g} ms): {event} {problem}; {fix}")


def _check_gradient(where: _Where, name: str, gradient: Gradient, scanner: Scanner) -> None:
    times, amplitudes = gradient.times, gradient.amplitudes
    if len(times) != len(amplitudes) or len(times) < 2 or not (np.diff(times) > 0).all():
        where.refuse(name, "does not have two or more points of growing time", "sort them, one amplitude for each time")
    if not np.isfinite(amplitudes).all():
        where.refuse(name, "has undefined amplitudes", "look at how it was computed")
    if times[0] < -TOLERANCE:
        where.refuse(name, f"begins {-times[0] * 1e6:.4g} us before its block", "delays cannot be negative")
    for time in times.tolist():
        _multiple(where, f"{name}: a point", time, scanner.gradient_raster)
    peak = float(np.abs(amplitudes).max())
    if peak > scanner.max_gradient * (1 + SLACK):
        where.refuse(
            name,
            f"reaches {peak * 1e3:.5g} mT/m, allowed are {scanner.max_gradient * 1e3:.5g} mT/m",
            "lengthen it, lower the bandwidth, or widen the field of view or the slice",
        )
    slew = np.abs(np.diff(amplitudes) / np.diff(times))
    i = int(slew.argmax())
    if slew[i] > scanner.max_slew * (1 + SLACK):
        where.refuse(
            name,
            f"changes by {slew[i]:.5g} T/m/s {times[i] * 1e6:.6g} us into the block, allowed are "
            f"{scanner.max_slew:.5g} T/m/s",
            f"lengthen this ramp to at least {abs(amplitudes[i + 1] - amplitudes[i]) / scanner.max_slew * 1e6:.4g} us",
        )


def _check_borders(where: _Where, levels: tuple[float, ...], block: Block, scanner: Scanner) -> None:
    """Gradients have no time to jump: neither between blocks nor where one begins or ends inside a block."""
    for axis, (before, now) in enumerate(zip(levels, _levels(block, at_end=False), strict=True)):
        if abs(now - before) > SLACK * scanner.max_gradient:
            where.refuse(
                f"gradient {AXES[axis]}",
                f"jumps from {before * 1e3:.5g} to {now * 1e3:.5g} mT/m at the border to the block before",
                "let it begin where the last one ended, or ramp the last one down to 0",
            )
    for axis, gradient in enumerate(block.gradients):
        if gradient is None:
            continue
        first, last = gradient.amplitudes[0], gradient.amplitudes[-1]
        inside = (gradient.times[0] > TOLERANCE, gradient.times[-1] < block.duration - TOLERANCE)
        for level, is_inside, what in zip((first, last), inside, ("begins", "ends"), strict=True):
            if is_inside and abs(level) > SLACK * scanner.max_gradient:
                where.refuse(
                    f"gradient {AXES[axis]}",
                    f"{what} at {level * 1e3:.5g} mT/m inside its block",
                    "add a ramp from or to 0",
                )


def _levels(block: Block, *, at_end: bool) -> tuple[float, ...]:
    """Amplitudes at the block's first or last instant, T/m."""
    found = []
    for gradient in block.gradients:
        at = None if gradient is None else float(gradient.times[-1] if at_end else gradient.times[0])
        border = block.duration if at_end else 0.0
        touches = at is not None and abs(at - border) <= TOLERANCE
        found.append(float(gradient.amplitudes[-1 if at_end else 0]) if gradient is not None and touches else 0.0)
    return tuple(found)


def _check_pulse(where: _Where, rf: RFPulse, duration: float, scanner: Scanner) -> None:
    name = f"{rf.use} pulse"
    _multiple(where, f"{name}: its start", rf.delay, scanner.rf_raster)
    if rf.raster > 0:
        _multiple(where, f"{name}: the step of its shape", rf.raster, scanner.rf_raster)
    if rf.delay < scanner.rf_dead_time - TOLERANCE:
        where.refuse(
            name,
            f"starts {rf.delay * 1e6:.6g} us into its block, within the dead time of "
            f"{scanner.rf_dead_time * 1e6:.6g} us",
            "delay it",
        )
    if rf.end + scanner.rf_ringdown_time > duration + TOLERANCE:
        where.refuse(
            name,
            f"ends {(duration - rf.end) * 1e6:.6g} us before its block, within the ring-down time of "
            f"{scanner.rf_ringdown_time * 1e6:.6g} us",
            "lengthen the block",
        )
    if rf.peak_B1 > scanner.max_B1 * (1 + SLACK):
        longer = rf.duration * rf.peak_B1 / scanner.max_B1
        where.refuse(
            name,
            f"needs {rf.peak_B1 * 1e6:.5g} uT, allowed are {scanner.max_B1 * 1e6:.5g} uT",
            f"make it at least {longer * 1e3:.4g} ms long (of the same shape), or lower the flip angle",
        )


def _check_readout(where: _Where, readout: Readout, duration: float, scanner: Scanner) -> None:
    dead = scanner.adc_dead_time
    if readout.n_samples < 1 or not readout.dwell > 0:
        where.refuse("readout", f"has {readout.n_samples} samples of {readout.dwell} s", "both have to be above 0")
    _multiple(where, "readout: its dwell time", readout.dwell, scanner.adc_raster)
    # Samples are taken in the middle of the dwell time, so half a raster step is as good a start as a whole one.
    _multiple(where, "readout: its start", readout.delay, scanner.adc_raster / 2)
    if readout.delay < dead - TOLERANCE or readout.end + dead > duration + TOLERANCE:
        where.refuse(
            "readout",
            f"runs from {readout.delay * 1e6:.6g} to {readout.end * 1e6:.6g} us of a block of {duration * 1e6:.6g} us, "
            f"but {dead * 1e6:.6g} us are needed before and after it",
            "delay it or lengthen the block",
        )


def _multiple(where: _Where, event: str, time: float, raster: float) -> None:
    nearest = round(time / raster) * raster
    if abs(time - nearest) > TOLERANCE:
        where.refuse(
            event,
            f"of {time * 1e6:.9g} us is no multiple of {raster * 1e6:g} us",
            f"the nearest is {nearest * 1e6:.9g} us",
        )
    if time < -TOLERANCE:
        where.refuse(event, f"of {time * 1e6:.6g} us is negative", "delays and durations cannot be")
