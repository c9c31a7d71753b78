"""Train every prior in both uses, measure them on the same scans, write the page."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt

from experiments.machine import page_head, table
from experiments.networks import compare, cost, milliseconds, of_part, score, with_error
from experiments.prior_swap.networks import PRIORS, SEEDS, USES, train_prior
from pirecon.training.evaluation.benchmark import read_benchmark
from pirecon.training.evaluation.evaluate import Results

HERE = Path(__file__).parent
METRICS = {"psnr": ("PSNR, dB", 2), "ssim": ("SSIM", 3), "nrmse": ("NRMSE", 3), "sharpness": ("edges", 3)}
PARTS = {"simulated brains": False, "real 3 T slices": True}


def main() -> None:
    """Run the experiment, or train only some priors."""
    parser = argparse.ArgumentParser(prog="python -m experiments.prior_swap", description=__doc__)
    parser.add_argument("--train", nargs="+", choices=list(PRIORS), help="train these priors only, and stop")
    arguments = parser.parse_args()
    wanted = itertools.product(SEEDS, arguments.train or PRIORS, USES)
    networks = {f"{prior} {use} {seed}": train_prior(prior, use, seed) for seed, prior, use in wanted}
    if arguments.train:
        return
    benchmark = read_benchmark(HERE / "benchmark.toml")
    results = compare(benchmark, networks, "prior_swap")
    lines = page_head(
        "Every prior, after zero-filling and inside the unrolled network",
        "prior_swap",
        f"{len(results.cases)} scans, seed {benchmark.seed}; trainings with seeds {', '.join(map(str, SEEDS))}",
    )
    lines += ["*ms a slice*: 96 × 96, four coils, R = 2, one thread.", ""]
    times = {f"{prior} {use}": milliseconds(networks[f"{prior} {use} {SEEDS[0]}"]) for prior in PRIORS for use in USES}
    for title, real in PARTS.items():
        lines += [f"## {title}", "", *table(*rows(results, networks, times, real)), ""]
    figure(results, HERE / "psnr.png")
    lines += ["![PSNR of every prior in both uses](psnr.png)"]
    (HERE / "result.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(
    results: Results, networks: dict[str, str], times: dict[str, float], real: bool
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of one part's table."""
    where = of_part(real)
    header = ["prior", "use", *(title for title, _ in METRICS.values()), "ms a slice", "parameters", "steps", "min"]
    body = []
    for prior, use in itertools.product(PRIORS, USES):
        names = [f"{prior} {use} {seed}" for seed in SEEDS]
        scores = [with_error(score(results, names, m, where=where), digits) for m, (_, digits) in METRICS.items()]
        costs = [cost(networks[name]) for name in names]
        steps = "/".join(f"{c['steps']:.0f}" for c in costs)
        time = f"{times[f'{prior} {use}']:.0f}"
        body.append([prior, use, *scores, time, f"{costs[0]['parameters']:,.0f}", steps, f"{costs[0]['minutes']:.1f}"])
    for method in ("cg-sense", "wavelet-oracle", "tv-oracle"):
        scores = [with_error(score(results, [method], m, where=where), digits) for m, (_, digits) in METRICS.items()]
        body.append([method, "classical", *scores, "", "", "", ""])
    return header, body


def figure(results: Results, path: Path) -> None:
    """Bars of PSNR, one panel for each part."""
    matplotlib.use("Agg")
    panels, axes = plt.subplots(len(PARTS), 1, figsize=(8, 6), sharex=True, layout="constrained")
    for axis, (title, real) in zip(axes, PARTS.items(), strict=True):
        for offset, use in enumerate(USES):
            found = [
                score(results, [f"{prior} {use} {seed}" for seed in SEEDS], "psnr", where=of_part(real))
                for prior in PRIORS
            ]
            positions = [n + 0.4 * offset - 0.2 for n in range(len(PRIORS))]
            axis.bar(positions, [m for m, _ in found], 0.38, yerr=[d for _, d in found], label=use)
        for method, style in (("cg-sense", ":"), ("tv-oracle", "--")):
            level, _ = score(results, [method], "psnr", where=of_part(real))
            axis.axhline(level, linestyle=style, color="k", linewidth=1, label=method)
        low = min(m for m, _ in found)
        axis.set(title=title, ylabel="PSNR, dB", ylim=(low - 6, None), xticks=range(len(PRIORS)), xticklabels=PRIORS)
    axes[0].legend(ncols=4, fontsize="small")
    panels.savefig(path, dpi=120)
    plt.close(panels)


if __name__ == "__main__":
    main()
