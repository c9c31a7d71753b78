"""The pages on training and evaluation name every key of a config with its default, and none that does not exist."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from pirecon.training.config import Stage, TrainingConfig, Validation, build, read_config
from pirecon.training.data import KINDS
from pirecon.training.evaluation.benchmark import BenchmarkConfig, Case, Cells, read_benchmark, scan_case
from pirecon.training.evaluation.held_out import HeldOut, HeldOutImages
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.training_data import TrainingData
from pirecon.unrolled import Architecture

DOCS = Path(__file__).resolve().parents[1] / "docs"
TOP = "The top of the file"
TRAINING: dict[str, type] = {
    TOP: TrainingConfig,
    "`[network]`": Architecture,
    "`[[stages]]`": Stage,
    "`[validation]`": Validation,
    "`[images]`": ImageShares,
    "`[scans]`": ScanRange,
} | {f"`[data]` of the kind `{name}`": kind for name, kind in KINDS.items() if fields(kind)}  # type: ignore[arg-type]
EVALUATION: dict[str, type] = {TOP: BenchmarkConfig, "`[images]`": HeldOutImages, "`[cells]`": Cells}
SECTIONS = [("training.md", name, kind) for name, kind in TRAINING.items()]
SECTIONS += [("evaluate.md", name, kind) for name, kind in EVALUATION.items()]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def sections(name: str) -> dict[str, list[list[str]]]:
    """Below ``## Keys``: the cells of every row of a table, without its head, by the heading above it."""
    found = {}
    for section in page(name).partition("\n## Keys\n")[2].split("\n### ")[1:]:
        heading, _, text = section.partition("\n")
        rows = [line for line in text.splitlines() if line.startswith("|")][2:]
        found[heading] = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    return found


def own_keys(kind: type) -> dict[str, Field[Any]]:
    """Fields that are no tables of their own."""
    return {f.name: f for f in fields(kind) if not _is_table(f)}


def _is_table(entry: Field[Any]) -> bool:
    made = entry.default_factory() if entry.default_factory is not MISSING else None
    return is_dataclass(made) or (isinstance(made, tuple) and any(is_dataclass(item) for item in made))


def plain(value: Any) -> Any:
    """A field's value as TOML has it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


@pytest.mark.parametrize(("name", "heading", "kind"), SECTIONS)
def test_a_table_has_every_key_and_no_other(name: str, heading: str, kind: type) -> None:
    named = [row[0].strip("`") for row in sections(name)[heading]]
    assert sorted(named) == sorted(own_keys(kind))


@pytest.mark.parametrize(("name", "heading", "kind"), SECTIONS)
def test_defaults_are_those_of_the_code(name: str, heading: str, kind: type) -> None:
    known = own_keys(kind)
    for key, _, default in sections(name)[heading]:
        entry = known[key.strip("`")]
        if entry.default is MISSING and entry.default_factory is MISSING:
            assert default == "needed", key
            continue
        value = entry.default if entry.default_factory is MISSING else entry.default_factory()
        written = tomllib.loads(f"x = {default.strip('`')}")["x"]
        about = isinstance(value, float)  # an angle in rad is written with three digits
        assert written == pytest.approx(value, rel=1e-3) if about else written == plain(value), key


@pytest.mark.parametrize(("name", "heading", "kind"), SECTIONS)
def test_all_needed_keys_that_are_missing_are_said_at_once(name: str, heading: str, kind: type) -> None:
    needed = [repr(key.strip("`")) for key, _, default in sections(name)[heading] if default == "needed"]
    if needed:
        with pytest.raises(ValueError, match=rf"^mine\.toml: missing: {', '.join(needed)};"):
            build(kind, {}, "mine.toml: ")


@pytest.mark.parametrize(("name", "known"), [("training.md", TRAINING), ("evaluate.md", EVALUATION)])
def test_every_table_of_a_config_has_its_section(name: str, known: dict[str, type]) -> None:
    tables = {f.name for f in fields(known[TOP]) if _is_table(f)}
    assert tables <= {match for heading in sections(name) for match in re.findall(r"`\[+(\w+)\]+`", heading)}
    assert set(sections(name)) - {"`[data]`"} == set(known)


def test_every_kind_of_data_says_what_it_uses_of_images_and_scans() -> None:
    rows = {re.findall(r"`(\w+)`", row[0])[0]: row[2:] for row in sections("training.md")["`[data]`"]}
    every = (TrainingData.image_keys, TrainingData.scan_keys)
    assert rows.keys() == KINDS.keys()
    for name, kind in KINDS.items():
        for cell, used, of_all in zip(rows[name], (kind.image_keys, kind.scan_keys), every, strict=True):
            said = {"all": set(of_all), "none": set()}.get(cell, set(re.findall(r"`(\w+)`", cell)))
            assert said == set(used), name


@pytest.mark.parametrize(("name", "known"), [("training.md", TRAINING), ("evaluate.md", EVALUATION)])
def test_what_the_text_sets_is_a_key(name: str, known: dict[str, type]) -> None:
    keys = {f.name for kind in known.values() for f in fields(kind)} | {"kind"}
    set_in_text = set(re.findall(r"`(\w+) = ", page(name)))
    assert set_in_text <= keys


def examples(name: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", page(name), re.DOTALL)


@pytest.fixture
def benchmark(tmp_path: Path) -> BenchmarkConfig:
    """The example of the page on evaluation."""
    (example,) = examples("evaluate.md")
    (tmp_path / "compare.toml").write_text(example)
    return read_benchmark(tmp_path / "compare.toml")


def test_the_example_measures_what_the_first_training_wrote(benchmark: BenchmarkConfig, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(examples("training.md")[0])
    first = read_config(tmp_path / "tiny.toml")
    assert first.output in benchmark.networks.values()
    assert {"default", "cg-sense"} < set(benchmark.methods)


def test_every_cell_of_the_example_can_be_scanned(benchmark: BenchmarkConfig) -> None:
    cells, matrix = benchmark.cells, benchmark.images.brain_matrix
    truth = HeldOut("ones", torch.ones(matrix, matrix))
    for acceleration in cells.accelerations:
        case = Case(cells.coils[0], acceleration, cells.snr[0], 1, truth, cells.calibration_lines, (1,))
        assert int((scan_case(case).weights != 0).any(-1).sum()) == round(matrix / acceleration)
