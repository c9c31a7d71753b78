"""``pirecon fat-water``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pirecon.cli.words import DeviceName, EncodingIndex, Quiet, RawFile, device_of, notes
from pirecon.image import Image, write_image
from pirecon.image.nifti_map import write_nifti_map
from pirecon.measurement import Choices, calibrate
from pirecon.measurement.echo_images import echo_images
from pirecon.quantitative import fat_and_water
from pirecon.rawdata import read_mrd

MAPS = {
    "fat_fraction": "fat fraction, 0 to 1",
    "deviation": "standard deviation of the fat fraction",
    "R2_star": "R2*, 1/s",
    "off_resonance": "off-resonance, Hz",
}


def fat_water_command(
    raw: RawFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For the maps; made if absent.")],
    coils: Annotated[int | None, typer.Option(min=1, help="Compress to this many virtual coils.")] = None,
    encoding: EncodingIndex = 0,
    device: DeviceName = "cpu",
    quiet: Quiet = False,
) -> None:
    """Separate fat and water of a multi-echo gradient echo: images, fat fraction, R2* and field as NIfTI."""
    console = Console(stderr=True, quiet=quiet)
    with notes(console):
        data = read_mrd(raw, encoding=encoding)
        # The field belongs to the model of the echoes here, not to the encoding of each.
        measurement = calibrate(data, choices=Choices(off_resonance=False), n_coils=coils, device=device_of(device))
        found = fat_and_water(data, echo_images(measurement), measurement.kspace.batch_axes)
    for station, note in measurement.notes.items():
        if station != "off-resonance":
            console.print(f"{station}: {note}", highlight=False, markup=False)
    console.print(f"fat and water: {found.source}", highlight=False, markup=False)
    output.mkdir(parents=True, exist_ok=True)
    geometry = measurement.kspace.geometry
    axes = tuple(name for name in measurement.kspace.batch_axes if name != "contrast")
    image = Image(found.water.cpu(), geometry, axes, measurement.noise_scale, {"method": "fat-water"})
    for name, picture in (("water", image), ("fat", replace(image, data=found.fat.cpu()))):
        write_image(picture, output / f"{name}.nii.gz")
        console.print(f"wrote {output / name}.nii.gz", highlight=False, markup=False)
    for name, about in MAPS.items():
        path = output / f"{name}.nii.gz"
        write_nifti_map(getattr(found, name), path, geometry=geometry, batch_axes=axes, description=about)
        console.print(f"wrote {path}", highlight=False, markup=False)
