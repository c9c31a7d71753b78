"""Shots in order of time: slices interleaved within the repetition time, and what is said where times do not fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding, TrajectoryName
from bloch.sequence.events import Block
from bloch.sequence.gradients import on_raster
from bloch.sequence.protocol import Protocol, SequenceName
from bloch.sequence.sequence import Sequence
from bloch.sequence.timing import check

Shot = Callable[[int, int], list[Block]]
"""Blocks of a slice's index and a shot's index; dummies have negative indices, the last one −1."""


def time_left(name: str, wanted: float, needed: float, *, raster: float, fix: str = "") -> float:
    """How much of a wanted time is left beyond what the events need.

    Args:
        name: of the time, for the message.
        wanted: s.
        needed: s.
        raster: of which the wanted time is a multiple, s.
        fix: a way out beside a longer time; empty for those that always help.

    Returns:
        ``wanted − needed``, s, at least 0.

    Raises:
        ValueError: the time is too short or off the raster; the message has the shortest or the nearest possible.
    """
    if wanted < needed - 1e-9:
        shortest = on_raster(needed, raster)
        raise ValueError(
            f"the {name} of {wanted * 1e3:.6g} ms is too short: the shortest possible with these gradients, pulses and "
            f"this bandwidth is {shortest * 1e3:.6g} ms; lengthen it, or "
            + (fix or "shorten the readout (smaller sample_time) or the pulses")
        )
    nearest = round(wanted / raster) * raster
    if abs(wanted - nearest) > 1e-9:
        raise ValueError(
            f"the {name} of {wanted * 1e3:.8g} ms is no multiple of {raster * 1e6:g} us, the raster on which the "
            f"scanner can keep it; the nearest is {nearest * 1e3:.8g} ms"
        )
    return max(wanted - needed, 0.0)


def rounded(time: float, raster: float) -> float:
    """The multiple of ``raster`` that is nearest to ``time``, s."""
    return round(time / raster) * raster


def place(
    blocks: Iterable[Block], *, slice: int, phase: float = 0.0, shot: int = 0, segment: int | None = None,
    silent: bool = False,
) -> list[Block]:  # fmt: skip
    """Blocks of a reading as one shot plays them.

    Args:
        blocks: to play.
        slice: that they serve.
        phase: of the receiver, rad.
        shot: number of the excitation.
        segment: number of the echo in its train; None leaves the blocks' own.
        silent: the receiver stays closed: gradients alone, as dummies and unused echoes need them.

    Returns:
        Blocks.
    """
    placed = []
    for b in blocks:
        readout = None if silent else b.readout
        if readout is not None and readout.label is not None:
            of_train = readout.label.segment if segment is None else segment
            label = replace(readout.label, slice=slice, shot=shot, segment=of_train)
            readout = replace(readout, phase=math.remainder(readout.phase + phase, 2 * math.pi), label=label)
        placed.append(replace(b, slice=slice, readout=readout))
    return placed


def slice_groups(n_slices: int, n_fitting: int) -> list[list[int]]:
    """Slices that share a repetition time: as few groups as can be, of equal size, neighbours apart in time.

    Args:
        n_slices: number.
        n_fitting: slices whose shots fit into one repetition time, at least 1.

    Returns:
        Slices of each group in order of time.
    """
    order = [*range(0, n_slices, 2), *range(1, n_slices, 2)]
    size = math.ceil(n_slices / math.ceil(n_slices / n_fitting))
    return [order[i : i + size] for i in range(0, n_slices, size)]


def repeat_shots(
    shot: Shot, *, shots: range, n_slices: int, repetition_time: float, shot_duration: float, scanner: Scanner
) -> tuple[Block, ...]:
    """Play every shot of every slice, as many slices in each repetition time as fit, evenly spread.

    Args:
        shot: makes the blocks; all shots are equally long.
        shots: indices, dummies (below 0) first.
        n_slices: number.
        repetition_time: from one shot of a slice to its next, s.
        shot_duration: s.
        scanner: raster.

    Returns:
        Blocks in order of time; each group of slices takes ``len(shots)`` repetition times.

    Raises:
        ValueError: one shot is longer than the repetition time.
    """
    raster = scanner.gradient_raster
    time_left("repetition time", repetition_time, shot_duration, raster=raster)
    blocks: list[Block] = []
    for group in slice_groups(n_slices, math.floor(repetition_time / shot_duration + 1e-9)):
        slot = math.floor(repetition_time / len(group) / raster + 1e-6) * raster
        last_slot = repetition_time - (len(group) - 1) * slot
        for i in shots:
            for s in group:
                blocks += shot(s, i)
                pause = (last_slot if s == group[-1] else slot) - shot_duration
                if pause > 1e-9:
                    blocks.append(Block(pause))
    return tuple(blocks)


def checked_sequence(
    blocks: tuple[Block, ...], protocol: Protocol, encoding: Encoding, scanner: Scanner, *, trajectory: TrajectoryName
) -> Sequence:
    """The finished sequence, after its check against the scanner.

    Args:
        blocks: in order of time.
        protocol: what the operator set.
        encoding: what was asked for.
        scanner: limits.
        trajectory: how the readings travel; goes into the encoding.

    Returns:
        Sequence.

    Raises:
        ValueError: an event that the scanner cannot play.
    """
    sequence = Sequence(blocks, protocol, replace(encoding, trajectory=trajectory))
    check(sequence, scanner)
    return sequence


def renamed(
    sequence: Sequence,
    name: SequenceName,
    *,
    echo_times: tuple[float, ...] = (),
    echo_train_length: int = 1,
    echo_spacing: float | None = None,
) -> Sequence:
    """The sequence under the name of its family.

    Args:
        sequence: from another builder.
        name: of the family.
        echo_times: of every contrast, s.
        echo_train_length: lines after each excitation.
        echo_spacing: between them, s.

    Returns:
        Sequence.
    """
    if sequence.protocol is None:
        return sequence
    protocol = replace(
        sequence.protocol,
        name=name,
        echo_times=echo_times,
        echo_train_length=echo_train_length,
        echo_spacing=echo_spacing,
    )
    return replace(sequence, protocol=protocol)
