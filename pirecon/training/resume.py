"""Resume points, and whose run a folder holds."""

from __future__ import annotations

import errno
import json
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from pirecon.training.config import TrainingConfig
from pirecon.training.lightning_module import Training
from pirecon.training.processes import rank, wait_for_all
from pirecon.training.tables import differences

SETTINGS = "settings.json"
# What may change between two calls without changing what is trained.
FREE = (
    *("output", "run_folder", "workers", "resume_minutes", "validation"),
    *("notes", "purpose", "known_failures", "stored"),
)


class ResumePoints(pl.Callback):
    """Writes all that a stage needs to go on, every so many minutes of training, whole or not at all.

    Args:
        training: which one.
        path: the file.
        minutes: between two of them.
    """

    def __init__(self, training: Training, path: Path, minutes: float) -> None:
        self.training, self.path, self.minutes = training, path, minutes
        self._written = 0.0

    def on_train_start(self, *_: Any, **__: Any) -> None:
        """Count from here."""
        self._written = self.training.seconds

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        """Write if it is time; all processes come to the same answer, since they share the clock."""
        if self.training.seconds - self._written >= 60 * self.minutes:
            self._written = self.training.seconds
            write_resume_point(self.training.trainer, self.path)


def write_resume_point(trainer: pl.Trainer, path: Path) -> None:
    """Save everything to a file beside ``path`` and put it in its place.

    Raises:
        OSError: it cannot be written, as on a full disk; the file before it is as it was.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            part.replace(path)
    except OSError as error:
        raise _cannot_write(error, path) from error
    finally:
        if trainer.is_global_zero:
            part.unlink(missing_ok=True)


def _cannot_write(error: OSError, path: Path) -> OSError:
    full = "the disk is full: " if error.errno == errno.ENOSPC else ""
    before = "the one before it is as it was" if path.exists() else "there is none before it"
    return OSError(
        error.errno,
        f"{full}the resume point {path} could not be written ({error.strerror or error}); {before}. "
        "Make room or set another run_folder, and run the command again",
    )


def read_resume_point(path: Path) -> dict[str, Any]:
    """All that :func:`write_resume_point` saved; runs no code that the file may hold.

    Raises:
        ValueError: it is damaged, or of another version.
    """
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"the resume point {path} cannot be read, it is damaged ({str(error).splitlines()[0]}); delete it to begin "
            "its stage anew, or start all over with pirecon train --fresh"
        ) from error
    if not isinstance(found, dict) or not {"seconds", "global_step", "state_dict"} <= set(found):
        raise ValueError(
            f"the resume point {path} was written by another version of pirecon; delete it to begin its stage anew, or "
            "start all over with pirecon train --fresh"
        )
    return found


def open_run_folder(config: TrainingConfig, *, fresh: bool, changed: bool) -> Path:
    """The run folder, ready to go on in.

    Args:
        config: what is to be trained.
        fresh: delete what an earlier run left.
        changed: go on though the config is another than that of the earlier run.

    Raises:
        ValueError: the folder holds a run of another config, or is not a run folder at all.
    """
    folder = Path(config.run_folder)
    settings = _settings(config)
    if rank() == 0:
        if fresh and folder.exists():
            _delete_run(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not changed:
            _refuse_another(folder, settings)
        part = folder / f".{SETTINGS}.part"
        part.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        part.replace(folder / SETTINGS)
    wait_for_all()
    return folder


def _settings(config: TrainingConfig) -> dict[str, Any]:
    table = {key: value for key, value in asdict(config).items() if key not in FREE}
    table["data"] = {"kind": type(config.data).__name__, **table["data"]}
    read_back: dict[str, Any] = json.loads(json.dumps(table, default=str))
    return read_back


def _refuse_another(folder: Path, settings: Mapping[str, Any]) -> None:
    path = folder / SETTINGS
    if not any(folder.glob("stage*")):  # nothing was trained: that run was refused, or interrupted while it rendered
        return
    if not path.is_file():
        raise ValueError(
            f"the run folder {folder} holds stages of a run whose settings are not known ({SETTINGS} is missing); "
            "go on with --resume, start over with --fresh, or set another run_folder"
        )
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); go on with --resume or start over with --fresh") from error
    found = differences(before, settings)
    if found:
        raise ValueError(
            f"the run folder {folder} holds a run of another config: {'; '.join(found)}. Set another run_folder, go on "
            "with the changed config by --resume (finished stages stay as they are), or start over by --fresh"
        )


def _delete_run(folder: Path) -> None:
    known = [folder / SETTINGS, folder / "loss.csv", folder / "validation", *folder.glob("stage*")]
    for path in known:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
