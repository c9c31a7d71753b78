"""``pirecon combine``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pirecon.cli.words import (
    Checkpoint,
    DeviceName,
    EncodingIndex,
    MethodName,
    Quiet,
    check_method,
    check_outputs,
    device_of,
    notes,
    progress_bar,
)
from pirecon.image import Image, write_image
from pirecon.image.combine_stacks import combine_stacks
from pirecon.image.nifti_read import read_nifti
from pirecon.pipeline import reconstruct
from pirecon.rawdata import read_mrd

NIFTI = (".nii", ".nii.gz")


def combine_command(
    stacks: Annotated[
        list[Path], typer.Argument(metavar="STACK...", help="Raw files or NIfTI stacks, one of each orientation.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Volume: .nii.gz, .nii, .h5 (MRD images), .npy or .png.")
    ],
    voxel: Annotated[
        float | None, typer.Option(metavar="MM", help="Edge of the voxels; by default the smallest in any plane.")
    ] = None,
    thickness: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Of the slices of NIfTI stacks, which know only their distance."),
    ] = None,
    align: Annotated[
        bool, typer.Option(help="Look for motion of the patient between the stacks; off by default (slow).")
    ] = False,
    method: MethodName = "unrolled",
    checkpoint: Checkpoint = "default",
    encoding: EncodingIndex = 0,
    device: DeviceName = "cpu",
    quiet: Quiet = False,
) -> None:
    """Combine stacks of thick slices in several orientations into one volume."""
    console = Console(stderr=True, quiet=quiet)
    check_outputs([output])
    check_method(method)
    for name, size in (("--voxel", voxel), ("--thickness", thickness)):
        if size is not None and not size > 0:
            raise typer.BadParameter(f"must be above 0 mm, not {size:g}", param_hint=name)
    with notes(console):
        images: list[Image] = []
        for path in stacks:
            if str(path).lower().endswith(NIFTI):
                images.append(read_nifti(path, thickness=None if thickness is None else thickness * 1e-3))
                continue
            with progress_bar(console) as bar:
                images.append(
                    reconstruct(
                        read_mrd(path, encoding=encoding),
                        method,
                        checkpoint=checkpoint,
                        device=device_of(device),
                        progress=bar,
                    )
                )
        with progress_bar(console, "combining") as bar:
            volume = combine_stacks(
                images,
                voxel=None if voxel is None else voxel * 1e-3,
                align=align,
                device=device_of(device),
                progress=bar,
            )
    for station, note in volume.notes.items():
        console.print(f"{station}: {note}", highlight=False, markup=False)
    write_image(volume, output)
    console.print(f"wrote {output}", highlight=False, markup=False)
