"""Balanced steady-state free precession."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block
from bloch.sequence.gradient_echo import GradientEchoKernel, gradient_echo_kernel, play_gradient_echo
from bloch.sequence.gradients import along_z, longest_lobe, moment_block
from bloch.sequence.protocol import Protocol
from bloch.sequence.pulses import SINC_PULSE, PulseDesign
from bloch.sequence.readings import Readings, cartesian_readings
from bloch.sequence.repetition import checked_sequence, place, time_left
from bloch.sequence.sequence import Sequence
from bloch.sequence.slice_selection import pulse_block, selected_pulse


def balanced_ssfp(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    repetition_time: float,
    flip_angle: float,
    echo_time: float | None = None,
    n_ramp: int = 0,
    n_dummies: int = 0,
    pulse: PulseDesign = SINC_PULSE,
    readings: Readings | None = None,
) -> Sequence:
    """Balanced SSFP (TrueFISP, FIESTA): every gradient adds to nothing in each repetition, pulses alternate in sign.

    The train of every slice begins with a preparation that takes the magnetisation to the direction of its steady
    state, half the angle from the axis: one pulse of half the angle, half a repetition time before the first; or, where
    there is no time for it, n pulses a repetition time apart with angles α (2i − 1) / 2n, i = 1 … n, under which the
    tilt grows evenly. Slices follow one another.

    Args:
        encoding: what is measured.
        scanner: limits.
        repetition_time: s.
        flip_angle: α, rad.
        echo_time: s; None for half the repetition time, where off-resonance is refocused.
        n_ramp: n, pulses of the preparation; 0 for the one of half the angle.
        n_dummies: repetitions of every slice between its preparation and the first that is measured.
        pulse: its shape; ``HARD_PULSE`` selects nothing.
        readings: how k-space is travelled; None reads the lines of the encoding.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.

    Source: Oppelt et al., Electromedica 54:15 (1986); half angle: Deimling and Heid, Proc SMR (1994), p. 495; ramp: Le
        Roux, J Magn Reson 163:23 (2003).
    """
    readings = cartesian_readings(encoding, scanner) if readings is None else readings
    angles = [flip_angle * (2 * i - 1) / (2 * n_ramp) for i in range(1, n_ramp + 1)] or [flip_angle / 2]
    weaker = [selected_pulse(angle, encoding, scanner, design=pulse) for angle in angles]
    excitation = selected_pulse(flip_angle, encoding, scanner, design=pulse)
    kernel = gradient_echo_kernel(readings, encoding, scanner, excitation=excitation, echo_time=None)
    rewinder = longest_lobe(_half_kernel(kernel), scanner)
    half = excitation.tail + rewinder.duration + excitation.centre
    _check_time(kernel, scanner, times=(echo_time, repetition_time), preparation=0.0 if n_ramp else 2 * half)
    echo = repetition_time / 2 if echo_time is None else echo_time
    kernel = gradient_echo_kernel(readings, encoding, scanner, excitation=excitation, echo_time=echo)
    first = -n_dummies - n_ramp
    blocks: list[Block] = []
    for s in range(len(encoding.centres)):
        if not n_ramp:
            blocks.append(pulse_block(weaker[0], encoding, slice=s, phase=math.pi * ((first - 1) % 2)))
            wait = repetition_time / 2 - half
            blocks += place([moment_block(_half_kernel(kernel), rewinder, fill=wait)], slice=s)
        for i in range(first, len(readings.readings)):
            played = replace(kernel, excitation=weaker[i - first]) if i < first + n_ramp else kernel
            reading, phase = readings.readings[max(i, 0)], math.pi * (i % 2)
            blocks += play_gradient_echo(played, reading, slice=s, phase=phase, shot=max(i, 0), silent=i < 0)
            if repetition_time - kernel.duration > 1e-9:
                blocks.append(Block(repetition_time - kernel.duration, slice=s))
    protocol = Protocol("balanced_ssfp", echo, repetition_time, flip_angle=flip_angle)
    return checked_sequence(tuple(blocks), protocol, encoding, scanner, trajectory=readings.trajectory)


def _half_kernel(kernel: GradientEchoKernel) -> np.ndarray:
    """The moment between the pulse of half the angle and the first of the train."""
    return along_z(-kernel.excitation.moment_after - kernel.excitation.moment_before)


def _check_time(
    kernel: GradientEchoKernel, scanner: Scanner, *,
    times: tuple[float | None, float], preparation: float,
) -> None:  # fmt: skip
    """Refuse a repetition time that is shorter than kernel (echo in its middle without an echo time) or preparation."""
    echo_time, repetition_time = times
    to_echo = kernel.echo_time  # the shortest
    after_echo = kernel.duration - to_echo
    needed = 2 * max(to_echo, after_echo) if echo_time is None else echo_time + after_echo
    fix = "prepare with a ramp (n_ramp) instead of half the angle" if preparation > needed else ""
    time_left("repetition time", repetition_time, max(needed, preparation), raster=2 * scanner.gradient_raster, fix=fix)
