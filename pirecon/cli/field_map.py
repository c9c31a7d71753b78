"""``pirecon field-map``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from pirecon.calibration import (
    FieldMap,
    evaluate_field_model,
    field_map_from_shift_pair,
    fit_solid_harmonics,
)
from pirecon.cli.words import Bandwidth, DeviceName, Quiet, RawFile, device_of, notes, read_raw
from pirecon.image.nifti_map import write_nifti_map
from pirecon.measurement import Choices, calibrate
from pirecon.measurement.echo_images import echo_images
from pirecon.measurement.off_resonance import field_map_of_echoes

PLAIN = Choices(relaxation=False, off_resonance=False)


def field_map_command(
    raw: RawFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="Map in Hz: .nii.gz or .nii.")],
    second: Annotated[
        Path | None, typer.Option(metavar="RAW", help="The same spin echo with its readout shifted in time.")
    ] = None,
    shifts: Annotated[
        str | None,
        typer.Option(metavar="US,US", help="Of both readouts from the echo, µs, later is positive; with --second."),
    ] = None,
    bandwidth: Bandwidth = None,
    degree: Annotated[
        int | None, typer.Option(min=0, max=8, help="Smooth: the best field of a magnet up to this degree.")
    ] = None,
    device: DeviceName = "cpu",
    quiet: Quiet = False,
) -> None:
    """Estimate the off-resonance from several echoes, or from a pair of spin echoes with shifted readouts."""
    console = Console(stderr=True, quiet=quiet)
    if not str(output).lower().endswith((".nii", ".nii.gz")):
        raise typer.BadParameter(f"{output} must end in .nii or .nii.gz", param_hint="--output")
    if (second is None) != (shifts is None):
        raise typer.BadParameter("--second and --shifts go together", param_hint="--shifts")
    with notes(console):
        if second is None:
            data = read_raw(raw, bandwidth=bandwidth)
            found = field_map_of_echoes(calibrate(data, choices=PLAIN, device=device_of(device)), data)
            if isinstance(found, str):
                raise ValueError(f"{raw}: {found}; a field map needs echoes read in the same direction, or --second")
        else:
            found = _of_pair(raw, second, _shifts(shifts or ""), bandwidth, device)
        if degree is not None:
            found = evaluate_field_model(fit_solid_harmonics(found, degree), found.geometry)
    console.print(f"field map: {found.source}", highlight=False, markup=False)
    axes = ("slice",) if found.off_resonance.ndim == 4 else ()
    write_nifti_map(
        found.off_resonance, output, geometry=found.geometry, batch_axes=axes, description="off-resonance, Hz"
    )
    console.print(f"wrote {output}", highlight=False, markup=False)


def _of_pair(first: Path, second: Path, shifts: tuple[float, float], bandwidth: float | None, device: str) -> FieldMap:
    files = [read_raw(path, bandwidth=bandwidth) for path in (first, second)]
    measurements = [calibrate(file, choices=PLAIN, device=device_of(device)) for file in files]
    sizes = [(m.matrix, m.batch) for m in measurements]
    if sizes[0] != sizes[1] or set(measurements[0].kspace.batch_axes) > {"slice"}:
        raise ValueError(
            f"{first} and {second} are no pair: their matrices and batch axes are {sizes[0]} and {sizes[1]}"
        )
    dwell = files[0].dwell_time
    if dwell is None:
        raise ValueError(
            f"{first} does not say how long a sample takes; give the bandwidth of the readout (--bandwidth)"
        )
    hertz_per_voxel = 1 / (files[0].encoding.matrix[-1] * dwell)
    images = torch.stack([echo_images(m) for m in measurements], dim=-4).unsqueeze(-4)  # (*batch, 2, coil 1, z, y, x)
    geometry = measurements[0].kspace.geometry
    return field_map_from_shift_pair(images, shifts, geometry=geometry, hertz_per_voxel=hertz_per_voxel)


def _shifts(text: str) -> tuple[float, float]:
    try:
        first, second = (float(part) * 1e-6 for part in text.split(","))
    except ValueError:
        message = f"needs two numbers in µs with a comma between them, as in 1,50, not {text!r}"
        raise typer.BadParameter(message, param_hint="--shifts") from None
    return first, second
