"""Contenders that take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Contender:
    """One way to do a task.

    Attributes:
        name: as the table shows it.
        run: what is timed; takes nothing and returns the result.
        turns: timed runs (fewer for what takes long; 0 for what takes a minute: the first run is the figure).
    """

    name: str
    run: Callable[[], Any]
    turns: int = 5


@dataclass(frozen=True)
class Task:
    """Something that several contenders do.

    Attributes:
        name: as the table shows it.
        contenders: ours first.
        agreement: says how well a contender's result agrees with the truth or with the others' (name, results by name).
        wanted: what is asked of the ratio of the others' time to ours, in words.
        missing: a line for each contender that could not take part.
    """

    name: str
    contenders: Sequence[Contender]
    agreement: Callable[[str, dict[str, Any]], str]
    wanted: str
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Timing:
    """Seconds of one contender.

    Attributes:
        task: the task's name.
        name: the contender's name.
        first: the unmeasured first run.
        best: the fastest turn.
        median: the median turn.
        turns: how many.
        ratio: ``best`` divided by that of our contender.
        agreement: what the task says of the result.
    """

    task: str
    name: str
    first: float
    best: float
    median: float
    turns: int
    ratio: float
    agreement: str


def measure(task: Task) -> list[Timing]:
    """Run every contender once unmeasured, then all in turns."""
    results, first = {}, {}
    for contender in task.contenders:
        first[contender.name], results[contender.name] = _timed(contender.run)
    seconds: dict[str, list[float]] = {contender.name: [] for contender in task.contenders}
    for turn in range(max(contender.turns for contender in task.contenders)):
        for contender in task.contenders:
            if turn < contender.turns:
                seconds[contender.name].append(_timed(contender.run)[0])
    seconds = {name: turns or [first[name]] for name, turns in seconds.items()}
    ours = min(seconds[task.contenders[0].name])
    return [
        Timing(
            task=task.name,
            name=name,
            first=first[name],
            best=min(turns),
            median=statistics.median(turns),
            turns=len(turns),
            ratio=min(turns) / ours,
            agreement=task.agreement(name, results),
        )
        for name, turns in seconds.items()
    ]


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result
