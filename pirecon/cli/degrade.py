"""``pirecon degrade``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pirecon.cli.words import Quiet, RawFile, notes, read_raw


def degrade_command(
    raw: RawFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="MRD raw file to write (.h5).")],
    field: Annotated[float, typer.Option(min=0.01, max=7, metavar="T", help="The lower field strength.")],
    sequence: Annotated[
        str | None,
        typer.Option(help="As spin_echo: its signal at the header's times adds the change by relaxation."),
    ] = None,
    tissue: Annotated[
        str | None,
        typer.Option(help="Whose relaxation, with --sequence; a name of `bloch tissue`. Left out: white_matter."),
    ] = None,
    crossover_field: Annotated[
        float | None,
        typer.Option(min=0, metavar="T", help="Where coils hear body and copper alike; 0: SNR ~ B0. Left out: 0.2."),
    ] = None,
    bandwidth_ratio: Annotated[float, typer.Option(min=1e-3, help="Readout bandwidth, low over high field.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise that is added.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Write a raw file as a lower field would have measured it: less signal, more noise."""
    from pirecon.training.scans.low_field import LowField
    from pirecon.training.scans.low_field_file import degrade_file

    console = Console(stderr=True, quiet=quiet)
    if output.suffix != ".h5":
        raise typer.BadParameter(f"{output} must end in .h5", param_hint="--output")
    if tissue is not None and sequence is None:
        raise typer.BadParameter("is for --sequence, which is absent: no relaxation counts", param_hint="--tissue")
    given = {"tissue": tissue, "crossover_field": crossover_field}
    given = {key: value for key, value in given.items() if value is not None}
    name = None if sequence is None else sequence.replace("-", "_")
    with notes(console):
        change = LowField(field, bandwidth_ratio=bandwidth_ratio, **given)  # type: ignore[arg-type]
        factor = degrade_file(read_raw(raw), output, change, sequence=name, seed=seed)
    relaxation = "without any change by relaxation" if sequence is None else f"for {change.tissue} in {sequence}"
    console.print(f"SNR is {factor:.3g} times that of {raw}, {relaxation}", highlight=False, markup=False)
    console.print(f"wrote {output}", highlight=False, markup=False)
