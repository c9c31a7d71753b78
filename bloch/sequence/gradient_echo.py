"""Spoiled gradient echoes, and the kernel of all sequences that read after a single pulse."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block
from bloch.sequence.gradients import LobeTiming, along_z, longest_lobe, moment_block
from bloch.sequence.protocol import Protocol
from bloch.sequence.pulses import SINC_PULSE, PulseDesign
from bloch.sequence.readings import Reading, Readings, cartesian_readings
from bloch.sequence.repetition import checked_sequence, place, repeat_shots, time_left
from bloch.sequence.sequence import Sequence
from bloch.sequence.slice_selection import SelectedPulse, pulse_block, selected_pulse


@dataclass(frozen=True)
class Spoiling:
    """How a gradient echo destroys what is left of the transverse magnetisation.

    Attributes:
        phase_increment: of the pulses, rad: pulse n has the phase φ n(n+1)/2; 0 for none.
        cycles: turns of the phase across a voxel's thickness (z) that the gradients make in a repetition; 0 for none.

    Source: Zur, Wood and Neuringer, Magn Reson Med 21:251 (1991): 117° brings the signal nearest to ideal spoiling.
    """

    phase_increment: float = math.radians(117)
    cycles: float = 2.0

    def phase(self, n: int) -> float:
        """Of pulse ``n``, rad."""
        return math.remainder(self.phase_increment * (n * (n + 1) // 2), 2 * math.pi)


SPOILING = Spoiling()


@dataclass(frozen=True, eq=False)
class GradientEchoKernel:
    """Pulse, prephasing, reading, rewinding.

    Over one kernel the gradients of x and y add to nothing, those of z to ``spoiler``.

    Attributes:
        excitation: the pulse.
        encoding: slices.
        before, after: times of the lobes around the reading.
        fill: wait before the reading, s.
        spoiler: moment on z that is left at the end, 1/m.
        echo_time: from the pulse's centre to the echo, s.
        duration: s.
    """

    excitation: SelectedPulse
    encoding: Encoding
    before: LobeTiming
    after: LobeTiming
    fill: float
    spoiler: float
    echo_time: float
    duration: float


def gradient_echo_kernel(
    readings: Readings, encoding: Encoding, scanner: Scanner, *,
    excitation: SelectedPulse, echo_time: float | None, spoiler: float = 0.0,
) -> GradientEchoKernel:  # fmt: skip
    """Times of a kernel that serves all readings.

    Args:
        readings: to play.
        encoding: slices.
        scanner: limits.
        excitation: the pulse.
        echo_time: from the pulse's centre to the echo, s; None for the shortest.
        spoiler: moment on z that is left at the end, 1/m.

    Returns:
        GradientEchoKernel.

    Raises:
        ValueError: the echo time is too short.
    """
    before = longest_lobe(readings.starts - along_z(excitation.moment_after), scanner)
    after = longest_lobe(along_z(spoiler - excitation.moment_before) - readings.stops, scanner)
    one = readings.readings[0]
    shortest = excitation.tail + before.duration + one.echo_time
    fill = 0.0
    if echo_time is not None:
        fill = time_left("echo time", echo_time, shortest, raster=scanner.gradient_raster)
    duration = excitation.block.duration + before.duration + fill + one.duration + after.duration
    return GradientEchoKernel(excitation, encoding, before, after, fill, spoiler, shortest + fill, duration)


def play_gradient_echo(
    kernel: GradientEchoKernel, reading: Reading, *, slice: int, phase: float, shot: int, segment: int | None = None,
    silent: bool = False,
) -> list[Block]:  # fmt: skip
    """One kernel. The receiver follows the pulse by 90°, so that resting magnetisation is seen real and positive.

    Args:
        kernel: times and pulse.
        reading: what to measure.
        slice: index.
        phase: of the pulse, rad.
        shot: number for the label.
        segment: number in the train, or None.
        silent: a dummy: the receiver stays closed.

    Returns:
        Blocks.
    """
    pulse = kernel.excitation
    to_start = reading.start - along_z(pulse.moment_after)
    to_end = along_z(kernel.spoiler - pulse.moment_before) - reading.stop
    around = (
        moment_block(to_start, kernel.before, fill=kernel.fill),
        *reading.blocks,
        moment_block(to_end, kernel.after),
    )
    played = place(around, slice=slice, phase=phase + math.pi / 2, shot=shot, segment=segment, silent=silent)
    return [pulse_block(pulse, kernel.encoding, slice=slice, phase=phase), *(b for b in played if b.duration > 0)]


def gradient_echo(  # noqa: PLR0913  # what an operator sets
    encoding: Encoding,
    scanner: Scanner,
    *,
    echo_time: float | None = None,
    repetition_time: float,
    flip_angle: float,
    pulse: PulseDesign = SINC_PULSE,
    spoiling: Spoiling = SPOILING,
    n_dummies: int = 0,
    readings: Readings | None = None,
) -> Sequence:
    """A spoiled gradient echo (FLASH, SPGR) of slices or slabs.

    Args:
        encoding: what is measured.
        scanner: limits.
        echo_time: from the pulse's centre to k = 0, s; None for the shortest.
        repetition_time: s; slices are interleaved as far as they fit.
        flip_angle: rad.
        pulse: its shape; ``HARD_PULSE`` selects nothing.
        spoiling: of the transverse magnetisation.
        n_dummies: repetitions of every slice before the first that is measured.
        readings: how k-space is travelled; None reads the lines of the encoding.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, with the nearest that can; a limit of the scanner.

    Source: Haase et al., J Magn Reson 67:258 (1986); Zur, Wood and Neuringer, Magn Reson Med 21:251 (1991).
    """
    readings = cartesian_readings(encoding, scanner) if readings is None else readings
    excitation = selected_pulse(flip_angle, encoding, scanner, design=pulse)
    spoiler = spoiling.cycles / encoding.voxel_size[0]
    kernel = gradient_echo_kernel(
        readings, encoding, scanner, excitation=excitation, echo_time=echo_time, spoiler=spoiler
    )

    def shot(s: int, i: int) -> list[Block]:
        reading, phase = readings.readings[max(i, 0)], spoiling.phase(i + n_dummies)
        return play_gradient_echo(kernel, reading, slice=s, phase=phase, shot=max(i, 0), silent=i < 0)

    blocks = repeat_shots(
        shot,
        shots=range(-n_dummies, len(readings.readings)),
        n_slices=len(encoding.centres),
        repetition_time=repetition_time,
        shot_duration=kernel.duration,
        scanner=scanner,
    )
    protocol = Protocol("spoiled_gradient_echo", kernel.echo_time, repetition_time, flip_angle=flip_angle)
    return checked_sequence(blocks, protocol, encoding, scanner, trajectory=readings.trajectory)
