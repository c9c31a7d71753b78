"""How long to learn from one scan, and what came of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """When to stop.

    Attributes:
        steps: most optimiser steps.
        every: steps between two looks at the held-out samples.
        patience: looks without improvement after which it stops.
        seconds: time after which it stops.
        seed: of the split, the start and all else random.
    """

    steps: int = 300
    every: int = 10
    patience: int = 5
    seconds: float = math.inf
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.every, self.patience) < 1 or not self.seconds > 0:
            raise ValueError(f"steps, every, patience and seconds must be positive, found {self}")

    def looks(self, progress: Callable[[int, int], None] | None) -> Iterator[tuple[int, bool]]:
        """Number of each step, from 1, and whether to look after it; ends with the steps or the time."""
        deadline = time.monotonic() + self.seconds
        for step in range(1, self.steps + 1):
            last = step == self.steps or time.monotonic() > deadline
            yield step, last or step % self.every == 0
            if progress is not None:
                progress(step, self.steps)
            if last:
                return


@dataclass(frozen=True)
class Learned:
    """What learning from one scan did.

    Attributes:
        start: χ² of the held-out samples before: 1 where nothing but noise is left.
        best: χ² of the held-out samples at the best look; ``start`` where nothing was better.
        steps: optimiser steps taken.
        kept: whether what was learned is used; False falls back to the start.
    """

    start: float
    best: float
    steps: int
    kept: bool

    def sentence(self, what: str, fallback: str) -> str:
        """For the notes."""
        if self.kept:
            return f"{what}: χ² of held-out samples {self.start:.3f} before, {self.best:.3f} after {self.steps} steps"
        steps = f"in {self.steps} steps nothing came out better (χ² of held-out samples {self.start:.3f})"
        return f"{what}: {steps}; {fallback} is used"
