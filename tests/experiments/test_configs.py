"""Every training config and every benchmark in the repository can be read, and what a config names can be built."""

from __future__ import annotations

from pathlib import Path

import pytest

from pirecon.training.config import read_config
from pirecon.training.evaluation.benchmark import read_benchmark
from pirecon.training.fit import build_stage
from pirecon.unrolled import build_network

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
TEXTS = {path: path.read_text(encoding="utf-8") for path in sorted(EXPERIMENTS.glob("*/*.toml"))}
TRAININGS = [path for path, text in TEXTS.items() if "[[stages]]" in text]
BENCHMARKS = [path for path, text in TEXTS.items() if "[cells]" in text]


def name(path: Path) -> str:
    """Folder and file."""
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", TRAININGS, ids=name)
def test_a_training_can_be_built(path: Path) -> None:
    config = read_config(path)
    assert build_network(config.network)
    assert all(build_stage(stage) for stage in config.stages)
    assert not any("S6A" in volume for volume in config.images.volumes)  # the patient that every result is judged on


@pytest.mark.parametrize("path", BENCHMARKS, ids=name)
def test_a_benchmark_can_be_read(path: Path) -> None:
    benchmark = read_benchmark(path)
    assert not any(patient in volume for volume in benchmark.images.volumes for patient in ("_6A_", "_7A_"))
