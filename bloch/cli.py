"""The command ``bloch``: simulate a scan, look up tissues."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import loop_array, relative_snr, volume_coil
from bloch.scan_request import (
    PatternChoice,
    PhantomChoice,
    SamplingRequest,
    SequenceChoice,
    phantom_for,
    sampling_pattern,
    slice_stack,
    standard_protocol,
)
from bloch.scanner import Scanner
from bloch.sequence import Encoding
from bloch.simulate import simulate
from bloch.tissue import LARGEST_B0, SMALLEST_B0, relaxation_fits, tissues_at

NOMINAL_SNR, NOMINAL_FIELD = 15.0, 0.064
"""Voxel SNR that is simulated at this field (T) unless --snr is given; other fields follow relative_snr."""

app = typer.Typer(
    help="Simulate a low-field MRI scanner.", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
Field = Annotated[float, typer.Option(min=SMALLEST_B0, max=LARGEST_B0, help="Field strength, T.")]


@app.command("simulate")
def simulate_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="Raw file to write (ISMRMRD HDF5).")],
    field: Field = NOMINAL_FIELD,
    sequence: Annotated[SequenceChoice, typer.Option(help="Contrast.")] = SequenceChoice.tse,
    phantom: Annotated[PhantomChoice, typer.Option(help="Object.")] = PhantomChoice.brain,
    matrix: Annotated[str, typer.Option(metavar="Z,Y,X", help="Voxels of a slice (Z = 1) or slab.")] = "1,128,128",
    slices: Annotated[int, typer.Option(min=1, help="Slices (or slabs).")] = 1,
    field_of_view: Annotated[float, typer.Option(min=1, help="In the plane, both ways, mm.")] = 250.0,
    thickness: Annotated[float, typer.Option(min=0.1, help="Of a slice, or of a partition of a slab, mm.")] = 5.0,
    tilt: Annotated[str, typer.Option(metavar="L,P,S", help="Turns about the patient's axes, degrees.")] = "0,0,0",
    coils: Annotated[int, typer.Option(min=1, max=1024, help="Receive loops; 1 is a volume coil.")] = 8,
    vertical_field: Annotated[bool, typer.Option(help="Permanent magnet, B0 from front to back.")] = False,
    acceleration: Annotated[float, typer.Option(min=1, help="Undersampling of phase encoding.")] = 1.0,
    acceleration_z: Annotated[int, typer.Option(min=1, help="Undersampling of a slab's partitions.")] = 1,
    pattern: Annotated[PatternChoice, typer.Option(help="Of the undersampling.")] = PatternChoice.equispaced,
    calibration: Annotated[int, typer.Option(min=0, help="Central lines for coil calibration.")] = 24,
    separate_calibration: Annotated[bool, typer.Option(help="Calibrate in a scan of its own.")] = False,
    partial_fourier: Annotated[float, typer.Option(help="Measured part of phase encoding, above 0.5.")] = 1.0,
    oversampling: Annotated[int, typer.Option(min=1, help="Of the readout.")] = 2,
    averages: Annotated[int, typer.Option(min=1, help="Repeats of each line.")] = 1,
    alternating_readout: Annotated[bool, typer.Option(help="Read every second line backwards.")] = False,
    snr: Annotated[float | None, typer.Option(help="Of a voxel, all lines, one average; by default after B0.")] = None,
    noise: Annotated[bool, typer.Option(help="Thermal noise in the data.")] = True,
    noise_scan: Annotated[bool, typer.Option(help="Begin with a noise scan.")] = True,
    noise_readouts: Annotated[int, typer.Option(min=1, help="Length of the noise scan.")] = 32,
    variation: Annotated[float, typer.Option(min=0, help="Strength of texture, phase and unequal channels.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same data.")] = 0,
    true_maps: Annotated[bool, typer.Option(help="Keep the coils' sensitivity maps with the truth.")] = True,
    preview: Annotated[Path | None, typer.Option(help="Picture of the truth (png).")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Scan a phantom and write the raw data with the truth beside it."""
    console = Console(stderr=True, quiet=quiet)
    n_z, n_y, n_x = _three_numbers(matrix, "--matrix")
    if min(n_z, n_y, n_x) < 1 or any(n != int(n) for n in (n_z, n_y, n_x)):
        raise typer.BadParameter(f"voxels must be whole and at least 1, not {matrix!r}", param_hint="--matrix")
    size = (int(n_z), int(n_y), int(n_x))
    wish = SamplingRequest(acceleration, acceleration_z, pattern, calibration, separate_calibration, partial_fourier)
    height = size[0] * thickness * 1e-3
    centres, directions = slice_stack(slices, height, tilt_degrees=_three_numbers(tilt, "--tilt"))
    direction = (0.0, 1.0, 0.0) if vertical_field else (0.0, 0.0, 1.0)
    array = loop_array(coils) if coils > 1 else volume_coil(B0_direction=direction)
    if snr is None:
        snr = NOMINAL_SNR * relative_snr(field, NOMINAL_FIELD)
    with _notes(console), console.status("Simulating"):
        encoding = Encoding(
            size,
            (height, field_of_view * 1e-3, field_of_view * 1e-3),
            centres,
            directions,
            sampling_pattern(size[:2], wish, seed=seed),
            oversampling=oversampling,
            n_averages=averages,
            alternating_readout=alternating_readout,
            noise_readouts=noise_readouts if noise_scan else 0,
        )
        scan = simulate(
            phantom_for(phantom, encoding, seed=seed),
            standard_protocol(sequence, field),
            Scanner(field, array, direction),
            encoding,
            snr=snr if noise else None,
            seed=seed,
            variation=variation,
        )
        if preview is not None:
            write_preview(preview, scan)
        if not true_maps:
            scan = replace(scan, truth={name: v for name, v in scan.truth.items() if name != "sensitivity_maps"})
        write_mrd(output, scan)
    level = f"voxel SNR {snr:.3g}" if noise else "no noise"
    console.print(f"{output}: {len(scan.lines)} readouts of {coils} coils at {field} T, {level}", highlight=False)


