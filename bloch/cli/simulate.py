"""``bloch simulate``: scan a phantom and write the raw data."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from bloch.cli.preview import write_preview
from bloch.cli.wishes import check_places, refuse_for_equations, refuse_idle_options
from bloch.cli.words import NOMINAL_FIELD, SMALLEST, Field, finite, notes, progress_bar, three_numbers, voxel_counts
from bloch.closed_form import simulate_closed_form
from bloch.phantom import Lesion, MapPhantom, Phantom
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import random_sources, relative_snr
from bloch.receiver.interference_source import Source
from bloch.scanner import Scanner
from bloch.sequence import Encoding, Protocol, Sequence
from bloch.simulate import Conditions, simulate
from bloch.standard.coils import CoilChoice, coils_for
from bloch.standard.encodings import ReadoutRequest, SliceRequest, encoding_for, measures_every_line, with_every_line
from bloch.standard.phantoms import PhantomChoice, phantom_for, read_phantom, with_field
from bloch.standard.protocols import SequenceChoice, Times, adjusted, standard_protocol
from bloch.standard.sampling import PatternChoice, SamplingRequest
from bloch.standard.seq_file import read_sequence
from bloch.standard.sequences import Playing, TrajectoryChoice, sequence_for

NOMINAL_SNR = 15.0
"""Voxel SNR of the closed form at the nominal field unless --snr is given; other fields follow relative_snr."""

SEQUENCE, SLICES, SAMPLING, SCANNER, NOISE = "Sequence", "Slices", "Sampling", "Scanner", "Noise and interference"


class Engine(StrEnum):
    """How the signal is computed."""

    isochromats = "isochromats"
    closed_form = "closed-form"


def _option(text: str, panel: str, *, min: float | None = None, max: float | None = None) -> Any:
    return typer.Option(help=text, rich_help_panel=panel, min=min, max=max, callback=finite)


def _flag(name: str, text: str, panel: str) -> Any:
    return typer.Option(name, help=text, rich_help_panel=panel, show_default=False)


Milliseconds = float | None


def simulate_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="Raw file to write (ISMRMRD HDF5).")],
    field: Field = NOMINAL_FIELD,
    sequence: Annotated[SequenceChoice, typer.Option(help="Contrast.")] = SequenceChoice.tse,
    phantom: Annotated[
        str, typer.Option(metavar="NAME|FILE", help=f"Object: {', '.join(PhantomChoice)}, a .phantom or .npz file.")
    ] = PhantomChoice.brain,
    engine: Annotated[
        Engine, typer.Option(help="Play the sequence to isochromats, or (fast) take the contrast from an equation.")
    ] = Engine.isochromats,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same data.")] = 0,
    preview: Annotated[Path | None, typer.Option(help="Picture of the truth (png).")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    echo_time: Annotated[Milliseconds, _option("TE, of a TSE the effective one, ms.", SEQUENCE, min=SMALLEST)] = None,
    repetition_time: Annotated[Milliseconds, _option("TR, ms.", SEQUENCE, min=SMALLEST)] = None,
    inversion_time: Annotated[Milliseconds, _option("TI, ms.", SEQUENCE, min=SMALLEST)] = None,
    flip_angle: Annotated[float | None, _option("Of the excitation, degrees.", SEQUENCE, min=SMALLEST, max=180)] = None,
    echo_train: Annotated[int | None, _option("Echo train length of a TSE.", SEQUENCE, min=1)] = None,
    echo_spacing: Annotated[Milliseconds, _option("Between echoes of a train, ms.", SEQUENCE, min=SMALLEST)] = None,
    bandwidth: Annotated[float, _option("Of the field of view along the readout, kHz.", SEQUENCE, min=0.1)] = 20.0,
    dummies: Annotated[
        int | None,
        _option(
            "Repetitions before the first that is measured; by default 1, of gradient echoes 2 s.", SEQUENCE, min=0
        ),
    ] = None,
    shots: Annotated[
        int | None, _option("Excitations of an EPI; the fewest that keep TE if not given.", SEQUENCE, min=1)
    ] = None,
    selective: Annotated[bool, _option("Slice-selective pulses; else hard ones, ideal slices.", SEQUENCE)] = True,
    ideal_spoiling: Annotated[
        bool,
        typer.Option(
            "--ideal-spoiling/--real-spoiling",
            help="No transverse magnetisation outlives a repetition; else only what spoilers dephase.",
            rich_help_panel=SEQUENCE,
        ),
    ] = True,
    seq: Annotated[Path | None, _option("Play this Pulseq file instead.", SEQUENCE)] = None,
    matrix: Annotated[
        str, typer.Option(metavar="Z,Y,X", help="Voxels of a slice (Z = 1) or slab.", rich_help_panel=SLICES)
    ] = "1,128,128",
    slices: Annotated[int, _option("Slices (or slabs).", SLICES, min=1)] = 1,
    field_of_view: Annotated[float, _option("In the plane, both ways, mm.", SLICES, min=1)] = 250.0,
    thickness: Annotated[float, _option("Of a slice, or of a partition of a slab, mm.", SLICES, min=0.1)] = 5.0,
    tilt: Annotated[
        str, typer.Option(metavar="L,P,S", help="Turns about the patient's axes, degrees.", rich_help_panel=SLICES)
    ] = "0,0,0",
    trajectory: Annotated[TrajectoryChoice, _option("Through k-space.", SAMPLING)] = TrajectoryChoice.cartesian,
    turns: Annotated[int | None, _option("Spokes or spiral interleaves.", SAMPLING, min=1)] = None,
    acceleration: Annotated[float, _option("Undersampling of phase encoding.", SAMPLING, min=1)] = 1.0,
    acceleration_z: Annotated[int, _option("Undersampling of a slab's partitions.", SAMPLING, min=1)] = 1,
    pattern: Annotated[PatternChoice, _option("Of the undersampling.", SAMPLING)] = PatternChoice.equispaced,
    calibration: Annotated[int, _option("Central lines for coil calibration.", SAMPLING, min=0)] = 24,
    separate_calibration: Annotated[
        bool, _flag("--separate-calibration", "Calibrate in a scan of its own.", SAMPLING)
    ] = False,
    partial_fourier: Annotated[float, _option("Measured part of phase encoding, above 0.5.", SAMPLING)] = 1.0,
    oversampling: Annotated[int, _option("Of the readout.", SAMPLING, min=1)] = 2,
    averages: Annotated[int, _option("Repeats of each line.", SAMPLING, min=1)] = 1,
    alternating_readout: Annotated[
        bool, _flag("--alternating-readout", "Read every second line backwards.", SAMPLING)
    ] = False,
    coils: Annotated[int, _option("Receive loops; 1 is a volume coil.", SCANNER, min=1, max=1024)] = 8,
    coil: Annotated[CoilChoice, _option("Kind of coil.", SCANNER)] = CoilChoice.loops,
    vertical_field: Annotated[
        bool, _flag("--vertical-field", "Permanent magnet, B0 from front to back.", SCANNER)
    ] = False,
    max_gradient: Annotated[float, _option("Strongest gradient, mT/m.", SCANNER, min=0.1)] = 25.0,
    inhomogeneity: Annotated[float, _option("Of the magnet, ppm peak to peak in 20 cm.", SCANNER, min=0)] = 0.0,
    susceptibility: Annotated[bool, _flag("--susceptibility", "Tissues distort the field.", SCANNER)] = False,
    lesion: Annotated[Lesion | None, _option("In the brain; drawn at random if not given.", SCANNER)] = None,
    snr: Annotated[float | None, _option("Of a voxel; from physics at this field if not given.", NOISE)] = None,
    noise: Annotated[bool, _option("Thermal noise in the data.", NOISE)] = True,
    noise_scan: Annotated[bool, _option("Begin with a noise scan.", NOISE)] = True,
    noise_readouts: Annotated[int, _option("Length of the noise scan.", NOISE, min=1)] = 32,
    noise_seed: Annotated[
        int | None, _option("Another one for each scan of one head; from --seed if not given.", NOISE, min=0)
    ] = None,
    interference: Annotated[float, _option("Strength over thermal noise.", NOISE, min=0)] = 0.0,
    sensing_coils: Annotated[int, _option("Channels that hear interference only.", NOISE, min=0)] = 0,
    variation: Annotated[float, _option("Strength of texture, phase and unequal channels.", NOISE, min=0)] = 1.0,
    true_maps: Annotated[bool, _option("Keep the coils' sensitivity maps with the truth.", NOISE)] = True,
    true_image: Annotated[
        bool, _option("Scan every line once more for the truth's image, if lines are left out.", NOISE)
    ] = True,
    isochromats: Annotated[int | None, _option("In a pool; as many as needed if not given.", NOISE, min=1)] = None,
) -> None:
    """Scan a phantom and write the raw data with the truth beside it.

    The sequence is played, pulse by pulse, to the spins of the phantom; noise follows from the coils, the body and the
    field. Times that are not given are those of a standard protocol for the
    contrast at this field.
    """
    console = Console(stderr=True, quiet=quiet)
    times = Times(echo_time, repetition_time, inversion_time, flip_angle, echo_train, echo_spacing)
    playing = Playing(selective, trajectory, turns, dummies, shots, ideal_spoiling)
    undersampled = acceleration * acceleration_z > 1 or partial_fourier < 1
    check_places(output, preview)
    refuse_idle_options(sequence, playing, times, phantom=phantom, lesion=lesion, undersampled=undersampled)
    with notes(console):
        B0_direction = (0.0, 1.0, 0.0) if vertical_field else (0.0, 0.0, 1.0)
        n_coils = coils if coil in (CoilChoice.loops, CoilChoice.helmet) else 1
        scanner = Scanner(
            field, coils_for(coil, n_coils, B0_direction), B0_direction, max_gradient=max_gradient * 1e-3
        )
        tilts = three_numbers(tilt, "--tilt")
        where = SliceRequest(voxel_counts(matrix), slices, field_of_view * 1e-3, thickness * 1e-3, tilts)
        lines = SamplingRequest(
            acceleration, acceleration_z, pattern, calibration, separate_calibration, partial_fourier
        )
        listening = ReadoutRequest(
            bandwidth * 1e3, oversampling, averages, alternating_readout, noise_readouts if noise_scan else 0
        )
        encoding = encoding_for(where, lines, listening, scanner, seed=seed)
        protocol = adjusted(standard_protocol(sequence, field), times)
        if engine is Engine.closed_form:
            refuse_for_equations(sequence, seq, trajectory, interference)
            tissues = _tissues(_phantom(phantom, encoding, scanner, seed, lesion))
            level = (snr or NOMINAL_SNR * relative_snr(field, NOMINAL_FIELD)) if noise or snr is not None else None
            with console.status("Simulating"):
                scan = simulate_closed_form(
                    tissues,
                    protocol,
                    scanner,
                    encoding,
                    snr=level,
                    seed=seed,
                    noise_seed=noise_seed,
                    variation=variation,
                )
        else:
            conditions = Conditions(
                noise=noise,
                snr=snr if noise else None,
                noise_seed=noise_seed,
                variation=variation,
                interference=_sources(interference, n_coils, sensing_coils, 1 / encoding.sample_time, seed),
                n_isochromats=isochromats,
            )
            played, full = _sequences(protocol, encoding, scanner, playing, seq=seq, true_image=true_image)
            there = _phantom(phantom, played.encoding or encoding, scanner, seed, lesion)
            body = with_field(there, scanner, inhomogeneity=inhomogeneity, susceptibility=susceptibility, seed=seed)
            with progress_bar(console, f"Playing {played.duration:.1f} s") as progress:
                scan = simulate(body, played, scanner, conditions=conditions, full=full, seed=seed, progress=progress)
    if preview is not None:
        write_preview(preview, scan)
    if not true_maps:
        scan = replace(scan, truth={name: v for name, v in scan.truth.items() if name != "sensitivity_maps"})
    write_mrd(output, scan)
    _report(console, output, scan)


def _sequences(
    protocol: Protocol, encoding: Encoding, scanner: Scanner, playing: Playing, *, seq: Path | None, true_image: bool
) -> tuple[Sequence, Sequence | None]:
    """What is played, and the scan of every line for the truth's image where that leaves out some."""
    if seq is not None:
        return read_sequence(seq, scanner, encoding=encoding), None
    played = sequence_for(protocol, encoding, scanner, playing=playing)
    if not true_image or measures_every_line(played.encoding or encoding):
        return played, None
    cartesian = replace(playing, trajectory=TrajectoryChoice.cartesian)
    return played, sequence_for(protocol, with_every_line(encoding), scanner, playing=cartesian)


