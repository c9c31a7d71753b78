"""What the commands share: numbers in options, notes, a progress bar."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bloch.tissue import LARGEST_B0, SMALLEST_B0

NOMINAL_FIELD = 0.064
"""T."""

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
    return a, b, c


@contextmanager
def notes(console: Console) -> Iterator[None]:
    """Print Python warnings as plain notes, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        yield
    for text in dict.fromkeys(str(w.message) for w in caught):
        console.print(f"note: {text}", highlight=False, markup=False)


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Callable[[float], None]]:
    """A bar that a function moves by telling it the share that is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda done: progress.update(task, completed=done)
