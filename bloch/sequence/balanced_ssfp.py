"""Balanced steady-state free precession."""

from __future__ import annotations

import math

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block
from bloch.sequence.gradient_echo import GradientEchoKernel, gradient_echo_kernel, play_gradient_echo
from bloch.sequence.gradients import along_z, longest_lobe, moment_block
from bloch.sequence.protocol import Protocol
from bloch.sequence.pulses import SINC_PULSE, PulseDesign, SelectedPulse, pulse_block, selected_pulse
from bloch.sequence.readings import Readings, cartesian_readings
from bloch.sequence.repetition import checked_sequence, place, time_left
from bloch.sequence.sequence import Sequence


def balanced_ssfp(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    repetition_time: float,
    flip_angle: float,
    echo_time: float | None = None,
    pulse: PulseDesign = SINC_PULSE,
    n_dummies: int = 0,
    readings: Readings | None = None,
) -> Sequence:
    """Balanced SSFP (TrueFISP, FIESTA): every gradient adds to nothing in each repetition, pulses alternate in sign.

    The train of every slice begins with a pulse of half the angle, half a repetition time before the first, which takes
    the magnetisation to the neighbourhood of its steady state. Slices follow one another.

    Args:
        encoding: what is measured.
        scanner: limits.
        repetition_time: s.
        flip_angle: rad.
        echo_time: s; None for half the repetition time, where off-resonance is refocused.
        pulse: its shape; ``HARD_PULSE`` selects nothing.
        n_dummies: repetitions of every slice between its preparation and the first that is measured.
        readings: how k-space is travelled; None reads the lines of the encoding.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.

    Source: Oppelt et al., Electromedica 54:15 (1986); preparation: Deimling and Heid, Proc SMR 1994, p. 495;
        Scheffler and Lehnhardt, Eur Radiol 13:2409 (2003).
    """
    readings = cartesian_readings(encoding, scanner) if readings is None else readings
    excitation, half = (
        selected_pulse(angle, encoding, scanner, design=pulse) for angle in (flip_angle, flip_angle / 2)
    )
    kernel = _kernel(readings, encoding, scanner, excitation=excitation, times=(echo_time, repetition_time))
    pause = repetition_time - kernel.duration
    blocks: list[Block] = []
    for s in range(len(encoding.centres)):
        opposite = math.pi * ((n_dummies + 1) % 2)
        blocks += _preparation(half, kernel, scanner, repetition_time=repetition_time, slice=s, phase=opposite)
        for i in range(-n_dummies, len(readings.readings)):
            reading, phase = readings.readings[max(i, 0)], math.pi * (i % 2)
            blocks += play_gradient_echo(kernel, reading, slice=s, phase=phase, shot=max(i, 0), silent=i < 0)
            blocks += [Block(pause, slice=s)] if pause > 1e-9 else []
    echo = repetition_time / 2 if echo_time is None else echo_time
    protocol = Protocol("balanced_ssfp", echo, repetition_time, flip_angle=flip_angle)
    return checked_sequence(tuple(blocks), protocol, encoding, scanner, trajectory=readings.trajectory)


def _kernel(
    readings: Readings, encoding: Encoding, scanner: Scanner, *,
    excitation: SelectedPulse, times: tuple[float | None, float],
) -> GradientEchoKernel:  # fmt: skip
    """The kernel of an echo time (None: half the repetition time) that fits into the repetition time."""
    echo_time, repetition_time = times
    raster = scanner.gradient_raster
    shortest = gradient_echo_kernel(readings, encoding, scanner, excitation=excitation, echo_time=None)
    if echo_time is None:
        to_echo = excitation.tail + shortest.before.duration + readings.readings[0].echo_time
        needed = 2 * max(to_echo, shortest.duration - to_echo)
        time_left("repetition time", repetition_time, needed, raster=2 * raster)
        echo_time = repetition_time / 2
    kernel = gradient_echo_kernel(readings, encoding, scanner, excitation=excitation, echo_time=echo_time)
    time_left("repetition time", repetition_time, kernel.duration, raster=2 * raster)
    return kernel


def _preparation(
    half: SelectedPulse, kernel: GradientEchoKernel, scanner: Scanner, *,
    repetition_time: float, slice: int, phase: float,
) -> list[Block]:  # fmt: skip
    """A pulse of half the angle, half a repetition time before the first of the train."""
    moments = along_z(-half.moment_after - kernel.excitation.moment_before)
    timing = longest_lobe(moments, scanner)
    shortest = 2 * (half.tail + timing.duration + kernel.excitation.centre)
    wait = time_left("repetition time", repetition_time, shortest, raster=2 * scanner.gradient_raster) / 2
    pulse = pulse_block(half, kernel.encoding, slice=slice, phase=phase)
    return [pulse, *place([moment_block(moments, timing, fill=wait)], slice=slice)]
