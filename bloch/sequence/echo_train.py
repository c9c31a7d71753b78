"""The kernel of every spin echo: an excitation and a train of refocusing pulses that obeys CPMG."""

from __future__ import annotations

import math
from collections.abc import Sequence as Many
from dataclasses import dataclass

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block
from bloch.sequence.gradients import LobeTiming, along_z, longest_lobe, moment_block
from bloch.sequence.pulses import SINC_PULSE, PulseDesign
from bloch.sequence.readings import Readings
from bloch.sequence.repetition import place, time_left
from bloch.sequence.slice_selection import SelectedPulse, pulse_block, selected_pulse
from bloch.sequence.view_order import Train


@dataclass(frozen=True)
class TrainDesign:
    """What is common to all spin-echo sequences.

    Attributes:
        flip_angle: of the excitation, rad.
        pulse: shape of excitation and refocusing; ``HARD_PULSE`` selects nothing.
        crusher: turns of the phase across a voxel's thickness (z) on each side of a refocusing pulse, beside those of
            its slice gradient.
        refocused_thickness: nominal thickness of the refocusing pulses over the slice's. A sinc of 180° refocuses about
            two thirds of its nominal thickness, so that 1.5 refocuses the slice. 1 lets its neighbours alone.
    """

    flip_angle: float = math.pi / 2
    pulse: PulseDesign = SINC_PULSE
    crusher: float = 2.0
    refocused_thickness: float = 1.5


TRAIN_DESIGN = TrainDesign()


@dataclass(frozen=True, eq=False)
class EchoTrain:
    """Pulses and times of a train: excitation – first – (refocusing – after – reading – before) for every echo.

    The moment of every gradient from a refocusing pulse to the next is twice that from the excitation to the first, and
    an echo stands in the middle of each interval: the conditions of Carr, Purcell, Meiboom and Gill.

    Attributes:
        excitation: about phase 0.
        refocusing: one for each echo, about phase 90°.
        design: of the pulses.
        encoding: slices.
        carried: moment that is laid down before the first refocusing pulse, which mirrors it, ``(3,)``, 1/m.
        crusher: moment on z on each side of a refocusing pulse, 1/m.
        first, after, before: times of the lobes.
        fills: waits that come with them, s.
        duration: of the whole train, s.
    """

    excitation: SelectedPulse
    refocusing: tuple[SelectedPulse, ...]
    design: TrainDesign
    encoding: Encoding
    carried: np.ndarray
    crusher: float
    first: LobeTiming
    after: LobeTiming
    before: LobeTiming
    fills: tuple[float, float, float]
    duration: float


def echo_train(
    readings: Readings, encoding: Encoding, scanner: Scanner, *,
    design: TrainDesign, angles: Many[float], echo_spacing: float,
) -> EchoTrain:  # fmt: skip
    """A train that serves all readings.

    Straight lines are prephased along x once, before the first refocusing pulse; other trajectories go out from k = 0
    and back to it between two pulses.

    Args:
        readings: to play.
        encoding: slices.
        scanner: limits.
        design: pulses and crushers.
        angles: of the refocusing pulses, one for each echo, rad.
        echo_spacing: between echoes, and between the centre of the excitation and the first echo, s.

    Returns:
        EchoTrain.

    Raises:
        ValueError: the echo spacing is too short.
    """
    excitation = selected_pulse(design.flip_angle, encoding, scanner, design=design.pulse)
    made = {
        angle: selected_pulse(
            angle, encoding, scanner, design=design.pulse, use="refocusing", widening=design.refocused_thickness
        )
        for angle in dict.fromkeys(angles)
    }
    pulses = tuple(made[angle] for angle in angles)
    one, pulse, raster = readings.readings[0], pulses[0], scanner.gradient_raster
    carried = np.array([-one.start[0] if readings.trajectory == "cartesian" else 0.0, 0.0, 0.0])
    crusher = design.crusher / encoding.voxel_size[0]
    first = longest_lobe(_first_moments(excitation, pulse, carried, crusher), scanner)
    after = longest_lobe(readings.starts + carried + along_z(crusher), scanner)
    before = longest_lobe(_before_moments(pulse, carried, crusher) - readings.stops, scanner)
    # The three half intervals: excitation to pulse, pulse to echo, echo to pulse.
    halves = (
        excitation.tail + first.duration + pulse.centre,
        pulse.tail + after.duration + one.echo_time,
        one.duration - one.echo_time + before.duration + (pulse.centre if len(angles) > 1 else 0.0),
    )
    time_left("echo spacing", echo_spacing, 2 * max(halves), raster=2 * raster)
    fills = tuple(max(echo_spacing / 2 - half, 0.0) for half in halves)
    per_echo = pulse.block.duration + after.duration + fills[1] + one.duration + before.duration + fills[2]
    duration = excitation.block.duration + first.duration + fills[0] + len(angles) * per_echo
    return EchoTrain(
        excitation, pulses, design, encoding, carried, crusher,
        first, after, before, (fills[0], fills[1], fills[2]), duration,
    )  # fmt: skip


def _first_moments(excitation: SelectedPulse, pulse: SelectedPulse, carried: np.ndarray, crusher: float) -> np.ndarray:
    """From the excitation to the first pulse: on z as much as from that pulse to its echo."""
    return carried + along_z(crusher + pulse.moment_after - pulse.moment_before - excitation.moment_after)


def _before_moments(pulse: SelectedPulse, carried: np.ndarray, crusher: float) -> np.ndarray:
    """From an echo to the next pulse, less where the reading stopped."""
    return carried + along_z(crusher + pulse.moment_after - pulse.moment_before)


def play_train(train: EchoTrain, echoes: Train, *, slice: int, shot: int, silent: bool = False) -> list[Block]:
    """One excitation and its echoes, received about phase 90°: resting magnetisation is seen real and positive.

    Args:
        train: pulses and times.
        echoes: what each echo reads; None plays the gradients of a reading without phase encoding and does not listen.
        slice: index.
        shot: number for the labels.
        silent: a dummy: nothing is read.

    Returns:
        Blocks.
    """
    some = next(reading for reading in echoes if reading is not None)
    first = _first_moments(train.excitation, train.refocusing[0], train.carried, train.crusher)
    blocks = [
        pulse_block(train.excitation, train.encoding, slice=slice),
        *place([moment_block(first, train.first, fill=train.fills[0])], slice=slice),
    ]
    for segment, (reading, pulse) in enumerate(zip(echoes, train.refocusing, strict=True)):
        played = some if reading is None else reading
        back = _before_moments(pulse, train.carried, train.crusher) - played.stop
        around = (
            moment_block(played.start + train.carried + along_z(train.crusher), train.after, fill=train.fills[1]),
            *played.blocks,
            moment_block(back, train.before, fill=train.fills[2]),
        )
        mute = silent or reading is None
        blocks.append(pulse_block(pulse, train.encoding, slice=slice, phase=math.pi / 2))
        number = segment if len(echoes) > 1 else None  # a lone echo may be a train of its own (echo-planar)
        blocks += place(around, slice=slice, phase=math.pi / 2, shot=shot, segment=number, silent=mute)
    return blocks
