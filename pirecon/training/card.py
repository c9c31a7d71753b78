"""The card of a trained network: data, command, hours, range and scores."""

from __future__ import annotations

import csv
import shlex
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from pirecon.training.config import TrainingConfig
from pirecon.training.evaluation.benchmark import BenchmarkConfig, Cells
from pirecon.training.evaluation.evaluate import evaluate
from pirecon.training.evaluation.held_out import HeldOutImages
from pirecon.training.processes import process_count
from pirecon.unrolled import ModelCard


def model_card(config: TrainingConfig, log: Path) -> ModelCard:
    """Card of the network that ``config`` trains, before it is measured.

    Args:
        config: of the training.
        log: its ``loss.csv``, for the time that it took.
    """
    times = trained_seconds(log)
    several = f" on {process_count()} processes" if process_count() > 1 else ""
    said = [
        f"{len(config.stages)} stages{several}, {config.precision}, seed {config.seed}"
        + (f", from {config.warm_start}" if config.warm_start else ""),
        config.notes,
    ]
    return ModelCard(
        architecture=config.network,
        version=version("pirecon"),
        command=shlex.join(["pirecon", *sys.argv[1:]]),
        training_range=config.data.ranges(config.images, config.scans),
        data=config.data.sentence(config.images, config.scans),
        hours=sum(times.values()) / 3600,
        notes="; ".join(part for part in said if part),
        known_failures=config.known_failures,
        purpose=config.purpose,
    )


def trained_seconds(log: Path) -> dict[int, float]:
    """Seconds of every stage, from its last row in ``loss.csv``."""
    with log.open(newline="", encoding="utf-8") as file:
        return {int(row["stage"]): float(row["seconds"]) for row in csv.DictReader(file)}


def measured(card: ModelCard, checkpoint: Path, config: TrainingConfig) -> ModelCard:
    """The card with scores on simulated brains of seeds that no training uses.

    Args:
        card: without scores.
        checkpoint: the network.
        config: its table ``[validation]`` says what is measured.
    """
    asked, folder = config.validation, Path(config.run_folder) / "validation"
    benchmark = BenchmarkConfig(
        name="validation",
        output=str(folder / "scores.json"),
        networks={"unrolled": str(checkpoint)},
        methods=("unrolled", "cg-sense"),
        images=HeldOutImages(
            field_strengths=asked.field_strengths,
            brains=asked.brains,
            brain_matrix=asked.matrix,
            cache=config.images.cache,
        ),
        cells=Cells(coils=asked.coils, accelerations=asked.accelerations, snr=asked.snr),
        processes=1,
        cache=str(folder / "cache"),
    )
    return replace(card, metrics=evaluate(benchmark).summary())
