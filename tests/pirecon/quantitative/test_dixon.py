"""Fat and water of discs whose signal is written out line by line."""

from __future__ import annotations

import pytest
import torch

from bloch.tissue import fat_spectrum
from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.quantitative import DixonSettings, separate_fat_and_water
from pirecon.quantitative.displacement import sample_times
from tests.pirecon.quantitative.conftest import B0, HERTZ_PER_PPM, PERIOD, TIMES, MakeDiscs

LINES = fat_spectrum()
SHARED_DECAY = DixonSettings(relaxation_difference=0.0)


@pytest.mark.parametrize(("ppm", "seed"), [(0.0, 0), (4.0, 1), (20.0, 2)])
def test_fat_fraction_R2_star_and_field(make_discs: MakeDiscs, ppm: float, seed: int) -> None:
    truth = make_discs(ppm=ppm, seed=seed)
    found = separate_fat_and_water(truth.images, TIMES, B0)
    inside = truth.disc >= 0
    assert (found.off_resonance[0] - truth.off_resonance)[inside].abs().max() < 0.4 * HERTZ_PER_PPM
    for disc, fraction in enumerate(make_discs.fractions):
        here = truth.disc == disc
        assert float(found.fat_fraction[0][here].mean()) == pytest.approx(fraction, abs=0.02)
        assert float(found.R2_star[0][here].mean()) == pytest.approx(float(truth.R2_star[here][0]), abs=3)


def test_scatter_is_what_was_said(make_discs: MakeDiscs) -> None:
    truth = make_discs(snr=30, seed=3)
    found = separate_fat_and_water(truth.images, TIMES, B0, settings=SHARED_DECAY)
    inside = truth.disc >= 0
    scatter = (found.fat_fraction[0] - truth.fraction)[inside].square().mean().sqrt()
    said = found.deviation[0][inside].square().mean().sqrt()
    assert 0.75 < float(scatter / said) < 1.35
    assert found.reliability[0][inside].min() > 0.8
    assert found.reliability[0][~inside].mean() < 0.1


def test_two_decays_are_told_apart(make_discs: MakeDiscs) -> None:
    """Fat that decays by 15/s more slowly looks like up to 4 points more fat if one decay is assumed."""
    truth = make_discs(snr=60, decay=-15.0)
    own, shared = (
        separate_fat_and_water(truth.images, TIMES, B0, settings=settings) for settings in (None, SHARED_DECAY)
    )
    bias = [float((f.fat_fraction[0] - truth.fraction)[truth.disc == 3].mean()) for f in (own, shared)]
    assert abs(bias[0]) < 0.012 < 0.025 < abs(bias[1])


def test_three_echoes_share_one_decay(make_discs: MakeDiscs) -> None:
    times = (0.1 * PERIOD, 0.43 * PERIOD, 0.77 * PERIOD)
    truth = make_discs(times, snr=40)
    found = separate_fat_and_water(truth.images, times, B0)
    assert float(found.R2_star.std()) == 0
    assert "one R2* for all" in found.source
    inside = truth.disc >= 0
    assert float((found.fat_fraction[0] - truth.fraction)[inside].abs().mean()) < 0.05


def test_scale_and_phase_of_the_images_change_nothing(make_discs: MakeDiscs) -> None:
    images = make_discs().images
    one = separate_fat_and_water(images, TIMES, B0)
    other = separate_fat_and_water(1e-4j * images, TIMES, B0, settings=DixonSettings(noise=1e-4))
    torch.testing.assert_close(one.fat_fraction, other.fat_fraction, rtol=0, atol=1e-4)
    torch.testing.assert_close(one.water, other.water / 1e-4j, rtol=1e-3, atol=1e-2)


def test_fat_goes_back_to_where_it_is(make_discs: MakeDiscs) -> None:
    """One voxel of displacement for fat's main line: edges are wrong without the readout's times, right with them."""
    fat = ((make_discs().disc >= 3) * 200.0).to(torch.complex128)
    step = PERIOD / fat.shape[-1]
    after = sample_times((1e-9,) * 6, [step] * 6, fat.shape[-1])  # of each sample, from its echo
    echoes = []
    for echo_time, times in zip(TIMES, after, strict=True):
        b = sum(p.amplitude * torch.exp(-2j * torch.pi * p.shift * HERTZ_PER_PPM * (times + echo_time)) for p in LINES)
        echoes.append(centred_ifft(b * centred_fft(fat[None], (-1,)), (-1,)))
    settings = [DixonSettings(relaxation_difference=0.0, readout_steps=steps) for steps in (None, (step,) * 6)]
    displaced, put_back = (separate_fat_and_water(torch.stack(echoes), TIMES, B0, settings=s) for s in settings)
    error = [float((f.fat[0] - fat).abs().square().mean().sqrt()) for f in (displaced, put_back)]
    assert error[1] < 0.2 * error[0]


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_noise_alone_is_said_to_be_unreliable(scale: float) -> None:
    images = scale * torch.randn(6, 1, 12, 12, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="unreliable"):
        found = separate_fat_and_water(images, TIMES, B0)
    assert found.fat.dtype == torch.complex64
    assert float(found.reliability.mean()) < 0.1
    assert bool(torch.isfinite(found.fat_fraction).all() & torch.isfinite(found.R2_star).all())


def test_echoes_too_close_for_this_field_are_said_to_be_useless(make_discs: MakeDiscs) -> None:
    times = tuple(PERIOD * (0.05 + 0.04 * i) for i in range(6))
    with pytest.warns(UserWarning, match=r"span 0\.2 of a fat-water period"):
        separate_fat_and_water(make_discs(times, snr=20).images, times, B0)


def test_slices_and_single_slices_agree(make_discs: MakeDiscs) -> None:
    parts = [make_discs(seed=seed).images for seed in (0, 1)]
    stack = separate_fat_and_water(torch.cat(parts, dim=1), TIMES, B0, settings=SHARED_DECAY)
    single = separate_fat_and_water(parts[0], TIMES, B0, settings=SHARED_DECAY)
    strong = single.reliability[0] > 0.8
    assert (stack.fat_fraction[0] - single.fat_fraction[0])[strong].abs().max() < 0.06


@pytest.mark.parametrize(
    ("shape", "times", "message"),
    [
        ((2, 1, 4, 4), TIMES[:2], "Measure three echoes"),
        ((3, 1, 4, 4), TIMES[:2], "as many echo times"),
        ((3, 4, 4), TIMES[:3], "as many echo times"),
        ((3, 1, 4, 4), (4.0, 8.0, 12.0), "in ms, multiply by 0.001"),
        ((3, 1, 4, 4), (0.004, 0.003, 0.012), "must grow"),
    ],
)
def test_what_cannot_be_separated_is_refused(shape: tuple[int, ...], times: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        separate_fat_and_water(torch.ones(shape, dtype=torch.complex64), times, B0)


def test_undefined_values_are_refused() -> None:
    images = torch.ones(3, 1, 4, 4, dtype=torch.complex64)
    images[1, 0, 2, 2] = float("nan")
    with pytest.raises(ValueError, match="infinite or undefined"):
        separate_fat_and_water(images, TIMES[:3], B0)
