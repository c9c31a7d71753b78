"""The networks of this experiment: one architecture, every way to learn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from experiments.networks import train
from pirecon.training.config import Stage, TrainingConfig, read_config

HERE = Path(__file__).parent
EXPERIMENT = "self_supervision"
SEEDS = (1,)


@dataclass(frozen=True)
class Learning:
    """A row of the tables.

    Attributes:
        regime, options: as in a stage of a config.
        scans: what of [scans] differs.
        recorded: learns from the real files and not from simulated scans.
        start: row whose network (of the same seed) it starts from; empty for an untrained one.
    """

    regime: str
    options: dict[str, object] = field(default_factory=dict)
    scans: dict[str, object] = field(default_factory=dict)
    recorded: bool = False
    start: str = ""


SIMULATED = {
    "supervised": Learning("supervised"),
    "Noise2Noise": Learning("noise2noise", scans={"averages": 2}),
    "SSDU": Learning("ssdu"),
    "SSDU, held-out samples only": Learning("ssdu", {"given": False}),
    "multi-mask SSDU": Learning("multi_mask_ssdu", {"masks": 4}),
    "SURE, full scans": Learning("sure", scans={"acceleration": (1.0, 1.0), "lost_samples": 0.0}),
    "ENSURE": Learning("ensure"),
    "equivariant": Learning("equivariant"),
}
REAL = {
    "SSDU on real files": Learning("ssdu", recorded=True),
    "SSDU, held-out samples only, on real files": Learning("ssdu", {"given": False}, recorded=True),
    "supervised, then SSDU on real files": Learning("ssdu", recorded=True, start="supervised"),
}
ROWS = SIMULATED | REAL


def train_row(name: str, seed: int) -> str:
    """Train one network, unless that was done; returns its checkpoint's path.

    Args:
        name: key of ``ROWS``.
        seed: of the training.
    """
    row = ROWS[name]
    config = read_config(HERE / ("recorded.toml" if row.recorded else "config.toml"))
    start = train_row(row.start, seed) if row.start else ""
    config = replace(
        config,
        scans=replace(config.scans, **row.scans),  # type: ignore[arg-type]
        stages=(_stage(config, row),),
        seed=seed,
        warm_start=start,
    )
    words = "-".join(name.lower().replace(",", "").split())
    return train(config, EXPERIMENT, f"{words}-{seed}")


def _stage(config: TrainingConfig, row: Learning) -> Stage:
    stage = replace(config.stages[0], regime=row.regime, options=row.options)
    return replace(stage, learning_rate=0.3 * stage.learning_rate) if row.start else stage
