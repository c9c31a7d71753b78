"""Train every regime by its config, and measure the network before and after on fresh scans."""

from __future__ import annotations

import statistics
from dataclasses import fields, replace
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from experiments.machine import page_head, table
from pirecon.encoding import CartesianSense
from pirecon.report.metrics import ImageMetrics, image_metrics
from pirecon.training.card import trained_seconds
from pirecon.training.config import TrainingConfig, read_config
from pirecon.training.data import build_stream
from pirecon.training.fit import first_network, fit
from pirecon.unrolled import UnrolledNetwork, load_checkpoint

HERE = Path(__file__).parent
FRESH_SEED = 9001
BATCHES = 8


def main() -> None:
    """Train, measure, write the page."""
    torch.set_num_threads(1)
    rows = []
    for path in sorted(HERE.glob("*.toml")):
        config = read_config(path)
        torch.manual_seed(config.seed)
        start = first_network(config).eval()
        trained, _ = load_checkpoint(fit(config, progress=False))
        before, after = (measure(network, config) for network in (start, trained))
        numbers = [f"{getattr(m, f):.{d}f}" for f, d in (("psnr", 2), ("sharpness", 3)) for m in (before, after)]
        gain = f"{after.psnr - before.psnr:+.2f}"
        size = f"{sum(parameter.numel() for parameter in trained.parameters()):,}"
        minutes = sum(trained_seconds(Path(config.run_folder) / "loss.csv").values()) / 60
        rows.append([path.stem, config.stages[-1].regime, *numbers, gain, size, f"{minutes:.1f}"])
        Console().print(" ".join(rows[-1]), highlight=False)
    lines = page_head(
        "Every training regime by its config",
        "regimes",
        f"{BATCHES} batches of fresh scans each, seed {FRESH_SEED}; means over scans",
    )
    header = ["config", "regime", "PSNR before", "after", "edges before", "after", "gain, dB", "parameters", "min"]
    (HERE / "result.md").write_text("\n".join([*lines, *table(header, rows)]) + "\n", encoding="utf-8")


def measure(network: UnrolledNetwork, config: TrainingConfig) -> ImageMetrics:
    """Mean metrics on scans of the config's own kind that its training did not draw."""
    stream = build_stream(replace(config, seed=FRESH_SEED), len(config.stages) - 1)
    found = [one for index in range(BATCHES) for one in _of_batch(network, stream.batch(index))]  # type: ignore[attr-defined]
    return ImageMetrics(**{f.name: statistics.fmean(getattr(m, f.name) for m in found) for f in fields(ImageMetrics)})


@torch.no_grad()
def _of_batch(network: UnrolledNetwork, batch: dict[str, Tensor]) -> list[ImageMetrics]:
    E = CartesianSense(batch["maps"], batch["weights"])
    images = network(batch["kspace"], E, guide=batch.get("guide")).flatten(0, -4)
    truths = batch["truth"].flatten(0, -4)
    return [image_metrics(image, truth) for image, truth in zip(images, truths, strict=True) if bool(truth.any())]


if __name__ == "__main__":
    main()
