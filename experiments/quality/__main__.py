"""``make results``: measure image quality; writes docs/results.md and docs/figures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.quality.facts import facts
from experiments.quality.fidelity import fidelity
from experiments.quality.page import load_parts, write_page
from experiments.quality.phase import phase_invariance
from experiments.quality.pictures import benchmark_pictures, real_pictures
from experiments.quality.prediction import prediction
from experiments.quality.real_data import DATA
from pirecon.training.evaluation.benchmark import BenchmarkConfig, read_benchmark
from pirecon.training.evaluation.evaluate import cell_table, evaluate, write_results

HERE = Path(__file__).parent
MEASURED = Path("runs/quality")
DOCS = HERE.parents[1] / "docs"


def main() -> None:
    """Measure every part, or those that are named, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m experiments.quality", description=__doc__)
    parser.add_argument("--checkpoint", default="default", help="shipped name or file")
    parts = measurements("default")
    explanation = f"some of {', '.join(parts)}, page; without any: all"
    parser.add_argument("parts", nargs="*", metavar="PART", help=explanation)
    arguments = parser.parse_args()
    parts = measurements(arguments.checkpoint)
    if unknown := set(arguments.parts) - {*parts, "page"}:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(parts)}, page")
    console = Console()
    MEASURED.mkdir(parents=True, exist_ok=True)
    for name, measure in parts.items():
        if arguments.parts and name not in arguments.parts:
            continue
        if not DATA.is_dir() and name not in ("simulated", "phase"):
            console.print(f"{name}: left out, there is no {DATA}")
            continue
        console.print(f"measuring: {name}")
        found = measure()
        if found is not None:
            (MEASURED / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
    write_page(DOCS / "results.md", load_parts(MEASURED), facts(arguments.checkpoint))
    console.print(f"written: {DOCS / 'results.md'}")


def measurements(checkpoint: str) -> dict[str, Callable[[], dict[str, Any] | None]]:
    """Every part; those that return None have written their file themselves."""
    simulated, volumes, finer = (
        replace(read_benchmark(HERE / f"{name}.toml"), networks={"unrolled": checkpoint})
        for name in ("simulated", "volumes", "finer")
    )
    return {
        "simulated": lambda: _benchmark(simulated),
        "volumes": lambda: _benchmark(volumes),
        "finer": lambda: _benchmark(finer),
        "prediction": lambda: prediction(checkpoint),
        "fidelity": lambda: fidelity(checkpoint),
        "phase": lambda: phase_invariance(checkpoint, simulated),
        "pictures": lambda: {
            "Real 0.055 T data": real_pictures(DOCS / "figures", checkpoint),
            "Real 3 T slices, scanned in simulation": benchmark_pictures(DOCS / "figures", volumes),
            "Simulated brains": benchmark_pictures(DOCS / "figures", simulated),
        },
    }


def _benchmark(config: BenchmarkConfig) -> None:
    results = evaluate(config, console=Console())
    write_results(results)
    Console().print(cell_table(results))


if __name__ == "__main__":
    main()
