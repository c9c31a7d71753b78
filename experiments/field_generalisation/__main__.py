"""Train at one field and over all, test at each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from experiments.machine import page_head, table
from experiments.networks import compare, cost, score, train, with_error
from pirecon.training.config import read_config
from pirecon.training.evaluation.benchmark import read_benchmark
from pirecon.training.evaluation.evaluate import coil_label

HERE = Path(__file__).parent
SEEDS = (1, 2)
TRAINED_AT = {"0.055 T": (0.055, 0.055), "0.55 T": (0.55, 0.55), "1.5 T": (1.5, 1.5), "0.05–1.5 T": (0.05, 1.5)}
CLASSICAL = {"CG-SENSE": "cg-sense", "TV": "tv"}


def main() -> None:
    """Train, measure, and write the page."""
    config = read_config(HERE / "config.toml")
    networks = {}
    for seed in SEEDS:
        for name, fields in TRAINED_AT.items():
            variant = replace(config, images=replace(config.images, field_strength=fields), seed=seed)
            networks[f"{name} {seed}"] = train(variant, "field_generalisation", f"{fields[0]:g}-{fields[1]:g}-{seed}")
    benchmark = read_benchmark(HERE / "benchmark.toml")
    results = compare(benchmark, networks, "field_generalisation")
    methods = {f"trained at {name}": [f"{name} {seed}" for seed in SEEDS] for name in TRAINED_AT}
    methods |= {name: [method] for name, method in CLASSICAL.items()}
    lines = page_head(
        "Training at one field, testing at another",
        "field_generalisation",
        f"{len(results.cases)} scans, seed {benchmark.seed}; trainings with seeds {', '.join(map(str, SEEDS))}",
        f"{cost(next(iter(networks.values())))['parameters']:,.0f} parameters, {config.stages[0].minutes:g} min each",
    )
    fields = {f"{field:g} T": field for field in benchmark.images.field_strengths}
    coils = {coil_label(coils): coils for coils in benchmark.cells.coils}
    for metric, title, digits in (("psnr", "PSNR, dB", 2), ("ssim", "SSIM", 3)):
        of_field = [_columns(results, names, metric, digits, fields, _at_field) for names in methods.values()]
        of_coils = [_columns(results, names, metric, digits, coils, _with_coils) for names in methods.values()]
        lines += [f"## {title}", "", "By field of the test:", ""]
        lines += table(["method", *fields], [[name, *row] for name, row in zip(methods, of_field, strict=True)])
        lines += ["", "By number of coils of the test:", ""]
        lines += [*table(["method", *coils], [[name, *row] for name, row in zip(methods, of_coils, strict=True)]), ""]
    (HERE / "result.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _columns(results, names, metric, digits, values, where):  # type: ignore[no-untyped-def]
    return [with_error(score(results, names, metric, where=where(v)), digits) for v in values.values()]


def _at_field(field: float):  # type: ignore[no-untyped-def]
    return lambda case: case.image.startswith(f"brain {field:g} T ")


def _with_coils(coils: tuple[int, int]):  # type: ignore[no-untyped-def]
    return lambda case: case.coils == coils


if __name__ == "__main__":
    main()
