"""Train every regime, measure on simulated scans, on single scans and on real files, write the page."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import fmean

import torch

from experiments.machine import page_head, table
from experiments.networks import compare, cost, score, with_error
from experiments.self_supervision.networks import EXPERIMENT, HERE, REAL, ROWS, SEEDS, SIMULATED, train_row
from experiments.self_supervision.one_scan import one_scan_rows
from experiments.self_supervision.real import CLASSICAL, Table, real_rows
from pirecon.training.config import read_config
from pirecon.training.evaluation.benchmark import read_benchmark
from pirecon.training.evaluation.evaluate import Results

PARTS: dict[str, Callable[..., bool]] = {
    "R = 1, 1 coil": lambda case: case.acceleration == 1 and case.coils == (1, 1),
    "R = 3, 1 coil": lambda case: case.acceleration == 3 and case.coils == (1, 1),
    "R = 1, 4–8 coils": lambda case: case.acceleration == 1 and case.coils == (4, 8),
    "R = 3, 4–8 coils": lambda case: case.acceleration == 3 and case.coils == (4, 8),
}
BENCHMARK_NAMES = {"zero-filled": "adjoint", "CG-SENSE": "cg-sense", "TV": "tv"}
SHIPPED = "shipped default"


def main() -> None:
    """Run the experiment, or train only some rows."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m experiments.self_supervision", description=__doc__)
    parser.add_argument("--train", nargs="+", choices=list(ROWS), help="train these rows only, and stop")
    arguments = parser.parse_args()
    networks = {f"{name} {seed}": train_row(name, seed) for seed in SEEDS for name in arguments.train or ROWS}
    if arguments.train:
        return
    benchmark = read_benchmark(HERE / "benchmark.toml")
    results = compare(benchmark, networks, EXPERIMENT)
    count, one_scan = one_scan_rows(benchmark, networks[f"supervised {SEEDS[0]}"], EXPERIMENT)
    real = real_rows({**networks, SHIPPED: "default"}, EXPERIMENT)
    config = read_config(HERE / "config.toml")
    lines = page_head(
        "Learning without truth",
        EXPERIMENT,
        f"{len(results.cases)} simulated scans, seed {benchmark.seed}; training seed {', '.join(map(str, SEEDS))}",
        f"{cost(next(iter(networks.values())))['parameters']:,.0f} parameters, {config.stages[0].minutes:g} min each",
    )
    lines += ["## Simulated scans with a known truth", "", "PSNR, dB, mean over scans:", ""]
    lines += [*simulated_table(results, networks), "", "## Learning from the one scan", ""]
    lines += [f"{count} of these scans; seconds on one core.", "", *one_scan_table(one_scan), ""]
    lines += ["## Real 0.055 T scans", "", "χ² of samples that were kept back; 1 would be noise alone."]
    for kind, title in (("samples", "A random tenth of the samples"), ("lines", "A random tenth of the lines")):
        lines += ["", f"{title}:", "", *real_table(real[kind])]
    (HERE / "result.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def simulated_table(results: Results, networks: dict[str, str]) -> list[str]:
    """PSNR by part, SSIM and NRMSE over all, and what the training took."""
    body = []
    rows = {name: [f"{name} {seed}" for seed in SEEDS] for name in ROWS} | {k: [v] for k, v in BENCHMARK_NAMES.items()}
    for name, methods in rows.items():
        numbers = [with_error(score(results, methods, "psnr", where=where), 2) for where in PARTS.values()]
        numbers += [with_error(score(results, methods, metric), digits) for metric, digits in OVERALL]
        steps = "/".join(f"{cost(networks[one])['steps']:.0f}" for one in methods if one in networks)
        body.append([name, *numbers, steps])
    return table(["learned by", *PARTS, "all", "SSIM", "edges", "steps"], body)


OVERALL = (("psnr", 2), ("ssim", 3), ("sharpness", 3))


def one_scan_table(rows: dict[str, dict[str, float]]) -> list[str]:
    """Metrics, seconds and how often what was learned was used."""
    body = [
        [name, f"{r['psnr']:.2f}", f"{r['ssim']:.3f}", f"{r['nrmse']:.3f}", f"{r['seconds']:.1f}", f"{r['used']:.0%}"]
        for name, r in rows.items()
    ]
    return table(["method", "PSNR, dB", "SSIM", "NRMSE", "seconds", "used"], body)


def real_table(found: Table) -> list[str]:
    """χ² by file and their mean."""
    names = {"zero": ["zero"]} | {name: [name] for name in CLASSICAL}
    names |= {name: [f"{name} {seed}" for seed in SEEDS] for name in (*SIMULATED, *REAL)} | {SHIPPED: [SHIPPED]}
    body = []
    for name, methods in names.items():
        by_file = [fmean(row[method] for method in methods) for row in found.values()]
        body.append([name, *(f"{value:.3f}" for value in by_file), f"{fmean(by_file):.3f}"])
    return table(["method", *found, "mean"], body)


if __name__ == "__main__":
    main()
