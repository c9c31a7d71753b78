"""Radio-frequency pulses with their slice-selection gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding
from bloch.sequence.events import Block, PulseUse, RFPulse, hard_pulse, trapezoid
from bloch.sequence.gradients import moments_until, on_raster
from bloch.tissue import GYROMAGNETIC_RATIO

HAMMING = 0.46
HANN = 0.5


@dataclass(frozen=True)
class PulseDesign:
    """How a pulse is shaped.

    Attributes:
        duration: s, an even number of gradient raster steps; 0 for an instantaneous hard pulse.
        slice_selective: a sinc pulse under a slice gradient; otherwise a hard pulse that turns everything.
        time_bandwidth: of the sinc: bandwidth times duration.
        apodisation: a of the window 1 − a + a cos(2πt/duration) over the sinc: ``HAMMING``, ``HANN``, 0 for none.
        step: of the sinc's shape, s; a simulation takes as many steps.
    """

    duration: float = 2e-3
    slice_selective: bool = True
    time_bandwidth: float = 4.0
    apodisation: float = HAMMING
    step: float = 20e-6


SINC_PULSE = PulseDesign()
HARD_PULSE = PulseDesign(duration=0.4e-3, slice_selective=False)


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


def sinc_pulse(flip_angle: float, *, design: PulseDesign, delay: float = 0.0, use: PulseUse = "excitation") -> RFPulse:
    """An apodised sinc pulse.

        B1(t) ∝ [1 − a + a cos(2πt/T)] sinc(b t/T),   −T/2 < t < T/2,   sinc(x) = sin(πx)/(πx)

    of bandwidth b/T, sampled at the middle of every step. The small-tip approximation, which the shape stands on,
    holds for excitation; as a refocusing pulse the profile is narrower than its bandwidth says.

    Args:
        flip_angle: on resonance, rad.
        design: T, b, a and the step.
        delay: from the start of the block, s.
        use: what it is for.

    Returns:
        RFPulse of phase 0.

    Source: Bernstein, King & Zhou, Handbook of MRI Pulse Sequences (2004), section 2.2 (SINC pulses).
    """
    n_steps = max(round(design.duration / design.step), 1)
    t = (np.arange(n_steps) + 0.5) / n_steps - 0.5
    window = 1 - design.apodisation + design.apodisation * np.cos(2 * np.pi * t)
    shape = window * np.sinc(design.time_bandwidth * t)
    rotations = (flip_angle * shape / shape.sum()).astype(complex)
    return RFPulse(rotations, design.duration / n_steps, delay=delay, use=use)


def hyperbolic_secant(
    *, duration: float = 10e-3, mu: float = 5.0, strength: float = 3.0, step: float = 50e-6
) -> RFPulse:
    """An adiabatic inversion: above a threshold its effect does not depend on the transmit field.

        B1(t) = B1_max sech(βt) exp(iμ ln sech(βt)),   γ B1_max = strength β √μ

    sweeps the frequency by ∓μβ / 2π over a band of μβ/π Hz. It is cut where the field has fallen to 1 %.

    Args:
        duration: s, an even number of gradient raster steps.
        mu: μ.
        strength: times the threshold of adiabaticity.
        step: of the shape, s.

    Returns:
        RFPulse.

    Source: Silver, Joseph and Hoult, J Magn Reson 59:347 (1984); Baum, Tycko and Pines, Phys Rev A 32:3435 (1985).
    """
    n_steps = max(round(duration / step), 1)
    t = ((np.arange(n_steps) + 0.5) / n_steps - 0.5) * duration
    beta = 2 * math.acosh(100) / duration
    sech = 1 / np.cosh(beta * t)
    raster = duration / n_steps
    turns = strength * beta * math.sqrt(mu) * raster * sech * np.exp(1j * mu * np.log(sech))
    return RFPulse(turns, raster, use="inversion")


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


def selected_pulse(
    flip_angle: float, encoding: Encoding, scanner: Scanner, *, design: PulseDesign, use: PulseUse = "excitation"
) -> SelectedPulse:
    """A pulse with dead times and, where it selects, with the gradient of its slice or slab.

    The gradient is bandwidth / (γ/2π thickness).

    Args:
        flip_angle: rad.
        encoding: ``field_of_view[0]`` is the thickness.
        scanner: limits and dead times.
        design: of the pulse.
        use: what it is for.

    Returns:
        SelectedPulse, its centre on the gradient raster.

    Raises:
        ValueError: the slice is too thin for the gradient, or the duration is off the raster.
    """
    if not design.slice_selective:
        return unselective(hard_pulse(flip_angle, duration=design.duration, use=use), scanner)
    raster = scanner.gradient_raster
    _check_duration(design.duration, raster)
    amplitude = _slice_gradient(encoding, scanner, design=design)
    ramp = on_raster(amplitude / scanner.max_slew, raster)
    delay = max(on_raster(scanner.rf_dead_time, raster), ramp)
    rf = sinc_pulse(flip_angle, design=design, delay=delay, use=use)
    moment = GYROMAGNETIC_RATIO * amplitude * design.duration
    gz = trapezoid(moment, flat_time=design.duration, ramp_time=ramp, delay=delay - ramp, flat_moment=True)
    end = on_raster(max(rf.end + scanner.rf_ringdown_time, gz.end), raster)
    centre = delay + design.duration / 2
    before = float(moments_until(gz, np.array([centre]))[0])
    return SelectedPulse(Block(end, rf, gz=gz), centre, amplitude, before, gz.moment - before)


def _check_duration(duration: float, raster: float) -> None:
    if abs(duration / (2 * raster) - round(duration / (2 * raster))) > 1e-6:
        raise ValueError(
            f"a pulse of {duration * 1e6:.6g} us has its centre off the gradient raster of {raster * 1e6:g} us; "
            f"make it {on_raster(duration, 2 * raster) * 1e6:.6g} us long"
        )


def _slice_gradient(encoding: Encoding, scanner: Scanner, *, design: PulseDesign) -> float:
    thickness = encoding.field_of_view[0]
    amplitude = design.time_bandwidth / design.duration / (GYROMAGNETIC_RATIO * thickness)
    if amplitude > scanner.max_gradient * (1 + 1e-9):
        duration = on_raster(design.duration * amplitude / scanner.max_gradient, 2 * scanner.gradient_raster)
        raise ValueError(
            f"a slice of {thickness * 1e3:.4g} mm and a pulse of {design.time_bandwidth / design.duration:.0f} Hz "
            f"bandwidth need a gradient of {amplitude * 1e3:.4g} mT/m, but the scanner has "
            f"{scanner.max_gradient * 1e3:.4g} mT/m; make the pulse at least {duration * 1e3:.4g} ms long, "
            "or the slice thicker"
        )
    return amplitude


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
