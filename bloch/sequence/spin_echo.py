"""Spin echo, turbo spin echo, and both after an inversion: inversion recovery and FLAIR."""

from __future__ import annotations

import math
from collections.abc import Sequence as Many

from bloch.scanner import Scanner
from bloch.sequence.echo_train import TRAIN_DESIGN, EchoTrain, TrainDesign, echo_train, play_train
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block
from bloch.sequence.inversion import Inversion, inversion
from bloch.sequence.protocol import Protocol
from bloch.sequence.readings import Readings, cartesian_readings
from bloch.sequence.repetition import checked_sequence, repeat_shots
from bloch.sequence.sequence import Sequence
from bloch.sequence.view_order import Train, ViewOrder, linear_order, trains


def spin_echo(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    echo_time: float,
    repetition_time: float,
    inversion_time: float | None = None,
    design: TrainDesign = TRAIN_DESIGN,
    n_dummies: int = 0,
    readings: Readings | None = None,
) -> Sequence:
    """A spin echo, one line for each excitation; with an inversion time an inversion recovery.

    Args:
        encoding: what is measured.
        scanner: limits.
        echo_time: s.
        repetition_time: s; slices are interleaved as far as they fit.
        inversion_time: from the centre of an inversion pulse to that of the excitation, s; None for no inversion.
        design: pulses and crushers.
        n_dummies: echoes of every slice before the first that is measured.
        readings: how k-space is travelled; None reads the lines of the encoding.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.

    Source: Hahn, Phys Rev 80:580 (1950).
    """
    readings = cartesian_readings(encoding, scanner) if readings is None else readings
    train = echo_train(readings, encoding, scanner, design=design, angles=(math.pi,), echo_spacing=echo_time)
    protocol = Protocol(
        "spin_echo" if inversion_time is None else "inversion_recovery",
        echo_time,
        repetition_time,
        inversion_time=inversion_time,
        flip_angle=design.flip_angle,
        refocusing_angles=(math.pi,),
    )
    shots = [(reading,) for reading in readings.readings]
    return _assemble(shots, train, readings, scanner, protocol=protocol, n_dummies=n_dummies)


def turbo_spin_echo(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    echo_time: float,
    repetition_time: float,
    echo_train_length: int,
    echo_spacing: float,
    inversion_time: float | None = None,
    refocusing_angles: float | Many[float] = math.pi,
    order: ViewOrder = linear_order,
    design: TrainDesign = TRAIN_DESIGN,
    n_dummies: int = 0,
    readings: Readings | None = None,
) -> Sequence:
    """A turbo (fast) spin echo, RARE; with an inversion time a FLAIR.

    Args:
        encoding: what is measured.
        scanner: limits.
        echo_time: effective: of the echo that reads k = 0, s; a multiple of the echo spacing.
        repetition_time: s; slices are interleaved as far as they fit.
        echo_train_length: echoes for each excitation.
        echo_spacing: s.
        inversion_time: from the centre of an inversion pulse to that of the excitation, s; None for no inversion.
        refocusing_angles: rad; one for all echoes or one for each.
        order: which echo reads which band of k-space: ``linear_order`` or ``centric_order``.
        design: excitation, pulse shapes, crushers.
        n_dummies: trains of every slice before the first that is measured.
        readings: how k-space is travelled; None reads the lines of the encoding.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.

    Source: Hennig, Nauerth and Friedburg, Magn Reson Med 3:823 (1986).
    """
    readings = cartesian_readings(encoding, scanner) if readings is None else readings
    angles = _angles(refocusing_angles, echo_train_length)
    # An impossible spacing is told before the echo times that follow from it.
    train = echo_train(readings, encoding, scanner, design=design, angles=angles, echo_spacing=echo_spacing)
    central = _central_echo(echo_time, echo_spacing, echo_train_length)
    shots = trains(readings.readings, encoding, n_echoes=echo_train_length, central_echo=central, order=order)
    protocol = Protocol(
        "turbo_spin_echo" if inversion_time is None else "inversion_recovery",
        echo_time,
        repetition_time,
        inversion_time=inversion_time,
        flip_angle=design.flip_angle,
        echo_train_length=echo_train_length,
        echo_spacing=echo_spacing,
        refocusing_angles=angles,
    )
    return _assemble(shots, train, readings, scanner, protocol=protocol, n_dummies=n_dummies)


def _assemble(
    shots: Many[Train],
    train: EchoTrain,
    readings: Readings,
    scanner: Scanner,
    *,
    protocol: Protocol,
    n_dummies: int = 0,
) -> Sequence:
    encoding = train.encoding
    prepared: Inversion | None = None
    if protocol.inversion_time is not None:
        time, pulse = protocol.inversion_time, train.design.pulse
        prepared = inversion(train.excitation, encoding, scanner, inversion_time=time, design=pulse)

    def shot(s: int, i: int) -> list[Block]:
        prefix = [] if prepared is None else prepared.blocks(encoding, slice=s)
        return prefix + play_train(train, shots[max(i, 0)], slice=s, shot=max(i, 0), silent=i < 0)

    blocks = repeat_shots(
        shot,
        shots=range(-n_dummies, len(shots)),
        n_slices=len(encoding.centres),
        repetition_time=protocol.repetition_time,
        shot_duration=train.duration + (0.0 if prepared is None else prepared.duration),
        scanner=scanner,
    )
    return checked_sequence(blocks, protocol, encoding, scanner, trajectory=readings.trajectory)


def _central_echo(echo_time: float, echo_spacing: float, echo_train_length: int) -> int:
    """Index of the echo at the effective echo time, from 0."""
    number = round(echo_time / echo_spacing)
    if not 1 <= number <= echo_train_length or abs(number * echo_spacing - echo_time) > 1e-6 * echo_spacing:
        nearest = min(max(number, 1), echo_train_length)
        raise ValueError(
            f"the effective echo time of {echo_time * 1e3:.6g} ms is none of the {echo_train_length} echoes at "
            f"multiples of {echo_spacing * 1e3:.6g} ms; the nearest is {nearest * echo_spacing * 1e3:.6g} ms"
        )
    return number - 1


def _angles(angles: float | Many[float], echo_train_length: int) -> tuple[float, ...]:
    if isinstance(angles, (int, float)):
        return (float(angles),) * echo_train_length
    if len(angles) != echo_train_length:
        raise ValueError(
            f"{len(angles)} refocusing angles were given for {echo_train_length} echoes; give one for each, or one "
            "number"
        )
    return tuple(float(angle) for angle in angles)
