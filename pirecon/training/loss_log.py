"""The losses of every step, as a file to draw curves from and as lines on the screen."""

from __future__ import annotations

import csv
import os
import time
from collections import deque
from pathlib import Path
from statistics import fmean
from typing import Any, TextIO

import lightning.pytorch as pl
from rich.console import Console

from pirecon.training.lightning_module import Training
from pirecon.training.processes import rank

HEADER = ("stage", "step", "seconds", "term", "value")
SECONDS_BETWEEN_LINES = 20.0
AVERAGED = 50  # steps in a printed mean


class LossLog(pl.Callback):
    """Appends one row for each step and term to ``loss.csv``; only process 0 writes.

    Rows of steps that are done again after an interruption are replaced, so the file is that of a run without one.

    Args:
        training: whose losses.
        path: the file.
        console: where the course is printed.
    """

    def __init__(self, training: Training, path: Path, console: Console) -> None:
        self.training, self.path, self.console = training, path, console
        self._file: TextIO | None = None
        self._printed = 0.0
        self._recent: deque[float] = deque(maxlen=AVERAGED)

    def on_train_start(self, *_: Any, **__: Any) -> None:
        """Cut the file back to the resume point and open it."""
        if rank() == 0:
            keep_before(self.path, self.training.number, self.training.trainer.global_step)
            self._file = self.path.open("a", newline="", encoding="utf-8")
        self._printed = time.monotonic()

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        """Write this step; now and then, print."""
        training = self.training
        self._recent.append(training.latest["loss"])
        if self._file is None:
            return
        where = (training.number, training.trainer.global_step, round(training.seconds, 3))
        csv.writer(self._file).writerows((*where, term, value) for term, value in training.latest.items())
        self._file.flush()
        if time.monotonic() - self._printed > SECONDS_BETWEEN_LINES or training.progress >= 1:
            self._print()

    def teardown(self, *_: Any, **__: Any) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def on_exception(self, *_: Any, **__: Any) -> None:
        """Close the file; what was written stays."""
        self.teardown()

    def _print(self) -> None:
        self._printed = time.monotonic()
        training, stage, step = self.training, self.training.stage, self.training.trainer.global_step
        self.console.print(
            f"stage {training.number} ({stage.train}, {stage.regime}): {100 * training.progress:3.0f} %, step {step}, "
            f"{training.seconds / 60:.1f} min, loss {fmean(self._recent):.4g} (mean of {len(self._recent)} steps)",
            highlight=False,
            markup=False,
        )


def keep_before(path: Path, stage: int, step: int) -> None:
    """Leave in the file what was written up to ``step`` of ``stage``; a new file gets its header."""
    rows = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            # The last row may be cut off where the process was killed.
            rows = [row for row in list(csv.reader(file))[1:] if len(row) == len(HEADER)]
    kept = [row for row in rows if (int(row[0]), int(row[1])) <= (stage, step)]
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *kept])
    part.replace(path)
