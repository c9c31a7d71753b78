"""Echo-planar imaging: many lines after one pulse, read to and fro."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.echo_train import TRAIN_DESIGN, TrainDesign
from bloch.sequence.encoding import Encoding, Line, scan_plan
from bloch.sequence.events import Block, Gradient
from bloch.sequence.gradient_echo import SPOILING, Spoiling, gradient_echo
from bloch.sequence.gradients import LobeTiming, lobe, moment_block, shortest_lobe
from bloch.sequence.pulses import SINC_PULSE, PulseDesign
from bloch.sequence.readings import Reading, Readings, Window, phase_encoding, readout_window, window_block
from bloch.sequence.repetition import renamed
from bloch.sequence.sequence import Sequence
from bloch.sequence.spin_echo import spin_echo
from bloch.sequence.view_order import distance_from_centre


def echo_planar_readings(
    encoding: Encoding, scanner: Scanner, *, n_shots: int = 1, n_phase_correction: int = 3
) -> Readings:
    """Trains of lines along ±x with a blip along y between them; shots interleave the lines of each partition.

    Args:
        encoding: what to measure.
        scanner: limits.
        n_shots: excitations for the lines of one partition.
        n_phase_correction: lines through k = 0 before each train, alternating like the train; 0 for none.

    Returns:
        Readings of slice 0; the echo is the line nearest to k = 0, at the same place in every train.

    Raises:
        ValueError: the lines do not share out evenly among the shots.
    """
    window = readout_window(encoding, scanner)
    lines = [line for line in scan_plan(encoding) if line.slice == 0]
    groups = groupby(lines, key=lambda line: (line.average, line.imaging, line.kz))
    sorted_groups = [sorted(members, key=lambda line: line.ky) for _, members in groups]
    steps = [b.ky - a.ky for g in sorted_groups for a, b in zip(g, g[n_shots:], strict=False)]
    blip = shortest_lobe(max(steps, default=0) / encoding.field_of_view[1], scanner)
    if len({len(members) for members in sorted_groups}) > 1:
        raise ValueError(
            f"trains of {sorted({len(members) for members in sorted_groups})} lines are not equally long; echo-planar "
            "imaging needs the same number of lines in every partition, and calibration lines embedded (not separate)"
        )
    found: list[Reading] = []
    for members in sorted_groups:
        if len(members) % n_shots:
            raise ValueError(
                f"{len(members)} lines do not share out evenly among {n_shots} shots; choose a number of shots that "
                "divides them, or another partial Fourier fraction"
            )
        echo = min(range(len(members)), key=lambda i: distance_from_centre(members[i], encoding)) // n_shots
        for shot in range(n_shots):
            navigators, train = _labels(members[shot::n_shots], encoding, n_phase_correction=n_phase_correction)
            found.append(_reading(navigators, train, window, encoding, scanner, blip=blip, echo=echo))
    return Readings(tuple(found), "epi")


def _train_length(readings: Readings) -> int:
    """Imaging lines of one train."""
    labels = [block.readout.label for block in readings.readings[0].blocks if block.readout is not None]
    return sum(label is not None and not label.phase_correction for label in labels)


def _echo_spacing(readings: Readings) -> float | None:
    """From one imaging line of a train to the next, s; None for a train of one."""
    time, starts = 0.0, []
    for block in readings.readings[0].blocks:
        if block.readout is not None and block.readout.label is not None and not block.readout.label.phase_correction:
            starts.append(time + block.readout.delay)
        time += block.duration
    return starts[1] - starts[0] if len(starts) > 1 else None


def _labels(lines: list[Line], encoding: Encoding, *, n_phase_correction: int) -> tuple[list[Line], list[Line]]:
    """Labels of the navigators and of the train; every second line of both together is read backwards."""
    centre = encoding.matrix[1] // 2
    navigators = [
        replace(lines[0], ky=centre, imaging=False, calibration=False, phase_correction=True, is_reversed=i % 2 == 1)
        for i in range(n_phase_correction)
    ]
    train = [replace(line, segment=i, is_reversed=(i + n_phase_correction) % 2 == 1) for i, line in enumerate(lines)]
    return navigators, train


def _reading(
    navigators: list[Line], train: list[Line], window: Window, encoding: Encoding, scanner: Scanner, *,
    blip: LobeTiming, echo: int,
) -> Reading:  # fmt: skip
    k = np.array([phase_encoding(line, encoding) for line in train])
    start, half = k[0].copy(), np.array([window.moment, 0.0, 0.0])
    blocks: list[Block] = []
    if navigators:
        start[1] = 0.0
        blocks += [window_block(window, line) for line in navigators]
        farthest = shortest_lobe(encoding.matrix[1] / 2 / encoding.field_of_view[1], scanner)
        blocks.append(moment_block(k[0] - start, farthest))
    # The blip plays on the ramp of x, before the first sample.
    wait = max(blip.duration - float(window.gradient.times[1]), 0.0)
    for i, line in enumerate(train):
        step = 0.0 if i == 0 else float(k[i, 1] - k[i - 1, 1])
        blocks.append(_delayed(window_block(window, line), lobe(step, blip), wait))
    before_train = sum(block.duration for block in blocks[: len(blocks) - len(train)])
    echo_time = before_train + echo * blocks[-1].duration + wait + window.half
    first, last = (navigators + train)[0], train[-1]
    return Reading(
        train[echo],
        tuple(blocks),
        start + (half if first.is_reversed else -half),
        k[-1] + (-half if last.is_reversed else half),
        echo_time,
    )


def _delayed(block: Block, blip: Gradient | None, wait: float) -> Block:
    """The block's readout a while later, with a blip at its beginning."""
    assert block.gx is not None  # window_block makes both
    assert block.readout is not None
    gx = Gradient(block.gx.times + wait, block.gx.amplitudes)
    readout = replace(block.readout, delay=block.readout.delay + wait)
    return Block(block.duration + wait, gx=gx, gy=blip, readout=readout)


