"""From a protocol to the sequence that plays it."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from enum import StrEnum

from bloch.scanner import Scanner
from bloch.sequence import Encoding, Protocol, Sequence, on_raster_of
from bloch.sequence.balanced_ssfp import balanced_ssfp
from bloch.sequence.echo_planar import echo_planar
from bloch.sequence.echo_train import TrainDesign
from bloch.sequence.gradient_echo import gradient_echo
from bloch.sequence.mprage import mprage
from bloch.sequence.multi_echo import multi_echo_gradient_echo
from bloch.sequence.pulses import HARD_PULSE, SINC_PULSE, PulseDesign
from bloch.sequence.radial import GOLDEN_ANGLE, radial_readings
from bloch.sequence.readings import Readings
from bloch.sequence.spin_echo import spin_echo, turbo_spin_echo
from bloch.sequence.spiral import spiral_readings
from bloch.sequence.spoiling import ideally_spoiled

SETTLING_TIME = 2.0
"""How long dummies play before a gradient echo is measured, s."""

SHORT_REPETITIONS = ("spoiled_gradient_echo", "multi_echo_gradient_echo", "balanced_ssfp", "echo_planar")
"""Sequences whose repetition time may be far below T1."""


class TrajectoryChoice(StrEnum):
    """How k-space is travelled; EPI is a sequence of its own."""

    cartesian = "cartesian"
    radial = "radial"
    golden_angle = "golden-angle"
    spiral = "spiral"


@dataclass(frozen=True)
class Playing:
    """How a protocol is played.

    Attributes:
        selective: sinc pulses that excite a slice; otherwise short hard pulses, and slices are ideal.
        trajectory: how k-space is travelled.
        n_turns: spokes or interleaves; None for as many spokes as fill k-space, or 16 interleaves.
        n_dummies: repetitions before the first that is measured; None for :func:`standard_dummies`.
        n_shots: of an EPI; None for the fewest that keep the echo time.
        ideal_spoiling: no transverse magnetisation outlives a repetition; balanced SSFP has no spoilers.
    """

    selective: bool = True
    trajectory: TrajectoryChoice = TrajectoryChoice.cartesian
    n_turns: int | None = None
    n_dummies: int | None = None
    n_shots: int | None = None
    ideal_spoiling: bool = True


def sequence_for(protocol: Protocol, encoding: Encoding, scanner: Scanner, *, playing: Playing) -> Sequence:
    """Build the sequence of a protocol.

    Args:
        protocol: what the operator sets.
        encoding: what is measured.
        scanner: limits.
        playing: pulses, trajectory, dummies.

    Returns:
        Sequence.

    Raises:
        ValueError: times that cannot be kept, or a trajectory that the sequence cannot travel.
    """
    wished, protocol = protocol.echo_time, on_raster_of(protocol, scanner)
    if abs(protocol.echo_time - wished) > 2 * scanner.gradient_raster:
        warnings.warn(
            f"no echo lies at {1e3 * wished:.6g} ms; the nearest of the train is taken, at "
            f"{1e3 * protocol.echo_time:.6g} ms",
            stacklevel=2,
        )
    if playing.n_dummies is None:
        playing = replace(playing, n_dummies=standard_dummies(protocol))
    own = protocol.name in ("multi_echo_gradient_echo", "mprage", "echo_planar")
    if own and playing.trajectory is not TrajectoryChoice.cartesian:
        name = protocol.name.replace("_", " ")
        raise ValueError(f"{name} has a trajectory of its own; leave out {playing.trajectory}")
    readings = _readings(encoding, scanner, playing)
    is_spin_echo = protocol.name in ("spin_echo", "turbo_spin_echo", "inversion_recovery")
    build = _spin_echoes if is_spin_echo else _gradient_echoes
    sequence = build(protocol, encoding, scanner, playing, readings)
    return ideally_spoiled(sequence) if playing.ideal_spoiling and protocol.name != "balanced_ssfp" else sequence


def standard_dummies(protocol: Protocol) -> int:
    """Repetitions that bring the magnetisation near its steady state.

    Args:
        protocol: what the operator sets.

    Returns:
        One for echo trains, inversions and repetition times of 2 s or more; otherwise as many as last 2 s: the T1 of
        grey matter is 0.3 s at 0.064 T and 1.2 s at 1.5 T.
    """
    return max(1, math.ceil(SETTLING_TIME / protocol.repetition_time)) if protocol.name in SHORT_REPETITIONS else 1


def _echo_planar(p: Protocol, encoding: Encoding, scanner: Scanner, playing: Playing) -> Sequence:
    """With the shots that are asked for, or the fewest that can be played; the last refusal says what is possible."""
    n_lines = int(encoding.sampling.imaging.sum(axis=1).max())
    choices = [n for n in range(1, n_lines + 1) if n_lines % n == 0] if playing.n_shots is None else [playing.n_shots]
    refusal = ValueError("the sampling pattern has no line to image")
    for n_shots in choices:
        try:
            return echo_planar(
                encoding, scanner, echo_time=p.echo_time, repetition_time=p.repetition_time, flip_angle=p.flip_angle,
                n_shots=n_shots, pulse=_pulse(playing), n_dummies=playing.n_dummies or 0,
            )  # fmt: skip
        except ValueError as error:
            refusal = error
    raise refusal


def _mprage(p: Protocol, encoding: Encoding, scanner: Scanner, *, n_dummies: int) -> Sequence:
    """One train for each partition, or the fewest whose middle the inversion time reaches."""
    if p.inversion_time is None or p.echo_spacing is None:
        raise ValueError(f"the protocol of an MPRAGE has to say its inversion time and echo spacing, but is {p}")
    n_lines = encoding.matrix[1]
    refusal = ValueError("no line to image")
    for n_trains in (1, 2, 4, 8, 16):
        try:
            return mprage(
                encoding, scanner, inversion_time=p.inversion_time, repetition_time=p.repetition_time,
                echo_spacing=p.echo_spacing, flip_angle=p.flip_angle, echo_time=p.echo_time,
                train_length=math.ceil(n_lines / n_trains), n_dummies=n_dummies,
            )  # fmt: skip
        except ValueError as error:
            refusal = error
    raise refusal


def _gradient_echoes(
    p: Protocol, encoding: Encoding, scanner: Scanner, playing: Playing, readings: Readings | None
) -> Sequence:
    pulse, n = _pulse(playing), playing.n_dummies or 0
    TE, TR, angle = p.echo_time, p.repetition_time, p.flip_angle
    if p.name == "balanced_ssfp":
        return balanced_ssfp(
            encoding, scanner, echo_time=TE, repetition_time=TR, flip_angle=angle, pulse=pulse, n_dummies=n,
            readings=readings,
        )  # fmt: skip
    if p.name == "multi_echo_gradient_echo":
        return multi_echo_gradient_echo(
            encoding, scanner, echo_times=p.echo_times, repetition_time=TR, flip_angle=angle, pulse=pulse, n_dummies=n
        )
    if p.name == "echo_planar":
        return _echo_planar(p, encoding, scanner, playing)
    if p.name == "mprage":
        return _mprage(p, encoding, scanner, n_dummies=n)
    if p.name != "spoiled_gradient_echo":
        raise ValueError(f"no builder knows the sequence {p.name!r}")
    return gradient_echo(
        encoding, scanner, echo_time=TE, repetition_time=TR, flip_angle=angle, pulse=pulse, n_dummies=n,
        readings=readings,
    )  # fmt: skip


def _pulse(playing: Playing) -> PulseDesign:
    return SINC_PULSE if playing.selective else HARD_PULSE


def _spin_echoes(
    p: Protocol, encoding: Encoding, scanner: Scanner, playing: Playing, readings: Readings | None
) -> Sequence:
    design = TrainDesign(flip_angle=p.flip_angle, pulse=_pulse(playing))
    if p.echo_train_length > 1 and p.echo_spacing is not None:
        return turbo_spin_echo(
            encoding,
            scanner,
            echo_time=p.echo_time,
            repetition_time=p.repetition_time,
            echo_train_length=p.echo_train_length,
            echo_spacing=p.echo_spacing,
            inversion_time=p.inversion_time,
            design=design,
            n_dummies=playing.n_dummies or 0,
            readings=readings,
        )
    return spin_echo(
        encoding,
        scanner,
        echo_time=p.echo_time,
        repetition_time=p.repetition_time,
        inversion_time=p.inversion_time,
        design=design,
        n_dummies=playing.n_dummies or 0,
        readings=readings,
    )


def _readings(encoding: Encoding, scanner: Scanner, playing: Playing) -> Readings | None:
    """None reads the lines of the encoding."""
    if playing.trajectory is TrajectoryChoice.cartesian:
        return None
    if playing.trajectory is TrajectoryChoice.spiral:
        return spiral_readings(encoding, scanner, n_interleaves=playing.n_turns or 16)
    increment = GOLDEN_ANGLE if playing.trajectory is TrajectoryChoice.golden_angle else None
    n_spokes = playing.n_turns or round(encoding.matrix[2] * 1.5707963)  # π/2 n: neighbours 1/FOV apart at the rim
    return radial_readings(encoding, scanner, n_spokes=n_spokes, angle_increment=increment)
