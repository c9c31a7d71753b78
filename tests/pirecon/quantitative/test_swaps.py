"""Water enclosed by fat: it keeps its name, and where names are a guess that is said."""

from __future__ import annotations

import cmath
import math

import pytest
import torch
from torch import Tensor

from bloch.tissue import fat_spectrum
from pirecon.quantitative import separate_fat_and_water
from pirecon.quantitative.first_field import FirstField
from pirecon.quantitative.refinement import Maps
from pirecon.quantitative.swaps import certainty, swap_margin
from tests.pirecon.quantitative.conftest import B0, HERTZ_PER_PPM

THREE = (0.007, 0.021, 0.035)
N = 28


def enclosed(radius: float, *, R2_star: tuple[float, float], snr: float, water: float = 0.6) -> tuple[Tensor, ...]:
    """A disc of water in fat, their border a voxel wide: echoes, share of fat, field in Hz."""
    y, x = torch.meshgrid(*[torch.arange(N, dtype=torch.float64) - N // 2] * 2, indexing="ij")
    share = (x.hypot(y) - radius + 0.5).clamp(0, 1)
    u, v = x / N, y / N
    field = HERTZ_PER_PPM * (1.6 * u - v + 2.4 * u * v)
    generator = torch.Generator().manual_seed(1)
    echoes = []
    for t in THREE:
        b = sum(p.amplitude * cmath.exp(-2j * math.pi * p.shift * HERTZ_PER_PPM * t) for p in fat_spectrum())
        of_water, of_fat = (math.exp(-rate * t) for rate in R2_star)
        turn = torch.polar(torch.full_like(field, snr), -2 * math.pi * field * t + 0.4)
        noise = torch.randn(N, N, dtype=torch.complex128, generator=generator) * math.sqrt(2)
        echoes.append(turn * (water * (1 - share) * of_water + share * b * of_fat) + noise)
    return torch.stack(echoes)[:, None], share, field


@pytest.mark.parametrize("rate", [25.0, 40.0])
def test_water_enclosed_by_fat_that_decays_more_slowly(rate: float) -> None:
    """With three echoes and one R2* for all, each voxel of the water alone looks more like fat."""
    images, share, field = enclosed(6, R2_star=(rate, 12.0), snr=150)
    found = separate_fat_and_water(images, THREE, B0)
    assert (found.off_resonance[0] - field).abs().max() < 1.7 * HERTZ_PER_PPM
    assert found.fat_fraction[0][share == 0].max() < 0.4
    assert found.fat_fraction[0][share == 1].min() > 0.6
    assert found.reliability[0][share == 0].mean() > 0.4


def two_halves(*, lead: float, weight: float) -> FirstField:
    """Water left of fat in 4 × 8 voxels, each with its own minimum and one that much dearer with names exchanged."""
    label = torch.arange(61.0)[:, None, None, None]
    fat = torch.arange(8).expand(1, 4, 8) >= 4
    exchanged = torch.where(fat, 30 - 12, 30 + 12)
    cost = torch.minimum((label - 30).square(), (label - exchanged).square() + lead).clamp_max(60)
    field = torch.zeros(1, 4, 8, dtype=torch.float64)
    labels = torch.full((1, 4, 8), 30)
    return FirstField(Maps(field, field), cost, labels, (weight,) * 3, 12, 40)


def test_margin_is_that_of_the_data_and_of_the_border() -> None:
    """One half alone: 16 voxels, and 4 pairs torn by 12 labels. Both: 32 voxels, and the same pairs torn by 24."""
    fatty = torch.arange(8).expand(1, 4, 8) >= 4
    for lead, weight in ((0.3, 0.1), (5.0, 0.0)):
        margin = swap_margin(two_halves(lead=lead, weight=weight), fatty)
        expected = min(lead + 4 * weight * 12**2 / 16, lead + 4 * weight * 24**2 / 32)
        torch.testing.assert_close(margin, torch.full_like(margin, expected), rtol=1e-5, atol=1e-5)


def test_what_has_no_lead_is_not_certain() -> None:
    margin = torch.tensor([-1.0, 0.0, 0.5, 10.0, math.inf])
    found = certainty(margin)
    assert found[:2].tolist() == [0, 0]
    assert 0.3 < found[2] < 0.5
    assert found[3:].min() > 0.999


def test_fat_with_little_water_in_three_echoes_is_said_to_be_a_guess() -> None:
    """Fat whose R2* is not known looks like water 15 labels away, and here that is what is found."""
    images, _, field = enclosed(4, R2_star=(30.0, 12.0), snr=150)
    found = separate_fat_and_water(images, THREE, B0)
    wrong = (found.off_resonance[0] - field).abs() > 1.7 * HERTZ_PER_PPM
    assert not bool(wrong.any()) or float(found.reliability[0][wrong].mean()) < 0.5
    assert "fat and water exchanged" in found.source