def echo_planar(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    echo_time: float,
    repetition_time: float,
    flip_angle: float = math.pi / 2,
    n_shots: int = 1,
    n_phase_correction: int = 3,
    pulse: PulseDesign = SINC_PULSE,
    spoiling: Spoiling = SPOILING,
    n_dummies: int = 0,
) -> Sequence:
    """Gradient-echo EPI, of one or several shots.

    Args:
        encoding: what is measured.
        scanner: limits.
        echo_time: from the pulse's centre to the line nearest to k = 0, s.
        repetition_time: s; slices are interleaved as far as they fit.
        flip_angle: rad.
        n_shots: excitations for each image.
        n_phase_correction: lines through k = 0 before each train; 0 for none.
        pulse: its shape.
        spoiling: of the transverse magnetisation.
        n_dummies: repetitions of every slice before the first that is measured.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.

    Source: Mansfield, J Phys C 10:L55 (1977); Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004),
        section 16.1.
    """
    readings = echo_planar_readings(encoding, scanner, n_shots=n_shots, n_phase_correction=n_phase_correction)
    sequence = gradient_echo(
        encoding,
        scanner,
        echo_time=echo_time,
        repetition_time=repetition_time,
        flip_angle=flip_angle,
        pulse=pulse,
        spoiling=spoiling,
        n_dummies=n_dummies,
        readings=readings,
    )
    return renamed(
        sequence, "echo_planar", echo_train_length=_train_length(readings), echo_spacing=_echo_spacing(readings)
    )


def spin_echo_planar(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    echo_time: float,
    repetition_time: float,
    n_shots: int = 1,
    n_phase_correction: int = 3,
    inversion_time: float | None = None,
    design: TrainDesign = TRAIN_DESIGN,
) -> Sequence:
    """Spin-echo EPI: the spin echo coincides with the line nearest to k = 0.

    Args:
        encoding: what is measured.
        scanner: limits.
        echo_time: s.
        repetition_time: s; slices are interleaved as far as they fit.
        n_shots: excitations for each image.
        n_phase_correction: lines through k = 0 before each train; 0 for none.
        inversion_time: from the centre of an inversion pulse to that of the excitation, s; None for no inversion.
        design: pulses and crushers.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.
    """
    readings = echo_planar_readings(encoding, scanner, n_shots=n_shots, n_phase_correction=n_phase_correction)
    sequence = spin_echo(
        encoding,
        scanner,
        echo_time=echo_time,
        repetition_time=repetition_time,
        inversion_time=inversion_time,
        design=design,
        readings=readings,
    )
    return renamed(
        sequence, "echo_planar", echo_train_length=_train_length(readings), echo_spacing=_echo_spacing(readings)
    )
