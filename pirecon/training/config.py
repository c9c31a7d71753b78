"""What `pirecon train CONFIG.toml` reads."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.simulation import ScanRange
from pirecon.unrolled.checkpoint import Architecture


@dataclass(frozen=True)
class Stage:
    """One leg of the training.

    Attributes:
        train: "prior" (the prior alone, on the start image: cheap) or "unrolled" (the whole network).
        regime: name in ``pirecon.training.regimes.REGIMES``.
        options: arguments of the regime's constructor.
        steps: optimiser steps.
        voxels: voxels in a batch.
        ema_decay: decay of the averaged weights, which are what a stage ends with.
        learning_rate: peak, reached after a short warm-up; falls to a hundredth along a cosine.
    """

    train: str = "unrolled"
    regime: str = "supervised"
    options: dict[str, object] = field(default_factory=dict)
    steps: int = 1000
    voxels: int = 65536
    learning_rate: float = 4e-4
    ema_decay: float = 0.998


@dataclass(frozen=True)
class TrainingConfig:
    """The whole config file.

    Attributes:
        output: checkpoint to write (.safetensors).
        run_folder: logs and resume points.
        network: architecture.
        images: what is scanned.
        scans: how it is scanned.
        stages: legs in order.
        seed: of everything random.
        precision: "32-true" or "bf16-mixed" (Lightning's names).
        workers: data-loading processes.
        warm_start: checkpoint to start from, or empty.
        notes: goes to the model card.
    """

    output: str
    run_folder: str = "runs/train"
    network: Architecture = field(default_factory=Architecture)
    images: ImageShares = field(default_factory=ImageShares)
    scans: ScanRange = field(default_factory=ScanRange)
    stages: tuple[Stage, ...] = (Stage(),)
    seed: int = 1
    precision: str = "32-true"
    workers: int = 1
    warm_start: str = ""
    notes: str = ""


def read_config(path: str | Path) -> TrainingConfig:
    """Read and check a training config.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML, an unknown key (the nearest known one is named) or a missing one.
    """
    path = Path(path)
    config: TrainingConfig = build(TrainingConfig, read_toml(path), f"{path}: ")
    volumes = tuple(str(path.parent / volume) for volume in config.images.volumes)
    return replace(config, images=replace(config.images, volumes=volumes))


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no config file {path}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error


def build(kind: type, values: dict[str, Any], where: str) -> Any:
    """A dataclass from a TOML table; its fields may be dataclasses and tuples of them.

    Args:
        kind: the dataclass.
        values: the table.
        where: begins the error messages.

    Raises:
        ValueError: an unknown key (the nearest known one is named) or a missing one.
    """
    hints, known = get_type_hints(kind), [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise ValueError(f"{where}unknown key {key!r} for {kind.__name__}; {hint}")
    arguments = {key: _convert(hints[key], value, f"{where}{key}: ") for key, value in values.items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ValueError(f"{where}{error}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where)
    if isinstance(value, list):
        inner = getattr(hint, "__args__", (None,))[0]
        return tuple(_convert(inner, item, where) for item in value)
    return value
