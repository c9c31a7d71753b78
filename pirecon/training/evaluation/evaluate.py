"""`pirecon evaluate CONFIG.toml`: methods against known truths, cell by cell."""

from __future__ import annotations

import csv
import itertools
import json
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from statistics import fmean

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pirecon.report.metrics import ImageMetrics
from pirecon.training.evaluation.benchmark import BenchmarkConfig, Case, make_cases, read_benchmark
from pirecon.training.evaluation.held_out import load_held_out
from pirecon.training.evaluation.measure import CaseResult, measure_case, method_digest, weights_digest

ORACLES = ("wavelet-oracle", "tv-oracle")
COLUMNS = (
    *("coils", "acceleration", "snr", "super_resolution", "image", "n_coils"),
    *("method", "psnr", "ssim", "nrmse", "sharpness", "strength", "code"),
)


@dataclass(frozen=True)
class Cell:
    """Means over the images of one cell.

    Attributes:
        coils, acceleration, snr, super_resolution: of the cell.
        n_images: averaged over.
        methods: mean metrics by method.
        gain: mean of PSNR of the first network minus that of the better oracle of each image, dB; None without them.
    """

    coils: tuple[int, int]
    acceleration: float
    snr: float
    super_resolution: int
    n_images: int
    methods: dict[str, ImageMetrics]
    gain: float | None


@dataclass(frozen=True)
class Results:
    """Everything measured.

    Attributes:
        config: what was asked for.
        weights: SHA-256 of each network's weights, by name.
        cases: one for each scan.
    """

    config: BenchmarkConfig
    weights: dict[str, str]
    cases: tuple[CaseResult, ...]

    def cells(self) -> list[Cell]:
        """Means over images, in the order of the config."""
        key = lambda case: (case.coils, case.acceleration, case.snr, case.super_resolution)  # noqa: E731
        groups = [list(group) for _, group in itertools.groupby(self.cases, key)]
        return [_cell(group, self.network) for group in groups]

    @property
    def network(self) -> str:
        """The first method that is a network, which the gain is of; empty without one."""
        return next((name for name in self.config.methods if name in self.config.networks), "")

    def summary(self) -> dict[str, float]:
        """Mean metrics of each method, and gain over the better oracle.

        The gain of PSNR in dB: all cells, R ≥ 3 and R < 3, worst cell; that of SSIM and sharpness over all scans.
        """
        cells, found = self.cells(), {}
        for name in self.config.methods:
            for metric in ("psnr", "ssim", "nrmse", "sharpness"):
                found[f"{name} {metric}"] = fmean(getattr(cell.methods[name], metric) for cell in cells)
        gains = [(cell.acceleration, cell.gain) for cell in cells if cell.gain is not None]
        if gains:
            found["gain"] = fmean(gain for _, gain in gains)
            found["gain worst cell"] = min(gain for _, gain in gains)
            high = [gain for acceleration, gain in gains if acceleration >= 3]
            low = [gain for acceleration, gain in gains if acceleration < 3]
            found |= {f"gain {name}": fmean(part) for name, part in (("R >= 3", high), ("R < 3", low)) if part}
            for metric in ("ssim", "sharpness"):
                by_scan = (gain(case, self.network, metric=metric) for case in self.cases)
                found[f"gain {metric}"] = fmean(value for value in by_scan if value is not None)
        return found


def run(path: Path, *, console: Console) -> Results:
    """Do what a config asks for: print a table, write the JSON file and the CSV file beside it.

    Args:
        path: the config.
        console: for the bar; the table goes to the standard output, unless this console is quiet.
    """
    results = evaluate(read_benchmark(path), console=console)
    write_results(results)
    table = Console(quiet=console.quiet)
    table.print(cell_table(results))
    for name, value in results.summary().items():
        if name.startswith("gain"):
            unit = "" if name in ("gain ssim", "gain sharpness") else " dB"
            table.print(f"{results.network} − better oracle, {name}: {value:+.3f}{unit}")
    table.print(f"written: {results.config.output} and {Path(results.config.output).with_suffix('.csv')}")
    return results


