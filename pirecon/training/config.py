"""What `pirecon train CONFIG.toml` reads."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pirecon.priors.registry import nearest
from pirecon.training.data import KINDS, Simulation, refuse_unused
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.training_data import TrainingData
from pirecon.training.tables import build, paths_below, read_toml
from pirecon.unrolled import Architecture

WHAT = ("prior", "denoiser", "unrolled")
CALIBRATION_LINES = 16  # central lines that a benchmark measures unless its config has another number
STORED = ("float32", "float16")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")

__all__ = ["ConfigError", "Stage", "TrainingConfig", "Validation", "build", "read_config", "read_toml"]


class ConfigError(ValueError):
    """A config that reads well but names what does not exist or does not go together; begins with table or key."""


@dataclass(frozen=True)
class Stage:
    """One leg of the training; it ends after ``steps`` or ``minutes``, whichever comes first of those that are given.

    Attributes:
        train: "unrolled" (the whole network), "prior" (the prior alone, on the network's start image: cheap) or
            "denoiser" (the prior alone, on the truth with white noise of a known level: for plug and play).
        regime: name in ``pirecon.training.regimes.REGIMES``; only of an unrolled stage.
        options: arguments of the regime's (or the denoiser's) constructor.
        loss: weights by name in ``pirecon.training.losses``; empty for the regime's own.
        steps: optimiser steps; 0 for no limit.
        minutes: of training, without what passes before the first step; 0 for no limit. The learning rate follows the
            clock then, so that a slow network anneals as a fast one does, and a second run is not the same to the bit.
        voxels: voxels in a batch.
        learning_rate: peak, reached after a short warm-up; falls to a hundredth along a cosine.
        critic_learning_rate: of the critic of an adversarial regime; 0 for that of the network.
        gradient_clip: largest norm of the gradient; 0 for none.
        ema_decay: decay of the averaged weights, which are what a stage ends with.
    """

    train: str = "unrolled"
    regime: str = "supervised"
    options: dict[str, object] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    minutes: float = 0.0
    voxels: int = 65536
    learning_rate: float = 4e-4
    critic_learning_rate: float = 0.0
    gradient_clip: float = 1.0
    ema_decay: float = 0.998

    def __post_init__(self) -> None:
        if self.train not in WHAT:
            raise ValueError(f"train is {self.train!r}; {nearest(self.train, WHAT)}")
        if self.train != "unrolled" and self.regime != "supervised":
            raise ValueError(
                f"the regime {self.regime!r} trains a whole network, but train is {self.train!r}; leave one out"
            )
        _check("steps", self.steps, self.steps >= 0, "at least 0")
        _check("minutes", self.minutes, self.minutes >= 0, "at least 0")
        if not self.steps and not self.minutes:
            raise ValueError("steps and minutes are both 0: give the stage an end, as steps = 1000 or minutes = 30")
        _check("voxels", self.voxels, self.voxels >= 1, "at least 1")
        _check("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        _check("critic_learning_rate", self.critic_learning_rate, self.critic_learning_rate >= 0, "at least 0")
        _check("gradient_clip", self.gradient_clip, self.gradient_clip >= 0, "at least 0")
        _check("ema_decay", self.ema_decay, 0 <= self.ema_decay < 1, "at least 0 and below 1")


@dataclass(frozen=True)
class Validation:
    """Held-out simulated brains that the finished network is measured on, for its card.

    Attributes:
        brains: number of them at each field; 0 for no measurement.
        field_strengths: T.
        matrix: of the reconstruction; even, with 16 lines or more at the highest acceleration.
        accelerations: undersampling factors, at least 1.
        snr: voxel SNRs.
        coils: (fewest, most) receive coils of each setting.
    """

    brains: int = 0
    field_strengths: tuple[float, ...] = (0.055, 0.3)
    matrix: int = 128
    accelerations: tuple[float, ...] = (1.0, 3.0)
    snr: tuple[float, ...] = (5.0, 15.0)
    coils: tuple[tuple[int, int], ...] = ((1, 1), (4, 8))

    def __post_init__(self) -> None:
        _check("brains", self.brains, self.brains >= 0, "at least 0")
        for name in ("field_strengths", "accelerations", "snr", "coils"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty; give at least one, or leave the key out")
        _check("matrix", self.matrix, self.matrix % 2 == 0, "an even number")
        for acceleration in self.accelerations:
            _check("an acceleration", acceleration, acceleration >= 1, "at least 1")
            measured = round(self.matrix / acceleration)  # as benchmark.variable_density_lines has it
            if measured < CALIBRATION_LINES:
                raise ValueError(
                    f"R = {acceleration:g} measures {measured} of matrix = {self.matrix} lines; expected at least the "
                    f"{CALIBRATION_LINES} calibration lines: enlarge matrix, or leave out this acceleration"
                )


@dataclass(frozen=True)
class TrainingConfig:
    """The whole config file.

    Attributes:
        output: checkpoint to write (.safetensors).
        run_folder: logs and resume points.
        network: architecture.
        data: what kind of data; the key ``kind`` names one of ``pirecon.training.data.KINDS``.
        images: what is scanned in a simulation.
        scans: how it is scanned.
        stages: legs in order.
        validation: what the finished network is measured on.
        seed: of everything random.
        precision: "32-true", "bf16-mixed" (CPU and CUDA) or "16-mixed" (CUDA): Lightning's names.
        workers: data-loading processes; 0 loads between the steps.
        resume_minutes: time between resume points.
        warm_start: checkpoint to start from, or empty.
        notes: goes to the model card.
        purpose: what to take the network for, in a few words; goes to the card.
        known_failures: what it does badly, a sentence each; goes to the card.
        stored: "float32", or "float16" for a file of half the size.
    """

    output: str
    run_folder: str = "runs/train"
    network: Architecture = field(default_factory=Architecture)
    data: TrainingData = field(default_factory=Simulation)
    images: ImageShares = field(default_factory=ImageShares)
    scans: ScanRange = field(default_factory=ScanRange)
    stages: tuple[Stage, ...] = field(default_factory=lambda: (Stage(steps=1000),))
    validation: Validation = field(default_factory=Validation)
    seed: int = 1
    precision: str = "32-true"
    workers: int = 1
    resume_minutes: float = 2.0
    warm_start: str = ""
    notes: str = ""
    purpose: str = ""
    known_failures: tuple[str, ...] = ()
    stored: str = "float32"

    def __post_init__(self) -> None:
        _check("seed", self.seed, self.seed >= 0, "at least 0")
        _check("workers", self.workers, self.workers >= 0, "at least 0")
        _check("resume_minutes", self.resume_minutes, self.resume_minutes >= 0, "at least 0")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}; {nearest(self.precision, PRECISIONS)}")
        if self.stored not in STORED:
            raise ValueError(f"stored is {self.stored!r}; {nearest(self.stored, STORED)}")
        if not self.output.endswith(".safetensors"):
            raise ValueError(f"output is {self.output!r}; a checkpoint's name ends in .safetensors")
        if not self.stages:
            raise ValueError("there are no stages: give at least one [[stages]]")
        refuse_unused(self.data, self.images, self.scans)


def read_config(path: str | Path) -> TrainingConfig:
    """Read and check a training config.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML, an unknown key or name (the nearest known one is named), a missing key, a value of the
            wrong type or out of its range; the message names file and key.
    """
    path = Path(path)
    table = read_toml(path)
    data = _read_data(table.pop("data", {}), path)
    config: TrainingConfig = build(TrainingConfig, table, f"{path}: ")
    volumes = tuple(str(path.parent / volume) for volume in config.images.volumes)
    try:
        return replace(config, data=data, images=replace(config.images, volumes=volumes))
    except ValueError as error:  # what this kind of data does not use
        raise ValueError(f"{path}: {error}") from error


def _read_data(table: Any, path: Path) -> TrainingData:
    where = f"{path}: data: "
    if not isinstance(table, dict):
        raise ValueError(f"{where}expected a table, found {table!r}")
    keys = {key: value for key, value in table.items() if key != "kind"}
    name = table.get("kind", "simulation")
    if name not in KINDS:
        raise ValueError(f"{where}kind is {name!r}; {nearest(str(name), KINDS)}")
    data: TrainingData = build(KINDS[name], keys, where)
    found = {f.name: paths_below(path.parent, getattr(data, f.name)) for f in fields(KINDS[name])}  # type: ignore[arg-type]
    return KINDS[name](**found)


def _check(name: str, value: float, fits: bool, expected: str) -> None:
    if not fits:
        raise ValueError(f"{name} is {value}; expected {expected}")
