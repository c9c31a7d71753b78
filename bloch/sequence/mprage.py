"""MPRAGE: an inversion and a train of spoiled gradient echoes through a slab."""

from __future__ import annotations

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block, RFPulse
from bloch.sequence.gradient_echo import SPOILING, Spoiling, gradient_echo_kernel, play_gradient_echo
from bloch.sequence.inversion import inversion
from bloch.sequence.protocol import Protocol
from bloch.sequence.pulses import HARD_PULSE, PulseDesign
from bloch.sequence.readings import cartesian_readings
from bloch.sequence.repetition import checked_sequence, repeat_shots, time_left
from bloch.sequence.sequence import Sequence
from bloch.sequence.slice_selection import selected_pulse
from bloch.sequence.view_order import ViewOrder, centric_order, linear_order, trains


def mprage(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    inversion_time: float,
    repetition_time: float,
    echo_spacing: float,
    flip_angle: float,
    echo_time: float | None = None,
    train_length: int | None = None,
    order: ViewOrder = linear_order,
    pulse: PulseDesign = HARD_PULSE,
    inversion_pulse: PulseDesign | RFPulse = HARD_PULSE,
    spoiling: Spoiling = SPOILING,
    n_dummies: int = 0,
) -> Sequence:
    """Magnetisation-prepared rapid gradient echo.

    Args:
        encoding: what is measured; usually one slab.
        scanner: limits.
        inversion_time: from the centre of the inversion to that of the pulse whose echo reads k = 0, s.
        repetition_time: from inversion to inversion, s.
        echo_spacing: between two pulses of the train, s.
        flip_angle: of the train, rad.
        echo_time: from a pulse's centre to its echo, s; None for the shortest.
        train_length: pulses after an inversion; None for one partition (all ky of it) each.
        order: ``linear_order`` reads k = 0 in the middle of the train, ``centric_order`` with its first pulse.
        pulse: shape of the train's pulses.
        inversion_pulse: shape of the inversion, or the pulse itself (``hyperbolic_secant``).
        spoiling: of the transverse magnetisation.
        n_dummies: trains of every slab before the first that is measured.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.

    Source: Mugler and Brookeman, Magn Reson Med 15:152 (1990).
    """
    readings = cartesian_readings(encoding, scanner)
    n_pulses = encoding.matrix[1] if train_length is None else train_length
    central = 0 if order is centric_order else n_pulses // 2
    shots = trains(readings.readings, encoding, n_echoes=n_pulses, central_echo=central, order=order)
    excitation = selected_pulse(flip_angle, encoding, scanner, design=pulse)
    kernel = gradient_echo_kernel(
        readings,
        encoding,
        scanner,
        excitation=excitation,
        echo_time=echo_time,
        spoiler=spoiling.cycles / encoding.voxel_size[0],
    )
    pause = time_left("echo spacing", echo_spacing, kernel.duration, raster=scanner.gradient_raster)
    prepared = inversion(
        excitation,
        encoding,
        scanner,
        inversion_time=inversion_time,
        design=inversion_pulse,
        later=central * echo_spacing,
    )

    def shot(s: int, i: int) -> list[Block]:
        blocks = prepared.blocks(encoding, slice=s)
        train = shots[max(i, 0)]
        some = next(reading for reading in train if reading is not None)
        for n, reading in enumerate(train):
            phase, silent = spoiling.phase((i + n_dummies) * n_pulses + n), reading is None or i < 0
            blocks += play_gradient_echo(
                kernel, reading or some, slice=s, phase=phase, shot=max(i, 0), segment=n, silent=silent
            )
            blocks += [Block(pause, slice=s)] if pause > 1e-9 else []
        return blocks

    blocks = repeat_shots(
        shot,
        shots=range(-n_dummies, len(shots)),
        n_slices=len(encoding.centres),
        repetition_time=repetition_time,
        shot_duration=prepared.duration + n_pulses * echo_spacing,
        scanner=scanner,
    )
    protocol = Protocol(
        "mprage",
        kernel.echo_time,
        repetition_time,
        inversion_time=inversion_time,
        flip_angle=flip_angle,
        echo_train_length=n_pulses,
        echo_spacing=echo_spacing,
    )
    return checked_sequence(blocks, protocol, encoding, scanner, trajectory=readings.trajectory)
