"""χ² of samples of real 0.055 T scans that were kept back, as in experiments/quality, on a few slices."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from experiments.networks import RUNS
from experiments.quality.prediction import held_out_chi2, random_lines, random_samples
from experiments.quality.real_data import RealFile, brain_files
from pirecon.methods import Method, choose_method
from pirecon.training.evaluation.measure import weights_digest

PATTERNS = ("brain_0.055T_S6A_*.h5", "brain_0.055T_interference_caged.h5")  # of nobody in recorded.toml
SLICES = slice(1, 3)  # of four
KINDS = {"samples": random_samples, "lines": random_lines}
CLASSICAL = {"CG-SENSE": "cg-sense", "L1-wavelet": "wavelet", "TV": "tv"}

Table = dict[str, dict[str, float]]  # χ² by file and method


def real_files() -> list[RealFile]:
    """The files, each with its middle slices."""
    files = [file for pattern in PATTERNS for file in brain_files(pattern)]
    return [replace(file, slices=file.slices[SLICES]) for file in files]


def real_rows(checkpoints: Mapping[str, str], experiment: str) -> dict[str, Table]:
    """χ² by kind of prediction, file and method; "zero" predicts nothing.

    Args:
        checkpoints: by name.
        experiment: folder of the experiment.
    """
    methods = {name: choose_method(method) for name, method in CLASSICAL.items()}
    keys = {name: name for name in CLASSICAL} | {name: weights_digest(path)[:16] for name, path in checkpoints.items()}
    methods |= {name: choose_method("unrolled", checkpoint=path) for name, path in checkpoints.items()}
    found: dict[str, Table] = {}
    for file in real_files():
        for kind in KINDS:
            row = _kept(RUNS / experiment / "real" / f"{file.name}-{kind}.json", file, kind, methods, keys)
            found.setdefault(kind, {})[file.name] = row
    return found


def _kept(path: Path, file: RealFile, kind: str, methods: dict[str, Method], keys: dict[str, str]) -> dict[str, float]:
    """χ² of each method; what was measured for these weights before is read."""
    kept: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    missing = {name: method for name, method in methods.items() if keys[name] not in kept}
    if missing:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "outside the training range" is what the table is about
            measured = held_out_chi2(file, missing, KINDS[kind])
        kept |= {keys.get(name, name): value for name, value in measured.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return {"zero": kept["zero"]} | {name: kept[keys[name]] for name in methods}
