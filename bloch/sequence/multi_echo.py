"""Several gradient echoes after one pulse, each an image of its own (Dixon, T2* mapping)."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import replace
from itertools import pairwise

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding, Line, scan_plan
from bloch.sequence.events import Block
from bloch.sequence.gradient_echo import SPOILING, Spoiling, gradient_echo
from bloch.sequence.gradients import LobeTiming, moment_block, shortest_lobe
from bloch.sequence.pulses import SINC_PULSE, PulseDesign
from bloch.sequence.readings import Reading, Readings, Window, phase_encoding, readout_window, window_block
from bloch.sequence.repetition import renamed, time_left
from bloch.sequence.sequence import Sequence


def multi_echo_readings(
    encoding: Encoding, scanner: Scanner, *, echo_times: Many[float], bipolar: bool = False
) -> Readings:
    """Straight lines that are read at several echo times.

    Args:
        encoding: what to measure.
        scanner: limits.
        echo_times: growing, s.
        bipolar: odd echoes are read backwards, without flying back between; contrasts then differ by what odd and even
            lines differ in.

    Returns:
        Readings of slice 0; the label's ``contrast`` counts the echoes.

    Raises:
        ValueError: the echoes are too close.
    """
    window = readout_window(encoding, scanner)
    back = LobeTiming(0.0, 0.0) if bipolar else shortest_lobe(2 * window.moment, scanner)
    shortest, raster = window.gradient.end + back.duration, scanner.gradient_raster
    waits = [
        time_left("time between two echoes", later - sooner, shortest, raster=raster)
        for sooner, later in pairwise(echo_times)
    ]
    lines = [line for line in scan_plan(encoding) if line.slice == 0]
    return Readings(tuple(_multi_echo(line, window, encoding, back=back, waits=waits) for line in lines))


def _multi_echo(line: Line, window: Window, encoding: Encoding, *, back: LobeTiming, waits: list[float]) -> Reading:
    bipolar = back.duration == 0
    sign = -1.0 if line.is_reversed else 1.0
    half = np.array([window.moment, 0.0, 0.0])
    blocks: list[Block] = []
    for echo in range(len(waits) + 1):
        label = replace(line, contrast=echo, is_reversed=line.is_reversed ^ (bipolar and echo % 2 == 1))
        if echo > 0:
            gap = moment_block(-2 * sign * half if not bipolar else 0 * half, back, fill=waits[echo - 1])
            blocks += [gap] if gap.duration > 0 else []
        blocks.append(window_block(window, label))
    k = phase_encoding(line, encoding)
    ends_back = bipolar and len(waits) % 2 == 1
    stop = k - sign * half if ends_back else k + sign * half
    return Reading(line, tuple(blocks), k - sign * half, stop, window.half)


def multi_echo_gradient_echo(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    echo_times: Many[float],
    repetition_time: float,
    flip_angle: float,
    bipolar: bool = False,
    pulse: PulseDesign = SINC_PULSE,
    spoiling: Spoiling = SPOILING,
    n_dummies: int = 0,
) -> Sequence:
    """A spoiled gradient echo with several echoes.

    Args:
        encoding: what is measured.
        scanner: limits.
        echo_times: growing, s.
        repetition_time: s.
        flip_angle: rad.
        bipolar: odd echoes are read backwards.
        pulse: its shape.
        spoiling: of the transverse magnetisation.
        n_dummies: repetitions of every slice before the first that is measured.

    Returns:
        Sequence; the label's ``contrast`` counts the echoes.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.

    Source: Dixon, Radiology 153:189 (1984); Reeder et al., Magn Reson Med 54:636 (2005), for the echo spacing.
    """
    sequence = gradient_echo(
        encoding,
        scanner,
        echo_time=echo_times[0],
        repetition_time=repetition_time,
        flip_angle=flip_angle,
        pulse=pulse,
        spoiling=spoiling,
        n_dummies=n_dummies,
        readings=multi_echo_readings(encoding, scanner, echo_times=echo_times, bipolar=bipolar),
    )
    return renamed(sequence, "multi_echo_gradient_echo", echo_times=tuple(echo_times))
