"""The sweep: its parts against what they must be, its seed, and Dask against plain Python."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bloch.receiver import ellipsoid_body, loop_array
from bloch.snr import Limits, brain_points, head_receiver, tissue_times
from bloch.tissue import tissue
from experiments.field_strength_snr import anatomy, figures, page, parallel, sweep
from experiments.field_strength_snr.anatomy import COILS, Anatomy
from experiments.field_strength_snr.artefacts import PIXEL, PIXEL_BANDWIDTH, artefacts_at, readout_gradient
from experiments.field_strength_snr.draws import TISSUES, draw, drawn_times, published_sd
from experiments.field_strength_snr.limits import exponent, exponent_between, limit_exponents
from experiments.field_strength_snr.published import of_kind, published
from experiments.field_strength_snr.settings import HERE, Settings, read_settings
from experiments.field_strength_snr.sweep import KINDS, QUANTITIES, SEQUENCES, field_result, half_width, serial_map

SMALL = replace(
    read_settings(),
    fields=(0.1, 1.5),
    n_anatomies=2,
    n_draws=9,
    limits=Limits(longest_repetition=1.0, longest_echo=0.03, shortest_readout=1.5e-3),
)


def ellipsoid_head(size: float) -> Anatomy:
    """A head without an atlas: cheap, and enough for everything but the anatomy itself."""
    points = brain_points(0.05, n_across=13)[: 2 * anatomy.N_POINTS]
    body = ellipsoid_body((0.08 * size, 0.1 * size, 0.11 * size))
    receivers = {
        name: head_receiver(coil, points=points, body=body, B0_direction=direction)
        for name, (coil, direction) in COILS.items()
    }
    return Anatomy(receivers, 0.5, float(body.conductance.sum()) / 0.4)


@pytest.fixture(scope="module")
def heads() -> list[Anatomy]:
    return [ellipsoid_head(1.0), ellipsoid_head(0.95)]


@pytest.fixture(scope="module")
def result(heads: list[Anatomy]) -> sweep.FieldResult:
    return field_result(0.1, settings=SMALL, heads=heads)


def test_exponents_are_those_of_power_laws() -> None:
    assert exponent(lambda B0: 3 * B0**1.3, 0.7) == pytest.approx(1.3)
    assert exponent_between(lambda B0: 3 * B0**1.3, 0.2, 5.0) == pytest.approx(1.3)


def test_limits_are_met_within_one_percent() -> None:
    found = limit_exponents(head_receiver(loop_array(6)))
    assert len(found) == 6
    for name, (value, wanted) in found.items():
        assert value == pytest.approx(wanted, rel=0.01), name


def test_every_combination_is_there_and_positive(result: sweep.FieldResult) -> None:
    assert set(result.values) == {(s, k, q) for s in SEQUENCES for k in KINDS for q in QUANTITIES}
    for values in result.values.values():
        assert values.shape == (SMALL.n_draws,)
        assert bool(np.isfinite(values).all())
        assert bool((values >= 0).all())


def test_best_scans_keep_the_limits_and_fixed_ones_are_the_standard(result: sweep.FieldResult) -> None:
    for (sequence, criterion), plan in result.plans.items():
        if criterion == "fixed":
            assert plan == sweep.standard_plan(sequence)
        else:
            assert sweep.keeps_limits(result, plan, SMALL)


def test_seed_decides_everything(heads: list[Anatomy], result: sweep.FieldResult) -> None:
    again = field_result(0.1, settings=SMALL, heads=heads)
    other = field_result(0.1, settings=replace(SMALL, seed=8), heads=heads)
    key = ("spin_echo", "fixed", "white_matter")
    assert np.array_equal(again.values[key], result.values[key])
    assert not np.array_equal(other.values[key], result.values[key])
    assert other.nominal[key] == result.nominal[key]


def test_each_cause_alone_spreads_no_more_than_all_together(result: sweep.FieldResult) -> None:
    """Crossover and heads scale SNR and CNR alike; only relaxation tells them apart."""
    crossover = [result.spread["crossover", "fixed", quantity] for quantity in ("grey/white", "tumour/white")]
    assert crossover[0] == pytest.approx(crossover[1])
    assert result.spread["relaxation", "fixed", "grey/white"] > result.spread["relaxation", "fixed", "white_matter"]


def test_draws_without_a_cause_stay_nominal() -> None:
    draws = draw(SMALL, 0.2, causes=("crossover",))
    assert draws.anatomy.tolist() == [0] * SMALL.n_draws
    assert bool((draws.factors == 1).all())
    fields = 0.2 * draws.crossover_ratio
    assert float(fields.min()) >= SMALL.crossover_field[0]
    assert float(fields.max()) <= SMALL.crossover_field[1]
    assert len(set(fields.tolist())) == SMALL.n_draws


def test_drawn_relaxation_has_the_published_standard_deviation() -> None:
    draws = draw(replace(SMALL, n_draws=20000), 0.2)
    times = tissue_times([tissue(name, 1.5) for name in TISSUES])
    drawn = drawn_times(times, draws)
    spread = torch.log(drawn.T1).std(0)
    assert spread[0] == pytest.approx(published_sd("grey_matter", "T1"), rel=0.03)
    assert spread[2] == pytest.approx(SMALL.assumed_sd, rel=0.03)
    assert bool((drawn.T2_star < drawn.T2).all())


def test_published_standard_deviation_is_that_of_the_papers() -> None:
    assert published_sd("csf", "T1") == pytest.approx(0.424 / 3.817)
    assert published_sd("tumour", "T1") is None


def test_artefacts_scale_with_the_field() -> None:
    low, high = artefacts_at(0.05, 0.6), artefacts_at(1.5, 0.6)
    assert high.fat / low.fat == pytest.approx(30)
    assert high.susceptibility / low.susceptibility == pytest.approx(30)
    assert low.maxwell / high.maxwell == pytest.approx(30)
    assert low.magnet > high.magnet
    # The gradient that sweeps the pixel bandwidth across a pixel.
    assert 42.577478518e6 * readout_gradient() * PIXEL == pytest.approx(PIXEL_BANDWIDTH)


def test_half_width_of_a_normal_distribution_is_its_standard_deviation() -> None:
    values = 100 + 7 * torch.randn(200_000, generator=torch.Generator().manual_seed(1)).numpy()
    assert half_width(values) == pytest.approx(0.07, rel=0.02)


def test_published_numbers_all_say_where_they_were_read() -> None:
    assert all(row.source and row.check and row.B0_low <= row.B0_high for row in published())
    kumar = of_kind("coil_noise_figure")
    assert [row.value for row in kumar] == sorted((row.value for row in kumar), reverse=True)


def test_random_heads_differ_and_look_like_heads() -> None:
    pytest.importorskip("nilearn")
    found = anatomy.make_anatomy(3)
    assert 2.5e-3 < found.volume < 6e-3
    assert 0.1 < found.susceptibility < 2
    for receiver in found.receivers.values():
        assert receiver.sensitivity.shape[1] == 2 * anatomy.N_POINTS
        ratio = float(
            receiver.body_resistance.diagonal().real.mean() / receiver.copper_resistance.diagonal().real.mean()
        )
        # The body is that of a head in a coil whose copper belongs to the reference head.
        assert 0.5 * 5**1.5 < ratio < 2 * 5**1.5


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "config.toml"
    shutil.copy(HERE / "config.toml", path)
    return path


def test_settings_are_read_and_wrong_ones_refused(settings_file: Path) -> None:
    settings = read_settings(settings_file)
    assert isinstance(settings, Settings)
    assert settings.limits.largest_shift == 1.0
    settings_file.write_text(settings_file.read_text().replace("n_draws", "n_drawings"))
    with pytest.raises(ValueError, match=r"and no others"):
        read_settings(settings_file)


def _double(x: float, *, offset: float) -> float:
    return 2 * x + offset


def test_dask_gives_the_same_in_the_same_order() -> None:
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster,
        parallel.dask_map(cluster.scheduler_address) as run,
    ):
        found = run(math.sqrt, [4.0, 9.0, 1.0])
        assert list(found) == [2.0, 3.0, 1.0]
        for _ in range(3):  # the same shared value again and again
            assert list(run(_double, [1.0, 2.0], offset=0.5)) == serial_map(_double, [1.0, 2.0], offset=0.5)


def test_page_and_figures_are_made_of_a_sweep(tmp_path: Path, heads: list[Anatomy], result: sweep.FieldResult) -> None:
    """One result stands for every field of config.toml; numbers are wrong, but every table and figure is there."""
    settings = replace(SMALL, fields=read_settings().fields)
    found = sweep.Sweep(
        heads, [replace(result, B0=B0) for B0 in settings.fields], {20.0: dict.fromkeys(SEQUENCES, 1.0)}
    )
    text = page.page(settings, found, took=1.0)
    assert "$" not in text
    assert text.count("| --- |") >= 14
    figures.draw(tmp_path, settings, found)
    pictures = set(re.findall(r"field_strength_\w+\.png", text))
    assert pictures == {path.name for path in tmp_path.iterdir()}


def test_more_ppm_give_less_snr(heads: list[Anatomy]) -> None:
    good, bad = (sweep.magnet_result(ppm, settings=SMALL, heads=heads) for ppm in (20.0, 250.0))
    for sequence in SEQUENCES:
        assert bad[sequence] < good[sequence]
