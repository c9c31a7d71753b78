"""``pirecon reconstruct``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pirecon.cli.words import (
    Bandwidth,
    Checkpoint,
    DeviceName,
    EncodingIndex,
    MethodName,
    Quiet,
    RawFile,
    check_method,
    check_outputs,
    device_of,
    matrix_of,
    notes,
    progress_bar,
    read_raw,
)
from pirecon.image import Image, write_image
from pirecon.measurement import Choices
from pirecon.methods import ONE_SCAN
from pirecon.motion import Motion, write_motion
from pirecon.pipeline import LONGEST, reconstruct
from pirecon.rawdata.trajectory_unit import UNITS
from pirecon.report.motion_figure import motion_figure
from pirecon.scan_specific.methods import Learning

LEARNERS = ", ".join(ONE_SCAN)
PHYSICS = "Physics in the forward operator (by default as the file suggests)"


def reconstruct_command(
    raw: RawFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Image: .nii.gz, .nii, .h5 (MRD images), .npy or .png.")
    ],
    method: MethodName = "unrolled",
    checkpoint: Checkpoint = "default",
    matrix: Annotated[
        str | None, typer.Option(metavar="Z,Y,X", help="Grid, at least the acquired one; slices have Z = 1.")
    ] = None,
    voxel: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Largest voxel edge (of slices: in the plane), instead of --matrix."),
    ] = None,
    coils: Annotated[int | None, typer.Option(min=1, help="Compress to this many virtual coils.")] = None,
    encoding: EncodingIndex = 0,
    device: DeviceName = "cpu",
    also: Annotated[list[Path] | None, typer.Option(help="Write the image here as well; may be repeated.")] = None,
    quiet: Quiet = False,
    guide: Annotated[
        Path | None,
        typer.Option(metavar="NIFTI", help="Another contrast of the patient, for a checkpoint that takes a guide."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help=f"Longest time of learning from one image ({LEARNERS}); 600 by default."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help=f"Of what is random ({LEARNERS}); 0 by default.")] = None,
    interference: Annotated[
        bool | None, typer.Option(help="Cancel radio-frequency interference.", rich_help_panel=PHYSICS)
    ] = None,
    sensing_coils: Annotated[
        str | None,
        typer.Option(
            metavar="C,C,…",
            help="Channels (from 0) that hear interference and no patient, where the file does not name them.",
            rich_help_panel=PHYSICS,
        ),
    ] = None,
    ghosts: Annotated[
        bool | None, typer.Option(help="Align odd and even lines of echo-planar trains.", rich_help_panel=PHYSICS)
    ] = None,
    relaxation: Annotated[
        bool | None,
        typer.Option(help="Undo T2 decay along echo trains, alike for all tissues.", rich_help_panel=PHYSICS),
    ] = None,
    t2_map: Annotated[
        Path | None, typer.Option(metavar="NIFTI", help="T2, s: undo the decay of each voxel.", rich_help_panel=PHYSICS)
    ] = None,
    off_resonance: Annotated[
        bool | None,
        typer.Option(help="Undo what the field's errors do; needs a map or several echoes.", rich_help_panel=PHYSICS),
    ] = None,
    field_map: Annotated[
        Path | None, typer.Option(metavar="NIFTI", help="Off-resonance, Hz.", rich_help_panel=PHYSICS)
    ] = None,
    bandwidth: Bandwidth = None,
    concomitant: Annotated[
        bool | None,
        typer.Option(help="Undo the gradients' Maxwell fields; needs --sequence.", rich_help_panel=PHYSICS),
    ] = None,
    sequence: Annotated[
        Path | None,
        typer.Option(
            metavar="SEQ",
            help="Pulseq file of the scan: its gradients, and the trajectory if the raw file has none.",
            rich_help_panel=PHYSICS,
        ),
    ] = None,
    motion: Annotated[
        bool | None,
        typer.Option(help="Look for rigid motion between shots; off by default (slow).", rich_help_panel=PHYSICS),
    ] = None,
    trajectory_unit: Annotated[
        str | None,
        typer.Option(help=f"Of a stored trajectory: {', '.join(UNITS)}; found by default.", rich_help_panel=PHYSICS),
    ] = None,
) -> None:
    """Turn a raw file into an image in SNR units."""
    console = Console(stderr=True, quiet=quiet)
    outputs = [output, *(also or [])]
    check_outputs(outputs)
    check_method(method)
    for value, name in ((seconds, "--seconds"), (seed, "--seed")):
        if value is not None and method not in ONE_SCAN:
            raise typer.BadParameter(f"goes with the methods {LEARNERS}, not {method!r}", param_hint=name)
    grid = matrix_of(matrix)
    if grid is not None and voxel is not None:
        raise typer.BadParameter("give --matrix or --voxel, not both", param_hint="--voxel")
    if trajectory_unit is not None and trajectory_unit not in UNITS:
        message = f"there is no unit {trajectory_unit!r}; choose one of {', '.join(UNITS)}"
        raise typer.BadParameter(message, param_hint="--trajectory-unit")
    for wish, given, names in (
        (relaxation, t2_map, ("--no-relaxation", "--t2-map")),
        (off_resonance, field_map, ("--no-off-resonance", "--field-map")),
    ):
        if wish is False and given is not None:
            raise typer.BadParameter(f"contradicts {names[1]}; leave one of them out", param_hint=names[0])
    choices = Choices(
        interference=interference,
        sensing_coils=_channels(sensing_coils),
        ghosts=ghosts,
        relaxation=relaxation,
        T2_map=t2_map,
        off_resonance=off_resonance,
        field_map=field_map,
        concomitant=concomitant,
        sequence=sequence,
        motion=motion,
        trajectory_unit=trajectory_unit,
    )
    with notes(console), progress_bar(console) as bar:
        image = reconstruct(
            read_raw(raw, encoding=encoding, bandwidth=bandwidth),
            method,
            choices=choices,
            checkpoint=checkpoint,
            matrix=grid,
            voxel=None if voxel is None else voxel * 1e-3,
            n_coils=coils,
            device=device_of(device),
            progress=bar,
            guide=guide,
            learning=Learning(seconds=LONGEST if seconds is None else seconds, seed=seed or 0),
        )
    for station, note in image.notes.items():
        console.print(f"{station}: {note}", highlight=False, markup=False)
    for line in image.metadata["audit"]:  # type: ignore[attr-defined]
        console.print(f"audit: {line}", highlight=False, markup=False)
    for path in outputs:
        write_image(image, path)
        console.print(f"wrote {path}", highlight=False, markup=False)
    for path in _write_motion(image, output):
        console.print(f"wrote {path}", highlight=False, markup=False)


def _write_motion(image: Image, output: Path) -> Iterator[Path]:
    """Poses of every image that moved, as table and as plot beside the image."""
    stem = output.name.split(".")[0]
    motions: tuple[Motion | None, ...] = image.metadata["motion"]  # type: ignore[assignment]
    for number, motion in enumerate(motions):
        if motion is None:
            continue
        for suffix, write in ((".csv", write_motion), (".png", motion_figure)):
            path = output.with_name(f"{stem}_motion_{number}{suffix}")
            write(path, motion)
            yield path


def _channels(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        message = f"needs channel numbers with commas between them, as in 4,5, not {text!r}"
        raise typer.BadParameter(message, param_hint="--sensing-coils") from None
