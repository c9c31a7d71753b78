"""Learning from the one scan that is reconstructed: zero-shot SSDU and deep image prior."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from experiments.networks import RUNS
from pirecon.encoding import CartesianSense
from pirecon.methods import CLASSICAL
from pirecon.report.metrics import image_metrics
from pirecon.scan_specific import Budget, Learned, deep_image_prior, zero_shot
from pirecon.training.evaluation.benchmark import BenchmarkConfig, Case, make_cases, scan_case
from pirecon.training.evaluation.held_out import load_held_out
from pirecon.unrolled import load_checkpoint

EVERY = 3  # every third scan of the benchmark
ZERO_SHOT = Budget(steps=100, every=10, patience=3, seconds=60)
DEEP_IMAGE_PRIOR = Budget(steps=1000, every=20, patience=10, seconds=60)
Row = dict[str, float]
Solve = Callable[[Tensor, CartesianSense], tuple[Tensor, bool]]


def one_scan_rows(benchmark: BenchmarkConfig, start: str, experiment: str) -> tuple[int, dict[str, Row]]:
    """How many scans, and the mean metrics, seconds and share of scans whose learning was used, by method.

    Args:
        benchmark: of which every ``EVERY``-th scan is taken.
        start: checkpoint of the network that zero-shot learning begins with.
        experiment: folder of the experiment.
    """
    network, _ = load_checkpoint(start)

    def tuned(kspace: Tensor, E: CartesianSense) -> tuple[Tensor, bool]:
        return _used(zero_shot(kspace, E, network=network, budget=ZERO_SHOT))

    def drawn(kspace: Tensor, E: CartesianSense) -> tuple[Tensor, bool]:
        return _used(deep_image_prior(kspace, E, budget=DEEP_IMAGE_PRIOR))

    @torch.no_grad()
    def as_it_is(kspace: Tensor, E: CartesianSense) -> tuple[Tensor, bool]:
        return network(kspace, E), True

    methods: dict[str, Solve] = {
        "CG-SENSE": lambda kspace, E: (CLASSICAL["cg-sense"](kspace, E), True),
        "TV": lambda kspace, E: (CLASSICAL["tv"](kspace, E), True),
        "supervised network": as_it_is,
        "the same, zero-shot SSDU": tuned,
        "deep image prior": drawn,
    }
    cases = make_cases(benchmark, load_held_out(benchmark.images))[::EVERY]
    folder = RUNS / experiment / "one_scan"
    found = {name: [_kept(folder, name, case, solve) for case in cases] for name, solve in methods.items()}
    return len(cases), {name: {key: fmean(row[key] for row in rows) for key in rows[0]} for name, rows in found.items()}


def _used(result: tuple[Tensor, Learned]) -> tuple[Tensor, bool]:
    image, learned = result
    return image, learned.kept


def _kept(folder: Path, name: str, case: Case, solve: Solve) -> Row:
    """One scan by one method, measured once: delete the folder after a change of either."""
    path = folder / f"{name}-{'-'.join(map(str, case.seed))}.json"
    if not path.is_file():
        scan = scan_case(case)
        began = time.perf_counter()
        image, used = solve(scan.kspace, CartesianSense(scan.maps, scan.weights))
        seconds = time.perf_counter() - began
        metrics = image_metrics(image, scan.truth)
        row = {"psnr": metrics.psnr, "ssim": metrics.ssim, "nrmse": metrics.nrmse, "seconds": seconds}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row | {"used": float(used)}), encoding="utf-8")
    row = json.loads(path.read_text(encoding="utf-8"))
    return {key: float(value) for key, value in row.items()}