def evaluate(config: BenchmarkConfig, *, console: Console | None = None) -> Results:
    """Measure every method of a benchmark on every scan; interrupted, it goes on where it was.

    Args:
        config: the benchmark.
        console: shows a bar; None shows none.

    Raises:
        FileNotFoundError: no such checkpoint or volume.
        ValueError: no images, or more calibration lines than the acceleration allows.
    """
    weights = {name: weights_digest(path) for name, path in config.networks.items() if name in config.methods}
    cases = make_cases(config, load_held_out(config.images))
    measured = _measure_all(cases, config)
    if console is not None:
        measured = track(measured, f"{config.name}: scans", total=len(cases), console=console, disable=console.quiet)
    return Results(config, weights, tuple(measured))


def _measure_all(cases: list[Case], config: BenchmarkConfig) -> Iterable[CaseResult]:
    measure = partial(measure_case, methods=config.methods, networks=config.networks, cache=config.cache)
    return _in_processes(measure, cases, config.processes) if config.processes > 1 else map(measure, cases)


def _in_processes(measure: partial[CaseResult], cases: list[Case], processes: int) -> Iterator[CaseResult]:
    # Spawned, not forked: a fork of a process whose OpenMP threads have run may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(measure, cases)


def _cell(cases: list[CaseResult], network: str) -> Cell:
    methods = {name: _mean([case.methods[name].metrics for case in cases]) for name in cases[0].methods}
    gains = [g for case in cases if (g := gain(case, network)) is not None]
    first = cases[0]
    where = (first.coils, first.acceleration, first.snr, first.super_resolution)
    return Cell(*where, len(cases), methods, fmean(gains) if gains else None)


def _mean(metrics: list[ImageMetrics]) -> ImageMetrics:
    return ImageMetrics(**{f.name: fmean(getattr(m, f.name) for m in metrics) for f in fields(ImageMetrics)})


def gain(case: CaseResult, network: str = "unrolled", *, metric: str = "psnr") -> float | None:
    """A network's metric (a field of ``ImageMetrics``) minus the better oracle's; None without one of them."""
    oracles = [getattr(case.methods[name].metrics, metric) for name in ORACLES if name in case.methods]
    if not oracles or network not in case.methods:
        return None
    return float(getattr(case.methods[network].metrics, metric)) - max(oracles)


def cell_table(results: Results) -> Table:
    """PSNR of every cell; below, PSNR, SSIM, NRMSE and sharpness of edges over all of them."""
    table = Table(title=f"{results.config.name}: PSNR, dB", title_justify="left")
    for heading in ("coils", "R", "SNR", "SR", *results.config.methods, "gain, dB"):
        table.add_column(heading, justify="right")
    for cell in results.cells():
        scores = [f"{m.psnr:.2f}" for m in cell.methods.values()]
        last = "" if cell.gain is None else f"{cell.gain:+.2f}"
        table.add_row(
            coil_label(cell.coils),
            f"{cell.acceleration:g}",
            f"{cell.snr:g}",
            f"{cell.super_resolution}×",
            *scores,
            last,
        )
    summary = results.summary()
    table.add_section()
    for metric, digits in (("psnr", 2), ("ssim", 3), ("nrmse", 3), ("sharpness", 3)):
        scores = [f"{summary[f'{name} {metric}']:.{digits}f}" for name in results.config.methods]
        last = f"{summary['gain']:+.2f}" if metric == "psnr" and "gain" in summary else ""
        table.add_row("all", "", "", metric.upper(), *scores, last)
    return table


def coil_label(coils: tuple[int, int]) -> str:
    """``1`` or ``4–8``."""
    return str(coils[0]) if coils[0] == coils[1] else f"{coils[0]}–{coils[1]}"


def write_results(results: Results) -> None:
    """All scans, cells and the summary as JSON; one line for each scan and method as CSV."""
    path = Path(results.config.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {**asdict(results), "cells": [asdict(cell) for cell in results.cells()], "summary": results.summary()}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for case in results.cases:
            for name, m in case.methods.items():
                where = (coil_label(case.coils), case.acceleration, case.snr, case.super_resolution)
                numbers = (*asdict(m.metrics).values(), m.strength)
                code = method_digest(name, results.config.networks)
                writer.writerow((*where, case.image, case.n_coils, name, *numbers, code))