def _phantom(
    choice: str, encoding: Encoding, scanner: Scanner, seed: int, lesion: Lesion | None
) -> Phantom | MapPhantom:
    if choice in list(PhantomChoice):
        return phantom_for(PhantomChoice(choice), encoding, B0=scanner.B0, seed=seed, lesion=lesion)
    return read_phantom(Path(choice), scanner.B0)


def _tissues(phantom: Phantom | MapPhantom) -> Phantom:
    if isinstance(phantom, MapPhantom):
        raise typer.BadParameter("equations need tissues, not maps; leave out --engine", param_hint="--engine")
    return phantom


def _sources(strength: float, n_coils: int, n_sensing: int, bandwidth: float, seed: int) -> tuple[Source, ...]:
    """Two lines and a broad band."""
    if strength == 0:
        if n_sensing:
            raise typer.BadParameter("sensing coils need --interference to sense", param_hint="--sensing-coils")
        return ()
    return random_sources(
        torch.Generator().manual_seed(seed),
        n_narrow=2,
        n_broad=1,
        n_channels=n_coils,
        n_sensing=n_sensing,
        strength=strength,
        bandwidth=bandwidth,
    )


def _report(console: Console, output: Path, scan: RawScan) -> None:
    snr = float(scan.truth["snr"])
    level = f"voxel SNR {snr:.3g}" if math.isfinite(snr) else "no noise"
    n_coils = scan.samples.shape[1]
    console.print(f"{output}: {len(scan.lines)} readouts of {n_coils} coils at {scan.B0} T, {level}", highlight=False)
