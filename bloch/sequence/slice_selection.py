"""Pulses in their blocks: dead times, and the gradient that selects a slice or slab."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block, PulseUse, RFPulse, hard_pulse, trapezoid
from bloch.sequence.gradients import moments_until, on_raster
from bloch.sequence.pulses import PulseDesign, sinc_pulse
from bloch.tissue import GYROMAGNETIC_RATIO


@dataclass(frozen=True, eq=False)
class SelectedPulse:
    """A pulse in its block.

    Attributes:
        block: with the pulse (phase 0, at the isocentre) and its slice gradient.
        centre: of the pulse, from the start of the block, s.
        amplitude: of the slice gradient during the pulse, T/m; 0 without.
        moment_before: of the slice gradient from the start of the block to the centre, 1/m.
        moment_after: from the centre to the end, 1/m.
    """

    block: Block
    centre: float
    amplitude: float = 0.0
    moment_before: float = 0.0
    moment_after: float = 0.0

    @property
    def tail(self) -> float:
        """From the centre to the end of the block, s."""
        return self.block.duration - self.centre


def unselective(rf: RFPulse, scanner: Scanner) -> SelectedPulse:
    """A pulse with dead times and without a gradient.

    Args:
        rf: its shape.
        scanner: dead times and raster.

    Returns:
        SelectedPulse, its centre on the gradient raster.

    Raises:
        ValueError: the duration is off the raster.
    """
    raster = scanner.gradient_raster
    _check_duration(rf.duration, raster)
    delay = on_raster(scanner.rf_dead_time, raster)
    end = on_raster(delay + rf.duration + scanner.rf_ringdown_time, raster)
    return SelectedPulse(Block(end, replace(rf, delay=delay)), delay + rf.duration / 2)


def selective(rf: RFPulse, scanner: Scanner, *, bandwidth: float, thickness: float) -> SelectedPulse:
    """A pulse under the gradient bandwidth / (γ/2π thickness), with dead times.

    Args:
        rf: its shape.
        scanner: limits, dead times and raster.
        bandwidth: Hz.
        thickness: of the slice or slab, m.

    Returns:
        SelectedPulse, its centre on the gradient raster.

    Raises:
        ValueError: the slice is too thin for the gradient, or the duration is off the raster.
    """
    raster = scanner.gradient_raster
    _check_duration(rf.duration, raster)
    amplitude = bandwidth / (GYROMAGNETIC_RATIO * thickness)
    if amplitude > scanner.max_gradient * (1 + 1e-9):
        longer = on_raster(rf.duration * amplitude / scanner.max_gradient, 2 * raster)
        raise ValueError(
            f"a slice of {thickness * 1e3:.4g} mm and a pulse of {bandwidth:.0f} Hz bandwidth need a gradient of "
            f"{amplitude * 1e3:.4g} mT/m, but the scanner has {scanner.max_gradient * 1e3:.4g} mT/m; make the pulse at "
            f"least {longer * 1e3:.4g} ms long, or the slice thicker"
        )
    ramp = on_raster(amplitude / scanner.max_slew, raster)
    delay = max(on_raster(scanner.rf_dead_time, raster), ramp)
    moment = GYROMAGNETIC_RATIO * amplitude * rf.duration
    gz = trapezoid(moment, flat_time=rf.duration, ramp_time=ramp, delay=delay - ramp, flat_moment=True)
    end = on_raster(max(delay + rf.duration + scanner.rf_ringdown_time, gz.end), raster)
    centre = delay + rf.duration / 2
    before = float(moments_until(gz, np.array([centre]))[0])
    return SelectedPulse(Block(end, replace(rf, delay=delay), gz=gz), centre, amplitude, before, gz.moment - before)


def selected_pulse(
    flip_angle: float, encoding: Encoding, scanner: Scanner, *, design: PulseDesign, use: PulseUse = "excitation",
    widening: float = 1.0,
) -> SelectedPulse:  # fmt: skip
    """A pulse of a design: a sinc under the gradient of the encoding's slice or slab, or a hard pulse without.

    Args:
        flip_angle: rad.
        encoding: ``field_of_view[0]`` is the thickness.
        scanner: limits, dead times and raster.
        design: of the pulse.
        use: what it is for.
        widening: selects so many times the thickness.

    Returns:
        SelectedPulse, its centre on the gradient raster.

    Raises:
        ValueError: the slice is too thin for the gradient, or the duration is off the raster.
    """
    if not design.slice_selective:
        return unselective(hard_pulse(flip_angle, duration=design.duration, use=use), scanner)
    return selective(
        sinc_pulse(flip_angle, design=design, use=use),
        scanner,
        bandwidth=design.time_bandwidth / design.duration,
        thickness=widening * encoding.field_of_view[0],
    )


def pulse_block(pulse: SelectedPulse, encoding: Encoding, *, slice: int, phase: float = 0.0) -> Block:
    """The pulse's block for one slice: the carrier is tuned to the slice's middle.

        Δf = γ/2π G (c_s · e_z − ½ Δz for an even number of partitions)

    since the centre belongs to index ``n // 2``, which lies half a voxel above the middle of an even slab.

    Args:
        pulse: to play.
        encoding: centres and directions.
        slice: index.
        phase: of the pulse, rad.

    Returns:
        Block.
    """
    n_z = encoding.matrix[0]
    position = encoding.centres[slice] @ encoding.directions[0] + ((n_z - 1) / 2 - n_z // 2) * encoding.voxel_size[0]
    offset = GYROMAGNETIC_RATIO * pulse.amplitude * float(position)
    assert pulse.block.rf is not None  # by construction
    rf = replace(pulse.block.rf, phase=math.remainder(phase, 2 * math.pi), frequency_offset=offset)
    return replace(pulse.block, rf=rf, slice=slice)


def _check_duration(duration: float, raster: float) -> None:
    if abs(duration / (2 * raster) - round(duration / (2 * raster))) > 1e-6:
        raise ValueError(
            f"a pulse of {duration * 1e6:.6g} us has its centre off the gradient raster of {raster * 1e6:g} us; "
            f"make it {on_raster(duration, 2 * raster) * 1e6:.6g} us long"
        )
