"""Compressed sensing, data-driven and unrolled networks over SNR and acceleration."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt

from experiments.machine import page_head, table
from experiments.networks import compare, score, with_error
from experiments.prior_swap.networks import SEEDS, train_prior
from pirecon.training.evaluation.benchmark import read_benchmark
from pirecon.training.evaluation.evaluate import Results

HERE = Path(__file__).parent
NETWORKS = {  # name: (prior, use) of the experiment prior_swap
    "data-driven U-Net": ("unet", "post-processing"),
    "unrolled U-Net": ("unet", "unrolled"),
    "unrolled DnCNN": ("dncnn", "unrolled"),
    "unrolled Swin": ("swin", "unrolled"),
}
CLASSICAL = {"CG-SENSE": "cg-sense", "wavelet": "wavelet", "wavelet, oracle": "wavelet-oracle"}


def main() -> None:
    """Measure, and write the page and its figure."""
    networks = {
        f"{name} {seed}": train_prior(prior, use, seed) for name, (prior, use) in NETWORKS.items() for seed in SEEDS
    }
    benchmark = read_benchmark(HERE / "benchmark.toml")
    results = compare(benchmark, networks, "snr_robustness")
    trained = {name: [f"{name} {seed}" for seed in SEEDS] for name in NETWORKS}
    methods = trained | {name: [method] for name, method in CLASSICAL.items()}
    lines = page_head(
        "Robustness to low SNR",
        "snr_robustness",
        f"{len(results.cases)} scans, seed {benchmark.seed}; trainings with seeds {', '.join(map(str, SEEDS))}",
    )
    for metric, title, digits in (("psnr", "PSNR, dB", 2), ("ssim", "SSIM", 3)):
        lines += [f"## {title}", ""]
        for acceleration in benchmark.cells.accelerations:
            lines += [f"R = {acceleration:g}, by SNR:", "", *by_snr(results, methods, metric, acceleration, digits), ""]
    figure(results, methods, HERE / "psnr.png")
    lines += ["![PSNR over SNR](psnr.png)"]
    (HERE / "result.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def by_snr(results: Results, methods: dict[str, list[str]], metric: str, acceleration: float, digits: int) -> list[str]:
    """A table with one column for each SNR."""
    levels = results.config.cells.snr
    body = [
        [name, *(with_error(score(results, names, metric, where=_cell(acceleration, snr)), digits) for snr in levels)]
        for name, names in methods.items()
    ]
    return table(["method", *(f"{snr:g}" for snr in levels)], body)


def figure(results: Results, methods: dict[str, list[str]], path: Path) -> None:
    """PSNR over SNR, one panel for each acceleration."""
    matplotlib.use("Agg")
    cells = results.config.cells
    panels, axes = plt.subplots(1, len(cells.accelerations), figsize=(12, 3.6), sharey=True, layout="constrained")
    for axis, acceleration in zip(axes, cells.accelerations, strict=True):
        for name, names in methods.items():
            found = [score(results, names, "psnr", where=_cell(acceleration, snr)) for snr in cells.snr]
            style = "--" if name in CLASSICAL else "-"
            axis.errorbar(cells.snr, [m for m, _ in found], [d for _, d in found], fmt=style, label=name, capsize=2)
        axis.set(title=f"R = {acceleration:g}", xlabel="voxel SNR", xscale="log")
        axis.set_xticks(cells.snr, [f"{snr:g}" for snr in cells.snr], minor=False)
        axis.minorticks_off()
    axes[0].set_ylabel("PSNR, dB")
    axes[0].legend(fontsize="x-small")
    panels.savefig(path, dpi=120)
    plt.close(panels)


def _cell(acceleration: float, snr: float):  # type: ignore[no-untyped-def]
    return lambda case: (case.acceleration, case.snr) == (acceleration, snr)


if __name__ == "__main__":
    main()