@app.command("tissue")
def tissue_command(field: Field = NOMINAL_FIELD) -> None:
    """Print relaxation times and proton density at a field strength, with their sources."""
    console = Console()
    table = Table(title=f"Tissue at {field} T")
    for name in ("tissue", "T1 / ms", "T2 / ms", "T2* / ms", "proton density"):
        table.add_column(name, justify="left" if name == "tissue" else "right")
    with _notes(Console(stderr=True)):
        tissues = tissues_at(field)
    for name, t in tissues.items():
        table.add_row(name, *(f"{1e3 * time:.3g}" for time in (t.T1, t.T2, t.T2_star)), f"{t.proton_density:.2f}")
    console.print(table)
    for name, fit in relaxation_fits().items():
        console.print(f"{name}: T1 {fit.source[0]}. T2 {fit.source[1]}.", highlight=False, markup=False)


def write_preview(path: Path, scan: RawScan) -> None:
    """Magnitude and phase of the true image of the middle slice, and the first channels' sensitivities.

    Args:
        path: of the picture.
        scan: with its truth.
    """
    from matplotlib.figure import Figure  # slow to import, and only needed here

    image, maps = scan.truth["image"], scan.truth["sensitivity_maps"]
    s, z = image.shape[0] // 2, image.shape[1] // 2
    panels = [("magnitude", abs(image[s, z]), "gray"), ("phase", np.angle(image[s, z]), "twilight")]
    panels += [(f"coil {c}", abs(maps[s, c, z]), "viridis") for c in range(min(maps.shape[1], 4))]
    figure = Figure(figsize=(2.4 * len(panels), 2.7), layout="constrained")
    for axes, (title, values, colours) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.imshow(values, cmap=colours)
        axes.set(title=title, xticks=[], yticks=[])
    figure.savefig(path, dpi=100)


def _three_numbers(text: str, option: str) -> tuple[float, float, float]:
    try:
        a, b, c = (float(part) for part in text.split(","))
    except ValueError:
        message = f"three numbers with commas between them are needed, as 1,128,128, not {text!r}"
        raise typer.BadParameter(message, param_hint=option) from None
    return a, b, c


@contextmanager
def _notes(console: Console) -> Iterator[None]:
    """Print Python warnings as plain notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        yield
    for text in dict.fromkeys(str(w.message) for w in caught):
        console.print(f"note: {text}", highlight=False, markup=False)


def main() -> None:
    """Entry point; exit code 0 when done, 1 for wrong data, 2 for wrong usage."""
    try:
        app()
    except (ValueError, OSError, ModuleNotFoundError) as error:
        Console(stderr=True).print(f"bloch: {error}", highlight=False, markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
