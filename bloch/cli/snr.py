"""``bloch snr``: what a scan yields at one field strength or several."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bloch.cli.words import NOMINAL_FIELD, SMALLEST, finite, notes, three_numbers, voxel_counts
from bloch.receiver.noise import CROSSOVER_FIELD
from bloch.snr import Homogeneity, ScanPlan, head_receiver, snr_table, standard_plan, table_cells, typical_homogeneity
from bloch.snr.table import CONTRASTS, TISSUES
from bloch.standard.coils import CoilChoice, coils_for
from bloch.standard.protocols import Times, adjusted

SEQUENCES = {
    "spin-echo": "spin_echo",
    "tse": "turbo_spin_echo",
    "gre": "spoiled_gradient_echo",
    "bssfp": "balanced_ssfp",
}


def snr_command(
    field: Annotated[
        list[float] | None, typer.Option("--field", "-f", help="Field strength, T; several: -f 0.064 -f 1.5.")
    ] = None,
    sequence: Annotated[str, typer.Option(help=f"One of {', '.join(SEQUENCES)}.")] = "tse",
    voxel: Annotated[str, typer.Option(metavar="Z,Y,X", help="Edges of a voxel, mm.")] = "5,2,2",
    matrix: Annotated[str | None, typer.Option(metavar="Z,Y,X", help="Voxels of a slice (Z = 1) or slab.")] = None,
    slices: Annotated[int | None, typer.Option(min=1, help="Slices (or slabs) within the scan time.")] = None,
    bandwidth: Annotated[float | None, typer.Option(min=1, callback=finite, help="Of a pixel, Hz.")] = None,
    averages: Annotated[int, typer.Option(min=1, help="Repeats of each line.")] = 1,
    echo_time: Annotated[float | None, typer.Option(min=SMALLEST, callback=finite, help="TE, ms.")] = None,
    repetition_time: Annotated[float | None, typer.Option(min=SMALLEST, callback=finite, help="TR, ms.")] = None,
    flip_angle: Annotated[float | None, typer.Option(min=SMALLEST, max=180, help="Of the excitation, degrees.")] = None,
    coils: Annotated[int, typer.Option(min=1, max=1024, help="Receive loops; 1 is a volume coil.")] = 8,
    coil: Annotated[CoilChoice, typer.Option(help="Kind of coil.")] = CoilChoice.loops,
    crossover_field: Annotated[
        float, typer.Option(min=0, callback=finite, help="Where head and copper are equally loud, T.")
    ] = CROSSOVER_FIELD,
    inhomogeneity: Annotated[
        float | None,
        typer.Option(min=0, callback=finite, help="Of the magnet, ppm in 20 cm; typical of the field if not given."),
    ] = None,
    tissue: Annotated[list[str] | None, typer.Option(help="Tissues; several: --tissue fat --tissue csf.")] = None,
) -> None:
    """Predict SNR, contrast and scan time of a head scan, from first principles.

    Signal by reciprocity, noise from the head and the coils' copper, tissue by the table of `bloch tissue`.
    """
    console = Console()
    if sequence not in SEQUENCES:
        raise typer.BadParameter(f"{sequence!r} is none of {', '.join(SEQUENCES)}", param_hint="--sequence")
    n_coils = coils if coil in (CoilChoice.loops, CoilChoice.helmet) else 1
    B0_direction = (0.0, 1.0, 0.0) if coil is CoilChoice.solenoid else (0.0, 0.0, 1.0)
    with notes(Console(stderr=True)):
        plan = standard_plan(SEQUENCES[sequence])
        plan = ScanPlan(
            adjusted(plan.protocol, Times(echo_time, repetition_time, None, flip_angle)),
            _metres(voxel),
            plan.matrix if matrix is None else voxel_counts(matrix),
            plan.pixel_bandwidth if bandwidth is None else bandwidth,
            n_slices=slices or plan.n_slices,
            averages=averages,
        )
        receiver = head_receiver(
            coils_for(coil, n_coils, B0_direction), B0_direction=B0_direction, crossover_field=crossover_field
        )
        rows = [
            snr_table([B0], plan, receiver=receiver, tissues=tissue or TISSUES, contrasts=CONTRASTS,
                      homogeneity=_magnet(B0, inhomogeneity))[0]
            for B0 in field or [NOMINAL_FIELD]
        ]  # fmt: skip
    heading, lines = table_cells(rows)
    table = Table(title=f"{sequence}, {voxel} mm, {n_coils} channel{'s' * (n_coils > 1)}")
    for i, name in enumerate(heading):
        table.add_column(name, justify="right" if i else "left")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _magnet(B0: float, inhomogeneity: float | None) -> Homogeneity:
    typical = typical_homogeneity(B0)
    return typical if inhomogeneity is None else replace(typical, peak_to_peak=inhomogeneity)


def _metres(text: str) -> tuple[float, float, float]:
    z, y, x = three_numbers(text, "--voxel")
    if min(z, y, x) <= 0:
        raise typer.BadParameter(f"edges must be above 0 mm, not {text!r}", param_hint="--voxel")
    return z * 1e-3, y * 1e-3, x * 1e-3
