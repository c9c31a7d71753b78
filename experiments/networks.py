"""The networks of an experiment: trained from one config with a few words changed, and compared on the same scans."""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from pirecon.encoding import CartesianSense
from pirecon.report.metrics import ImageMetrics
from pirecon.training.card import trained_seconds
from pirecon.training.config import TrainingConfig
from pirecon.training.evaluation.benchmark import BenchmarkConfig
from pirecon.training.evaluation.evaluate import Results, evaluate
from pirecon.training.evaluation.measure import CaseResult
from pirecon.training.fit import fit
from pirecon.unrolled import load_checkpoint

RUNS = Path("runs/experiments")


def train(config: TrainingConfig, experiment: str, name: str) -> str:
    """Train a variant under ``runs/experiments/<experiment>``; finished runs are kept. Returns the checkpoint's path.

    Args:
        config: of the variant.
        experiment: folder of the experiment.
        name: of the variant, with the seed.
    """
    torch.set_num_threads(1)  # comparable on a busy machine
    folder = RUNS / experiment
    config = replace(config, output=str(folder / f"{name}.safetensors"), run_folder=str(folder / name), workers=0)
    return str(fit(config, progress=False))


def cost(checkpoint: str) -> dict[str, float]:
    """Parameters, steps and minutes of training of a network that :func:`train` made."""
    network, _ = load_checkpoint(checkpoint)
    log = Path(checkpoint).with_suffix("") / "loss.csv"
    with log.open(newline="", encoding="utf-8") as file:
        steps = {row["stage"]: int(row["step"]) for row in csv.DictReader(file)}  # the last row of each stage
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "steps": sum(steps.values()),
        "minutes": sum(trained_seconds(log).values()) / 60,
    }


def milliseconds(checkpoint: str) -> float:
    """Median time of a slice of 96 × 96 voxels, four coils, R = 2, on one thread."""
    matrix, n_coils = (96, 96), 4
    network, _ = load_checkpoint(checkpoint)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(1, n_coils, 1, *matrix, dtype=torch.complex64, generator=generator)
    weights = torch.zeros(1, 1, 1, *matrix)
    weights[..., ::2, :] = 1
    E = CartesianSense(maps / maps.abs().square().sum(1, keepdim=True).sqrt(), weights)
    kspace = E(10 * torch.randn(1, 1, *matrix, dtype=torch.complex64, generator=generator))
    times = []
    with torch.inference_mode():
        for _ in range(6):
            start = time.perf_counter()
            network(kspace, E)
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[1:])


def compare(benchmark: BenchmarkConfig, networks: Mapping[str, str], experiment: str) -> Results:
    """Measure networks, and what else ``benchmark.methods`` names, on the scans of a benchmark.

    Args:
        benchmark: images, cells, seed and classical methods.
        networks: checkpoints by name.
        experiment: folder of the experiment.
    """
    cache = str(RUNS / experiment / "measured")
    methods = (*networks, *benchmark.methods)
    return evaluate(replace(benchmark, networks=dict(networks), methods=methods, cache=cache), console=Console())


def score(
    results: Results, names: list[str], metric: str, *, where: Callable[[CaseResult], bool] = lambda case: True
) -> tuple[float, float]:
    """Mean over scans and over trainings, and the standard deviation of the trainings' means.

    Args:
        results: of :func:`compare`.
        names: one method's trainings with different seeds.
        metric: field of ``ImageMetrics``.
        where: which scans (``CaseResult``) count.
    """
    if metric not in ImageMetrics.__dataclass_fields__:
        raise ValueError(f"there is no metric {metric!r}; choose one of {', '.join(ImageMetrics.__dataclass_fields__)}")
    cases = [case for case in results.cases if where(case)]
    means = [statistics.fmean(getattr(case.methods[name].metrics, metric) for case in cases) for name in names]
    return statistics.fmean(means), statistics.stdev(means) if len(means) > 1 else 0.0


def of_part(real: bool) -> Callable[[CaseResult], bool]:
    """Whether a case's truth is a real 3 T slice, or a simulated brain."""
    return lambda case: case.image.startswith("brain_3T") == real


def with_error(value: tuple[float, float], digits: int) -> str:
    """``31.42 ± 0.05``; without a deviation the value alone."""
    mean, deviation = value
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}" if deviation else f"{mean:.{digits}f}"
