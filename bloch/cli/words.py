"""What the commands share: numbers in options, notes, a progress bar."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bloch.rawfile.header import MAX_INDEX
from bloch.tissue import LARGEST_B0, SMALLEST_B0

NOMINAL_FIELD = 0.064
"""T."""

SMALLEST = 1e-3
"""Times in ms and angles in degrees are above 0."""

Field = Annotated[float, typer.Option(min=SMALLEST_B0, max=LARGEST_B0, help="Field strength, T.")]


def three_numbers(text: str, option: str) -> tuple[float, float, float]:
    """Numbers with commas between them.

    Raises:
        typer.BadParameter: other than three numbers.
    """
    try:
        a, b, c = (float(part) for part in text.split(","))
    except ValueError:
        message = f"three numbers with commas between them are needed, as 1,128,128, not {text!r}"
        raise typer.BadParameter(message, param_hint=option) from None
    if not all(map(math.isfinite, (a, b, c))):
        raise typer.BadParameter(f"finite numbers are needed, not {text!r}", param_hint=option)
    return a, b, c


def voxel_counts(text: str) -> tuple[int, int, int]:
    """Voxels (z, y, x) of ``--matrix``.

    Raises:
        typer.BadParameter: other than three whole numbers above 0, or more than a raw file can count.
    """
    z, y, x = three_numbers(text, "--matrix")
    if min(z, y, x) < 1 or any(n != int(n) for n in (z, y, x)) or max(z, y, x) > MAX_INDEX:
        message = f"voxels must be whole, at least 1 and at most {MAX_INDEX}, not {text!r}"
        raise typer.BadParameter(message, param_hint="--matrix")
    return int(z), int(y), int(x)


Number = TypeVar("Number", int, float, None)


def finite(value: Number) -> Number:
    """Refuse infinity, which is above every smallest value.

    Raises:
        typer.BadParameter: infinite or undefined.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise typer.BadParameter(f"a finite number is needed, not {value}")
    return value


@contextmanager
def notes(console: Console) -> Iterator[None]:
    """Print Python warnings as plain notes, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield
        finally:  # what was noted may explain an error
            for text in dict.fromkeys(str(w.message) for w in caught):
                console.print(f"note: {text}", highlight=False, markup=False)


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Callable[[float], None]]:
    """A bar that a function moves by telling it the share that is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda done: progress.update(task, completed=done)
