"""Inversion before a shot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block, RFPulse
from bloch.sequence.gradients import LobeTiming, along_z, longest_lobe, moment_block, on_raster
from bloch.sequence.pulses import PulseDesign, hyperbolic_secant, hyperbolic_secant_bandwidth
from bloch.sequence.repetition import place, time_left
from bloch.sequence.slice_selection import SelectedPulse, pulse_block, selected_pulse, selective, unselective

WIDENING = 1.3
"""Of the inverted slice over the excited one: the edges of the band are not inverted fully."""


@dataclass(frozen=True, eq=False)
class Inversion:
    """An inversion pulse, a spoiler and the wait until the excitation.

    Attributes:
        pulse: the inversion.
        spoiler: its moment on z, 1/m.
        timing: of the spoiler.
        wait: s.
    """

    pulse: SelectedPulse
    spoiler: float
    timing: LobeTiming
    wait: float

    @property
    def duration(self) -> float:
        """From the start of the pulse's block to the start of the excitation's, s."""
        return self.pulse.block.duration + self.timing.duration + self.wait

    def blocks(self, encoding: Encoding, *, slice: int) -> list[Block]:
        """As they are played for one slice."""
        spoiler = moment_block(along_z(self.spoiler), self.timing, fill=self.wait)
        return [pulse_block(self.pulse, encoding, slice=slice), *place([spoiler], slice=slice)]


def inversion(
    excitation: SelectedPulse, encoding: Encoding, scanner: Scanner, *,
    inversion_time: float, design: PulseDesign | RFPulse, cycles: float = 4.0, later: float = 0.0,
) -> Inversion:  # fmt: skip
    """An inversion whose centre lies the inversion time before that of the excitation.

    A sinc inverts badly: over a slice of its nominal thickness it leaves -0.3 of the magnetisation. So a selective
    design inverts with a hyperbolic secant under the gradient of a slice that is ``WIDENING`` times as thick.

    Args:
        excitation: the pulse that follows.
        encoding: slices.
        scanner: limits.
        inversion_time: s.
        design: slice-selective or hard, like the excitation's; or the pulse itself, which then selects nothing.
        cycles: turns of the phase across a voxel's thickness that the spoiler makes.
        later: the inversion time counts to a pulse this long after the excitation that follows, s.

    Returns:
        Inversion.

    Raises:
        ValueError: the inversion time is too short.
    """
    if isinstance(design, RFPulse):
        pulse = unselective(design, scanner)
    elif design.slice_selective:
        # As short as it is by default, or longer where the transmitter is weak: the field falls with the duration.
        longer = max(hyperbolic_secant().peak_B1 / scanner.max_B1, 1.0)
        duration = on_raster(10e-3 * longer, 200e-6)
        band = hyperbolic_secant_bandwidth(duration=duration)
        secant = hyperbolic_secant(duration=duration)
        pulse = selective(secant, scanner, bandwidth=band, thickness=WIDENING * encoding.field_of_view[0])
    else:
        pulse = selected_pulse(math.pi, encoding, scanner, design=design, use="inversion")
    moment = cycles / encoding.voxel_size[0]
    timing = longest_lobe(np.array([moment]), scanner)
    shortest = pulse.tail + timing.duration + excitation.centre + later
    wait = time_left("inversion time", inversion_time, shortest, raster=scanner.gradient_raster)
    return Inversion(pulse, moment, timing, wait)
