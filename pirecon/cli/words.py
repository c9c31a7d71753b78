"""What the commands share: arguments, notes, a progress bar."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pirecon.image import check_output_path
from pirecon.methods import METHODS
from pirecon.rawdata import RawData, read_mrd
from pirecon.rawdata.bandwidth import with_bandwidth

RawFile = Annotated[Path, typer.Argument(metavar="RAW", help="MRD (ISMRMRD HDF5) or fastMRI/M4Raw HDF5 file.")]
EncodingIndex = Annotated[int, typer.Option(min=0, help="Which encoding of the file.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
MethodName = Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")]
Checkpoint = Annotated[str, typer.Option(help="Of the unrolled network: shipped name or file.")]
Bandwidth = Annotated[
    float | None,
    typer.Option(min=0.001, metavar="KHZ", help="Of the field of view along the readout, if the file does not tell."),
]
DeviceName = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")]


def read_raw(path: Path, *, encoding: int = 0, bandwidth: float | None = None) -> RawData:
    """Read a raw file, with the bandwidth of an option in kHz where the file has none."""
    raw = read_mrd(path, encoding=encoding)
    return raw if bandwidth is None else with_bandwidth(raw, 1e3 * bandwidth)


def check_method(name: str) -> None:
    """Refuse an unknown method before anything is computed.

    Raises:
        typer.BadParameter: there is no such method.
    """
    if name not in METHODS:
        raise typer.BadParameter(f"{name!r}; choose one of {', '.join(METHODS)}", param_hint="--method")


def check_outputs(paths: Iterable[Path]) -> None:
    """Refuse a file that no image can be written to, before anything is computed.

    Raises:
        typer.BadParameter: an unknown ending, or no such folder.
    """
    for path in paths:
        try:
            check_output_path(path)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--output") from None


def matrix_of(text: str | None) -> tuple[int, int, int] | None:
    """Z,Y,X of an option.

    Raises:
        typer.BadParameter: other than three whole numbers above 0.
    """
    if text is None:
        return None
    try:
        z, y, x = (int(part) for part in text.split(","))
    except ValueError:
        message = f"needs three whole numbers as in 1,256,256, not {text!r}"
        raise typer.BadParameter(message, param_hint="--matrix") from None
    if min(z, y, x) < 1:
        raise typer.BadParameter(f"voxels must be at least 1, not {text!r}", param_hint="--matrix")
    return (z, y, x)


def device_of(name: str) -> torch.device:
    """The device of that name.

    Raises:
        typer.BadParameter: torch cannot use it here.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise typer.BadParameter(f"{name!r} cannot be used here ({reason}); try cpu", param_hint="--device") from None
    return device


@contextmanager
def progress_bar(console: Console, doing: str = "reconstructing") -> Iterator[Callable[[int, int], None]]:
    """A bar after a word, moved by calls with (done, total)."""
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=console.quiet) as progress:
        task = progress.add_task(doing, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def notes(console: Console) -> Iterator[None]:
    """Print Python warnings as plain notes when they come, each once; a bar has to be on the same console."""
    said: set[str] = set()

    def say(message: Warning | str, category: type[Warning], *_: object) -> None:
        text = str(message)
        if issubclass(category, UserWarning) and text not in said:
            said.add(text)
            console.print(f"note: {text}", highlight=False, markup=False)

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = say  # type: ignore[assignment]
        yield
