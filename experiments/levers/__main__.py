"""Time, size and variety, one at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from experiments.machine import page_head, table
from experiments.networks import compare, cost, of_part, score, train
from experiments.prior_swap.networks import HERE as BASE
from experiments.prior_swap.networks import PRIORS, USES
from pirecon.training.config import TrainingConfig, read_config
from pirecon.training.evaluation.benchmark import read_benchmark

HERE = Path(__file__).parent
SEED = 1


def main() -> None:
    """Train, measure, write the page."""
    networks = {
        name: train(replace(config, seed=SEED), "levers", name.replace(" ", "-")) for name, config in variants().items()
    }
    results = compare(replace(read_benchmark(BASE / "benchmark.toml"), methods=("tv-oracle",)), networks, "levers")
    body = []
    for name, checkpoint in networks.items():
        spent = cost(checkpoint)
        numbers = [
            f"{score(results, [name], metric, where=of_part(real))[0]:.{digits}f}"
            for real in (False, True)
            for metric, digits in (("psnr", 2), ("ssim", 3))
        ]
        body.append([name, *numbers, f"{spent['parameters']:,.0f}", f"{spent['steps']:.0f}", f"{spent['minutes']:.1f}"])
    lines = page_head("Time, size and variety of a training", "levers", f"{len(results.cases)} scans; one seed, {SEED}")
    header = ["variant", "brains, dB", "SSIM", "real 3 T, dB", "SSIM", "parameters", "steps", "min"]
    (HERE / "result.md").write_text("\n".join([*lines, *table(header, body)]) + "\n", encoding="utf-8")


def variants() -> dict[str, TrainingConfig]:
    """The base and what differs from it by one lever."""
    base = read_config(BASE / "config.toml")
    base = replace(
        base, network=replace(base.network, prior="unet", prior_options=PRIORS["unet"], scheme=USES["unrolled"])
    )
    stage = base.stages[0]
    found = {"base": base}
    for factor in (2, 4):
        found[f"{factor} × the time"] = replace(base, stages=(replace(stage, minutes=factor * stage.minutes),))
    for label, widths in (("a quarter of the size", [7, 14, 28]), ("4 × the size", [28, 56, 112])):
        options = {**PRIORS["unet"], "widths": widths}
        found[label] = replace(base, network=replace(base.network, prior_options=options))
    for kind in base.images.shares:
        found[f"{kind} only"] = replace(base, images=replace(base.images, shares={kind: 1.0}))
    return found


if __name__ == "__main__":
    main()
