"""Water and fat in the forward operator, against the signal of each line written out and against played spins."""

from __future__ import annotations

import cmath
import math

import pytest
import torch

from bloch.magnetisation.reference import reference_magnetisation
from bloch.magnetisation.spins_of_phantom import spins_of
from bloch.magnetisation.timeline import timeline
from bloch.phantom import Phantom
from bloch.sequence import Readout, Sequence, block, hard_pulse
from pirecon.encoding import CartesianSense, ChemicalShift, FatWaterEncoding, fat_spectrum_at

TIMES = (0.003, 0.0081, 0.0145)
GRID = (1, 5, 8)


def random_complex(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def test_one_voxel_by_hand() -> None:
    """Main line of fat at −3.4 ppm: −3.4e-6 · 42.577 MHz/T · 0.3 T = −43.4 Hz; it turns against a positive field."""
    spectrum = fat_spectrum_at(0.3, relaxation_difference=7.0)
    assert spectrum.main_frequency == pytest.approx(-43.43, abs=0.01)
    A = ChemicalShift(TIMES, spectrum, *torch.tensor([[[[12.0]]], [[[30.0]]]], dtype=torch.float64))
    water, fat = 0.7 - 0.2j, 0.1 + 0.4j
    found = A(torch.tensor([water, fat], dtype=torch.complex128).reshape(2, 1, 1, 1)).flatten()
    for t, value in zip(TIMES, found.tolist(), strict=True):
        lines = zip(spectrum.frequencies, spectrum.amplitudes, strict=True)
        b = sum(a * cmath.exp(-2j * math.pi * f * t) for f, a in lines) * math.exp(-7 * t)
        expected = (water + fat * b) * cmath.exp(-2j * math.pi * 12 * t - 30 * t)
        assert abs(value - expected) < 1e-12


def test_fat_is_what_played_spins_of_fat_do() -> None:
    """All six lines in a field 2 ppm too strong, sampled every millisecond after a pulse."""
    B0, dwell, n = 0.3, 1e-3, 20
    fat = Phantom(torch.ones(1, 1, 1, 1), ("fat",), (5e-3,) * 3, field_offset=torch.full((1, 1, 1), 2.0))
    spins = spins_of(fat, B0, dtype=torch.float64)
    sequence = Sequence((block(rf=hard_pulse(math.pi / 2)), block(readout=Readout(n, dwell))))
    signal = reference_magnetisation(spins, timeline(sequence)).sum(0)
    times = (dwell * (torch.arange(n, dtype=torch.float64) + 0.5)).tolist()
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    field = 2e-6 * 42.577478518e6 * B0 * one
    A = ChemicalShift(times, fat_spectrum_at(B0), field, one / float(spins.T2[0]))
    expected = A(torch.tensor([0, 1], dtype=torch.complex128).reshape(2, 1, 1, 1)).flatten()
    ratio = signal / expected
    torch.testing.assert_close(ratio, ratio[:1].expand(n), rtol=1e-9, atol=0)


def test_fat_lands_displaced_along_the_readout_by_its_frequency_over_the_bandwidth_of_a_voxel() -> None:
    """One line at −f and a step Δt between samples: F(x) appears at x − n f Δt, whole voxels for f = 1/(n Δt)."""
    n, dt = GRID[-1], 1e-4
    spectrum = fat_spectrum_at(0.3)
    line = type(spectrum)((-1 / (n * dt),), (1.0,), 0.3)
    zero = torch.zeros(GRID, dtype=torch.float64)
    shift = ChemicalShift([0.01], line, zero, zero)
    maps, weights = torch.ones((1, *GRID), dtype=torch.complex128), torch.rand(1, *GRID, dtype=torch.float64) + 0.5
    sense = CartesianSense(maps, weights)
    times = (0.01 + dt * (torch.arange(n, dtype=torch.float64) - n // 2))[None, None, None]
    fat = torch.zeros(2, *GRID, dtype=torch.complex128)
    fat[1, 0, 2, 3] = 1
    seen = FatWaterEncoding([sense], shift, line, times)(fat)[0]
    alone = torch.zeros(GRID, dtype=torch.complex128)
    alone[0, 2, 2] = cmath.exp(2j * math.pi * 0.01 / (n * dt))
    torch.testing.assert_close(seen, sense(alone))


def test_without_readout_times_k_space_is_that_of_the_echo_images() -> None:
    spectrum = fat_spectrum_at(0.1)
    shift = ChemicalShift(TIMES, spectrum, random_complex(*GRID).real * 9, random_complex(*GRID, seed=1).real.abs())
    encodings = [
        CartesianSense(random_complex(3, *GRID, seed=2), torch.rand(1, *GRID, dtype=torch.float64)) for _ in TIMES
    ]
    times = torch.tensor(TIMES, dtype=torch.float64)[:, None, None, None]
    x = random_complex(2, *GRID, seed=4)
    expected = torch.stack([E(image) for E, image in zip(encodings, shift(x), strict=True)])
    torch.testing.assert_close(FatWaterEncoding(encodings, shift, spectrum, times)(x), expected)


def test_what_does_not_fit_is_refused() -> None:
    zero = torch.zeros(GRID, dtype=torch.float64)
    with pytest.raises(ValueError, match="mT, divide it by 1000"):
        fat_spectrum_at(55)
    with pytest.raises(ValueError, match="on one grid"):
        ChemicalShift(TIMES, fat_spectrum_at(0.3), zero, zero[0])
    shift = ChemicalShift(TIMES, fat_spectrum_at(0.3), zero, zero)
    sense = CartesianSense(torch.ones(1, 1, 5, 9, dtype=torch.complex128), torch.ones(1, 1, 5, 9))
    with pytest.raises(ValueError, match="3 echoes need as many encodings"):
        FatWaterEncoding([sense], shift, fat_spectrum_at(0.3), torch.zeros(3, 1, 1, 1))
    with pytest.raises(ValueError, match="the maps have"):
        FatWaterEncoding([sense] * 3, shift, fat_spectrum_at(0.3), torch.zeros(3, 1, 1, 1))
