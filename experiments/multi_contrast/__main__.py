"""Train a guided and an unguided network, show them right and wrong guides, write the page."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import torch

from experiments.multi_contrast.figure import figure
from experiments.multi_contrast.measure import LesionRow, Networks, Row, measure, measure_lesions
from experiments.multi_contrast.page import page
from experiments.multi_contrast.pairs import lesion_pairs, real_pairs, simulated_pairs
from experiments.multi_contrast.scans import CELLS, SAME_NOISE, Cell
from experiments.networks import RUNS, cost, train
from pirecon.training.config import read_config
from pirecon.training.scans.guide import GuidedScans
from pirecon.unrolled import load_checkpoint

HERE = Path(__file__).parent
SEEDS = (1,)
N_SIMULATED, N_LESIONS = 8, 10
LESION_CELLS = (Cell(1.0, 10.0, 1.0), Cell(2.0, 10.0, 1.0))


def main() -> None:
    """Run the experiment; what is trained and measured already is kept unless ``--again``."""
    parser = argparse.ArgumentParser(prog="python -m experiments.multi_contrast", description=__doc__)
    parser.add_argument("--again", action="store_true", help="measure again")
    parser.add_argument("--train", type=int, help="train the networks of this seed only, and stop")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    checkpoints = {seed: train_both(seed) for seed in ([arguments.train] if arguments.train else SEEDS)}
    if arguments.train:
        return
    networks = {seed: tuple(load_checkpoint(path)[0].eval() for path in both) for seed, both in checkpoints.items()}
    rows, lesions = measured(networks, arguments.again)  # type: ignore[arg-type]
    figure(networks[SEEDS[0]], HERE / "guides.png")  # type: ignore[arg-type]
    costs = {seed: tuple(map(cost, both)) for seed, both in checkpoints.items()}
    (HERE / "result.md").write_text("\n".join(page(rows, lesions, costs)) + "\n", encoding="utf-8")


def train_both(seed: int) -> tuple[str, str]:
    """Checkpoints of the guided and of the unguided network: the same size, steps and kind of scans."""
    config = replace(read_config(HERE / "config.toml"), seed=seed)
    guided = train(config, "multi_contrast", f"guided-{seed}")
    assert isinstance(config.data, GuidedScans)
    stages = tuple(replace(stage, regime="supervised") for stage in config.stages)
    alone = replace(config, data=replace(config.data, wrong=0.0, absent=1.0), stages=stages)
    return guided, train(alone, "multi_contrast", f"unguided-{seed}")


def measured(networks: Networks, again: bool) -> tuple[list[Row], list[LesionRow]]:
    """All numbers, from the last run where there was one."""
    paths = RUNS / "multi_contrast" / "rows.csv", RUNS / "multi_contrast" / "lesions.csv"
    if again or not all(path.exists() for path in paths):
        pairs = [*simulated_pairs(N_SIMULATED), *real_pairs()]
        write(measure(pairs, (*CELLS, *SAME_NOISE), networks), paths[0])
        write(measure_lesions(lesion_pairs(N_LESIONS), LESION_CELLS, networks), paths[1])
    return read(Row, paths[0]), read(LesionRow, paths[1])


def write(rows: Sequence[Any], path: Path) -> None:
    """A table of dataclasses of one type as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(rows[0])])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read(kind: type, path: Path) -> list[Any]:
    """What :func:`write` wrote."""
    types = {**get_type_hints(kind), "real": lambda text: text == "True"}
    with path.open(newline="", encoding="utf-8") as file:
        return [kind(**{name: types[name](text) for name, text in row.items()}) for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
