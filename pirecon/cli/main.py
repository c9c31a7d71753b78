"""The command ``pirecon``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pirecon.image import check_output_path, write_image
from pirecon.methods import METHODS
from pirecon.pipeline import reconstruct
from pirecon.rawdata import read_mrd
from pirecon.report.info_table import describe

app = typer.Typer(
    help="Reconstruct raw low-field MRI with a physics-informed unrolled network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
RawFile = Annotated[Path, typer.Argument(metavar="RAW", help="MRD (ISMRMRD HDF5) or fastMRI/M4Raw HDF5 file.")]
ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG.toml")]
EncodingIndex = Annotated[int, typer.Option(min=0, help="Which encoding of the file.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


@app.command("info")
def info_command(raw: RawFile, encoding: EncodingIndex = 0) -> None:
    """Print header, dimensions, sampling, SNR estimate and audit of a raw file."""
    with _notes(Console(stderr=True)):
        Console().print(describe(read_mrd(raw, encoding=encoding)))


@app.command("reconstruct")
def reconstruct_command(
    raw: RawFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Image: .nii.gz, .nii, .h5 (MRD images), .npy or .png.")
    ],
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "unrolled",
    checkpoint: Annotated[str, typer.Option(help="Of the unrolled network: shipped name or file.")] = "default",
    matrix: Annotated[
        str | None, typer.Option(metavar="Z,Y,X", help="Grid, at least the acquired one; slices have Z = 1.")
    ] = None,
    voxel: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Largest voxel edge (of slices: in the plane), instead of --matrix."),
    ] = None,
    coils: Annotated[int | None, typer.Option(min=1, help="Compress to this many virtual coils.")] = None,
    encoding: EncodingIndex = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …")] = "cpu",
    also: Annotated[list[Path] | None, typer.Option(help="Write the image here as well; may be repeated.")] = None,
    quiet: Quiet = False,
) -> None:
    """Turn a raw file into an image in SNR units."""
    console = Console(stderr=True, quiet=quiet)
    outputs = [output, *(also or [])]
    for path in outputs:
        try:
            check_output_path(path)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--output") from None
    if method not in METHODS:
        raise typer.BadParameter(f"{method!r}; choose one of {', '.join(METHODS)}", param_hint="--method")
    grid = _matrix(matrix)
    if grid is not None and voxel is not None:
        raise typer.BadParameter("give --matrix or --voxel, not both", param_hint="--voxel")
    with _notes(console), _bar(console) as bar:
        image = reconstruct(
            read_mrd(raw, encoding=encoding),
            method,
            checkpoint=checkpoint,
            matrix=grid,
            voxel=None if voxel is None else voxel * 1e-3,
            n_coils=coils,
            device=_device(device),
            progress=bar,
        )
    for station in ("noise", "sensitivities"):
        console.print(f"{station}: {image.metadata[station]}", highlight=False, markup=False)
    for line in image.metadata["audit"]:  # type: ignore[attr-defined]
        console.print(f"audit: {line}", highlight=False, markup=False)
    for path in outputs:
        write_image(image, path)
        console.print(f"wrote {path}", highlight=False, markup=False)


@app.command("train")
def train_command(config: ConfigFile, quiet: Quiet = False) -> None:
    """Train an unrolled network on simulated scans; an interrupted run goes on when called again."""
    from pirecon.training.config import read_config
    from pirecon.training.fit import fit  # Lightning is slow to import and an optional dependency

    with _notes(Console(stderr=True, quiet=quiet)):
        path = fit(read_config(config), progress=not quiet)
    Console(stderr=True, quiet=quiet).print(f"wrote {path}", highlight=False, markup=False)


@app.command("evaluate")
def evaluate_command(config: ConfigFile, quiet: Quiet = False) -> None:
    """Measure methods on held-out scans with a known truth."""
    from pirecon.training.evaluate import run  # scikit-image is slow to import and an optional dependency

    with _notes(Console(stderr=True, quiet=quiet)):
        run(config, progress=not quiet)


def _matrix(text: str | None) -> tuple[int, int, int] | None:
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


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise typer.BadParameter(f"{name!r} cannot be used here ({reason}); try cpu", param_hint="--device") from None
    return device


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("reconstructing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=console.quiet) as progress:
        task = progress.add_task("reconstructing", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def _notes(console: Console) -> Iterator[None]:
    """Print Python warnings as plain notes, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        yield
    for text in dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, UserWarning)):
        console.print(f"note: {text}", highlight=False, markup=False)


def main() -> None:
    """Entry point; exit code 0 when done, 1 for wrong data, 2 for wrong usage."""
    try:
        app()
    except ModuleNotFoundError as error:
        _fail(f"{error}; install the optional packages with pip install 'pirecon[train]'")
    except (ValueError, OSError, FloatingPointError) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    Console(stderr=True).print(f"pirecon: {message}", highlight=False, markup=False)
    sys.exit(1)


if __name__ == "__main__":
    main()
