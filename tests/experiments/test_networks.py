"""Experiments that compare networks: configs can be read, and the numbers on their pages are what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.levers.__main__ import variants
from experiments.networks import score, with_error
from experiments.prior_swap.networks import PRIORS
from experiments.scan_time.__main__ import needed_share
from pirecon.priors import build_prior
from pirecon.report.metrics import ImageMetrics
from pirecon.training.config import read_config
from pirecon.training.evaluation.benchmark import BenchmarkConfig, read_benchmark
from pirecon.training.evaluation.evaluate import Results
from pirecon.training.evaluation.measure import CaseResult, Measured


def results(**psnr: list[float]) -> Results:
    """Scans whose PSNR by method is given."""
    cases = []
    for index in range(len(next(iter(psnr.values())))):
        methods = {name: Measured(ImageMetrics(values[index], 1.0, 0.0, 1.0)) for name, values in psnr.items()}
        cases.append(CaseResult((1, 1), 1.0, 10.0, 1, f"brain {index}", 1, (8, 8), methods))
    return Results(BenchmarkConfig("made up", "nowhere.json"), {}, tuple(cases))


def test_a_score_is_the_mean_and_its_error_that_of_trainings_not_of_scans() -> None:
    found = results(a1=[20.0, 40.0], a2=[22.0, 42.0])
    mean, deviation = score(found, ["a1", "a2"], "psnr")
    assert mean == pytest.approx(31)
    assert deviation == pytest.approx(2**0.5)
    assert score(found, ["a1"], "psnr", where=lambda case: case.image == "brain 1") == (40.0, 0.0)
    assert with_error((31.234, 0.5), 1) == "31.2 ± 0.5"
    with pytest.raises(ValueError, match="no metric 'psnt'"):
        score(found, ["a1"], "psnt")


@pytest.mark.parametrize(
    ("wanted", "share"), [(31.0, "more than the whole scan"), (30.0, "1.00"), (24.0, "0.49"), (19.0, "< 0.2")]
)
def test_time_needed_is_interpolated_over_its_logarithm(wanted: float, share: str) -> None:
    # 0.6 → 26 dB and 0.4 → 22 dB: half way between, exp of the mean of the logarithms.
    assert needed_share([30.0, 28.0, 26.0, 22.0, 20.0], wanted) == share


def test_priors_of_the_swap_are_equal_in_size() -> None:
    sizes = {name: sum(p.numel() for p in build_prior(name, options).parameters()) for name, options in PRIORS.items()}
    learned = {name: size for name, size in sizes.items() if name not in ("wavelet", "tv")}
    assert all(90_000 < size < 115_000 for size in learned.values()), learned


@pytest.mark.parametrize("name", ["prior_swap", "snr_robustness", "field_generalisation"])
def test_benchmarks_are_held_out_from_their_trainings(name, repository) -> None:
    benchmark = read_benchmark(repository / "experiments" / name / "benchmark.toml")
    training = read_config(repository / "experiments" / name.replace("snr_robustness", "prior_swap") / "config.toml")
    assert not set(benchmark.images.volumes) & set(training.images.volumes)
    assert not any("S6A" in volume for volume in training.images.volumes)


def test_each_lever_changes_one_thing() -> None:
    base, *others = variants().values()
    for other in others:
        changed = [f for f in ("network", "images", "stages") if getattr(base, f) != getattr(other, f)]
        assert len(changed) == 1
        assert replace(other, **{changed[0]: getattr(base, changed[0])}) == base
