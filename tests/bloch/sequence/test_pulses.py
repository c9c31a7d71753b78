"""Pulses and slice selection against the Bloch equation and plain geometry."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bloch.sequence import HARD_PULSE, PulseDesign, TrainDesign, hyperbolic_secant, sinc_pulse
from bloch.sequence.inversion import inversion
from bloch.sequence.pulses import HANN
from bloch.sequence.slice_selection import pulse_block, selected_pulse
from bloch.tissue import GYROMAGNETIC_RATIO


def cayley_klein(block, position: np.ndarray, *, amplitude: float) -> tuple[np.ndarray, np.ndarray]:
    """α and β of the pulse at every position, step by step in the frame of the resonance at the isocentre."""
    rf = block.rf
    off = GYROMAGNETIC_RATIO * amplitude * position
    a, b = np.ones(len(position), complex), np.zeros(len(position), complex)
    n = len(rf.rotations)
    for i, turn in enumerate(rf.rotations):
        since_centre = (i + 0.5 - n / 2) * rf.raster
        phase = np.angle(turn) + rf.phase - 2 * math.pi * rf.frequency_offset * since_centre
        wx, wy, wz = abs(turn) * math.cos(phase), abs(turn) * math.sin(phase), 2 * math.pi * off * rf.raster
        angle = np.sqrt(wx**2 + wy**2 + wz**2) + 1e-30
        # Left-handed turn: exp(+i angle/2 n·σ).
        alpha = np.cos(angle / 2) + 1j * wz / angle * np.sin(angle / 2)
        beta = (1j * wx + wy) / angle * np.sin(angle / 2)
        a, b = alpha * a - beta * b.conj(), alpha * b + beta * a.conj()
    return a, b


@pytest.mark.parametrize("flip_angle", [0.2, math.pi / 2])
def test_an_off_centre_slice_lies_where_it_was_asked_for_and_is_as_thick(flip_angle, scanner, encoding_of) -> None:
    encoding = encoding_of((1, 8, 8), n_slices=5)
    pulse = selected_pulse(flip_angle, encoding, scanner, design=PulseDesign(4e-3, time_bandwidth=8.0))
    z = np.linspace(-30e-3, 30e-3, 1201)
    for s in (0, 2, 4):
        a, b = cayley_klein(pulse_block(pulse, encoding, slice=s), z, amplitude=pulse.amplitude)
        strength = np.abs(2 * a * b)
        inside = z[strength > strength.max() / 2]
        assert (inside[0] + inside[-1]) / 2 == pytest.approx(encoding.centres[s, 2], abs=0.05e-3)
        assert inside[-1] - inside[0] == pytest.approx(5e-3, rel=0.05)
        on_slice = strength[np.abs(z - encoding.centres[s, 2]).argmin()]
        assert on_slice == pytest.approx(math.sin(flip_angle), abs=0.01)


def test_inverting_and_refocusing_pulses_cover_the_slice(scanner, encoding_of) -> None:
    encoding = encoding_of((1, 8, 8), n_slices=3)
    z = encoding.centres[2, 2] + np.linspace(-15e-3, 15e-3, 1201)
    inside = np.abs(z - encoding.centres[2, 2]) < 2.5e-3
    excitation = selected_pulse(1.0, encoding, scanner, design=PulseDesign())
    inverting = inversion(excitation, encoding, scanner, inversion_time=0.1, design=PulseDesign()).pulse
    a, b = cayley_klein(pulse_block(inverting, encoding, slice=2), z, amplitude=inverting.amplitude)
    along = np.abs(a) ** 2 - np.abs(b) ** 2
    assert along[inside].mean() < -0.95
    assert along[np.abs(z - encoding.centres[2, 2]) > 5e-3].min() > 0.9
    wide = TrainDesign().refocused_thickness
    refocusing = selected_pulse(math.pi, encoding, scanner, design=PulseDesign(), widening=wide)
    _, b = cayley_klein(pulse_block(refocusing, encoding, slice=2), z, amplitude=refocusing.amplitude)
    refocused = z[np.abs(b) ** 2 > 0.5]
    assert refocused[-1] - refocused[0] == pytest.approx(5e-3, rel=0.05)


def test_an_inversion_is_as_long_as_a_weak_transmitter_needs(scanner, encoding_of) -> None:
    weak = replace(scanner, max_B1=10e-6)
    excitation = selected_pulse(0.3, encoding_of(), weak, design=PulseDesign())
    pulse = inversion(excitation, encoding_of(), weak, inversion_time=0.1, design=PulseDesign()).pulse
    assert 0.9 * weak.max_B1 < pulse.block.rf.peak_B1 <= weak.max_B1


def test_slices_are_counted_along_their_normal(scanner, encoding_of) -> None:
    """A tilted stack: the offset is the component along e_z; of an even slab the middle lies half a voxel lower."""
    tilt = math.radians(20)
    e_z, e_x = np.array([0, -math.sin(tilt), math.cos(tilt)]), np.array([1.0, 0, 0])
    directions = np.array([e_z, np.cross(e_z, e_x), e_x])
    centre = 11e-3 * e_z + 3e-3 * directions[1] - 2e-3 * e_x
    for n_z, expected in ((1, 11e-3), (3, 11e-3), (4, 11e-3 - 2.5e-3)):
        encoding = replace(encoding_of((n_z, 8, 8)), centres=centre[None], directions=directions)
        pulse = selected_pulse(0.5, encoding, scanner, design=PulseDesign())
        offset = pulse_block(pulse, encoding, slice=0).rf.frequency_offset
        assert offset / (GYROMAGNETIC_RATIO * pulse.amplitude) == pytest.approx(expected, rel=1e-9)


def test_apodised_sinc_has_its_angle_and_fades_out() -> None:
    pulse = sinc_pulse(1.1, design=PulseDesign(2e-3, time_bandwidth=4.0, apodisation=HANN, step=20e-6))
    assert pulse.flip_angle == pytest.approx(1.1, rel=1e-12)
    assert len(pulse.rotations) == 100
    assert pulse.duration == pytest.approx(2e-3)
    assert np.abs(pulse.rotations[[0, -1]]).max() < 1e-3 * np.abs(pulse.rotations).max()
    assert pulse.rotations == pytest.approx(pulse.rotations[::-1])


def test_centre_lies_on_the_gradient_raster_after_the_dead_time(scanner, encoding_of) -> None:
    for design in (PulseDesign(), HARD_PULSE, PulseDesign(0.0, slice_selective=False)):
        pulse = selected_pulse(1.0, encoding_of(), scanner, design=design)
        steps = pulse.centre / scanner.gradient_raster
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert pulse.block.rf.delay >= scanner.rf_dead_time - 1e-12
        assert pulse.block.duration - pulse.block.rf.end >= scanner.rf_ringdown_time - 1e-12


def test_too_thin_a_slice_says_how_long_the_pulse_must_be(scanner, encoding_of) -> None:
    thin = replace(encoding_of(), field_of_view=(0.5e-3, 0.2, 0.2))
    with pytest.raises(ValueError, match=r"at least 7\.52 ms long"):
        selected_pulse(1.0, thin, scanner, design=PulseDesign(1e-3))
    assert selected_pulse(1.0, thin, scanner, design=PulseDesign(7.52e-3)).amplitude < scanner.max_gradient


def test_a_pulse_off_the_raster_is_refused(scanner, encoding_of) -> None:
    with pytest.raises(ValueError, match="make it 420 us long"):
        selected_pulse(1.0, encoding_of(), scanner, design=PulseDesign(415e-6))


@pytest.mark.parametrize("field", [0.7, 1.0, 1.5])
def test_an_adiabatic_inversion_inverts_its_band_whatever_the_transmit_field(field: float) -> None:
    pulse = hyperbolic_secant(duration=10e-3, mu=5.0)
    bandwidth = 5.0 * 2 * math.acosh(100) / 10e-3 / math.pi
    offsets = np.linspace(-1.5, 1.5, 61) * bandwidth / 2
    M = np.stack([np.zeros_like(offsets), np.zeros_like(offsets), np.ones_like(offsets)])
    for turn in field * pulse.rotations:  # Rodrigues, left-handed, one step after the other
        off = 2 * math.pi * offsets * pulse.raster
        axis = np.stack([np.full_like(off, turn.real), np.full_like(off, turn.imag), off])
        angle = np.linalg.norm(axis, axis=0)
        axis = axis / angle
        onto = axis * (axis * M).sum(0) * (1 - np.cos(angle))
        M = M * np.cos(angle) - np.cross(axis, M, axis=0) * np.sin(angle) + onto
    along = M[2]
    assert along[np.abs(offsets) < 0.35 * bandwidth].max() < -0.98
    assert along[np.abs(offsets) > 0.7 * bandwidth].min() > 0.95
