"""``bloch simulate``: scan a phantom and write the raw data."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console

from bloch.cli.preview import write_preview
from bloch.cli.words import NOMINAL_FIELD, Field, notes, progress_bar, three_numbers
from bloch.closed_form import simulate_closed_form
from bloch.phantom import Lesion, MapPhantom, Phantom
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import random_sources, relative_snr
from bloch.receiver.interference_source import Source
from bloch.scanner import Scanner
from bloch.sequence import Encoding, fully_sampled
from bloch.simulate import Conditions, simulate
from bloch.standard.coils import CoilChoice, coils_for
from bloch.standard.phantoms import PhantomChoice, phantom_for, read_phantom, with_field
from bloch.standard.protocols import CLOSED_FORM, SequenceChoice, Times, adjusted, standard_protocol
from bloch.standard.sampling import PatternChoice, SamplingRequest, sampling_pattern, slice_stack
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
    return typer.Option(help=text, rich_help_panel=panel, min=min, max=max)


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
    echo_time: Annotated[Milliseconds, _option("TE, of a TSE the effective one, ms.", SEQUENCE, min=0)] = None,
    repetition_time: Annotated[Milliseconds, _option("TR, ms.", SEQUENCE, min=0)] = None,
    inversion_time: Annotated[Milliseconds, _option("TI, ms.", SEQUENCE, min=0)] = None,
    flip_angle: Annotated[float | None, _option("Of the excitation, degrees.", SEQUENCE, min=0)] = None,
    echo_train: Annotated[int | None, _option("Echo train length of a TSE.", SEQUENCE, min=1)] = None,
    echo_spacing: Annotated[Milliseconds, _option("Between echoes of a train, ms.", SEQUENCE, min=0)] = None,
    bandwidth: Annotated[float, _option("Of the field of view along the readout, kHz.", SEQUENCE, min=0.1)] = 20.0,
    dummies: Annotated[int, _option("Repetitions before the first that is measured.", SEQUENCE, min=0)] = 0,
    shots: Annotated[int, _option("Excitations of an EPI.", SEQUENCE, min=1)] = 1,
    selective: Annotated[bool, _option("Slice-selective pulses; else hard ones, ideal slices.", SEQUENCE)] = True,
    ideal_spoiling: Annotated[
        bool, _option("No transverse magnetisation outlives a repetition; else only what spoilers dephase.", SEQUENCE)
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
    separate_calibration: Annotated[bool, _option("Calibrate in a scan of its own.", SAMPLING)] = False,
    partial_fourier: Annotated[float, _option("Measured part of phase encoding, above 0.5.", SAMPLING)] = 1.0,
    oversampling: Annotated[int, _option("Of the readout.", SAMPLING, min=1)] = 2,
    averages: Annotated[int, _option("Repeats of each line.", SAMPLING, min=1)] = 1,
    alternating_readout: Annotated[bool, _option("Read every second line backwards.", SAMPLING)] = False,
    coils: Annotated[int, _option("Receive loops; 1 is a volume coil.", SCANNER, min=1, max=1024)] = 8,
    coil: Annotated[CoilChoice, _option("Kind of coil.", SCANNER)] = CoilChoice.loops,
    vertical_field: Annotated[bool, _option("Permanent magnet, B0 from front to back.", SCANNER)] = False,
    inhomogeneity: Annotated[float, _option("Of the magnet, ppm peak to peak in 20 cm.", SCANNER, min=0)] = 0.0,
    susceptibility: Annotated[bool, _option("Tissues distort the field.", SCANNER)] = False,
    lesion: Annotated[Lesion | None, _option("In the brain; drawn at random if not given.", SCANNER)] = None,
    snr: Annotated[float | None, _option("Of a voxel; from physics at this field if not given.", NOISE)] = None,
    noise: Annotated[bool, _option("Thermal noise in the data.", NOISE)] = True,
    noise_scan: Annotated[bool, _option("Begin with a noise scan.", NOISE)] = True,
    noise_readouts: Annotated[int, _option("Length of the noise scan.", NOISE, min=1)] = 32,
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
    field. Times that are not given are those of a standard protocol for the contrast at this field.
    """
    console = Console(stderr=True, quiet=quiet)
    B0_direction = (0.0, 1.0, 0.0) if vertical_field else (0.0, 0.0, 1.0)
    n_coils = coils if coil in (CoilChoice.loops, CoilChoice.helmet) else 1
    with notes(console):
        scanner = Scanner(field, coils_for(coil, n_coils, B0_direction), B0_direction)
        wish = SamplingRequest(
            acceleration, acceleration_z, pattern, calibration, separate_calibration, partial_fourier
        )
        size = _matrix(matrix)
        height = size[0] * thickness * 1e-3
        centres, directions = slice_stack(slices, height, tilt_degrees=three_numbers(tilt, "--tilt"))
        encoding = Encoding(
            size,
            (height, field_of_view * 1e-3, field_of_view * 1e-3),
            centres,
            directions,
            sampling_pattern(size[:2], wish, seed=seed),
            oversampling=oversampling,
            n_averages=averages,
            alternating_readout=alternating_readout,
            sample_time=_dwell(bandwidth * 1e3 * oversampling, scanner),
            noise_readouts=noise_readouts if noise_scan else 0,
        )
        times = Times(echo_time, repetition_time, inversion_time, flip_angle, echo_train, echo_spacing)
        protocol = adjusted(standard_protocol(sequence, field), times)
        if engine is Engine.closed_form:
            _refuse_for_equations(sequence, seq, trajectory, interference)
            tissues = _tissues(_phantom(phantom, encoding, scanner, seed, lesion))
            level = (snr or NOMINAL_SNR * relative_snr(field, NOMINAL_FIELD)) if noise or snr is not None else None
            with console.status("Simulating"):
                scan = simulate_closed_form(
                    tissues, protocol, scanner, encoding, snr=level, seed=seed, variation=variation
                )
        else:
            playing = Playing(selective, trajectory, turns, dummies, shots, ideal_spoiling)
            played = (
                sequence_for(protocol, encoding, scanner, playing=playing)
                if seq is None
                else read_sequence(seq, scanner, encoding=encoding)
            )
            encoding = played.encoding or encoding
            full = None
            if true_image and seq is None and not _is_full(encoding):
                whole = replace(encoding, trajectory="cartesian", sampling=fully_sampled(size[:2]), n_averages=1)
                full = sequence_for(
                    protocol, whole, scanner, playing=replace(playing, trajectory=TrajectoryChoice.cartesian)
                )
            there = _phantom(phantom, encoding, scanner, seed, lesion)
            body = with_field(
                there,
                scanner,
                inhomogeneity=inhomogeneity,
                susceptibility=susceptibility,
                seed=seed,
            )
            conditions = Conditions(
                noise=noise,
                snr=snr if noise else None,
                variation=variation,
                interference=_sources(interference, n_coils, sensing_coils, 1 / encoding.sample_time, seed),
                n_isochromats=isochromats,
            )
            with progress_bar(console, f"Playing {played.duration:.1f} s") as progress:
                scan = simulate(
                    body, played, scanner, conditions=conditions, full=full, seed=seed, progress=progress
                )
    if preview is not None:
        write_preview(preview, scan)
    if not true_maps:
        scan = replace(scan, truth={name: v for name, v in scan.truth.items() if name != "sensitivity_maps"})
    write_mrd(output, scan)
    _report(console, output, scan)


def _is_full(encoding: Encoding) -> bool:
    """Whether the scan measures every Cartesian line itself."""
    pattern = encoding.sampling
    embedded = np.zeros_like(pattern.imaging) if pattern.separate else pattern.calibration
    return encoding.trajectory in ("cartesian", "epi") and bool((pattern.imaging | embedded).all())


def _matrix(text: str) -> tuple[int, int, int]:
    z, y, x = three_numbers(text, "--matrix")
    if min(z, y, x) < 1 or any(n != int(n) for n in (z, y, x)):
        raise typer.BadParameter(f"voxels must be whole and at least 1, not {text!r}", param_hint="--matrix")
    return int(z), int(y), int(x)


def _dwell(bandwidth: float, scanner: Scanner) -> float:
    """Nearest sample time that the receiver can keep, s."""
    return max(round(1 / bandwidth / scanner.adc_raster), 1) * scanner.adc_raster


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


def _refuse_for_equations(
    sequence: SequenceChoice, seq: Path | None, trajectory: TrajectoryChoice, interference: float
) -> None:
    """What only isochromats can do."""
    asked = {
        f"--sequence {sequence}": sequence not in CLOSED_FORM,
        "--seq": seq is not None,
        f"--trajectory {trajectory}": trajectory is not TrajectoryChoice.cartesian,
        "--interference": interference > 0,
    }
    if refused := [option for option, given in asked.items() if given]:
        raise typer.BadParameter(f"no equation knows {', '.join(refused)}; leave out --engine", param_hint="--engine")


def _report(console: Console, output: Path, scan: RawScan) -> None:
    snr = float(scan.truth["snr"])
    level = f"voxel SNR {snr:.3g}" if math.isfinite(snr) else "no noise"
    n_coils = scan.samples.shape[1]
    console.print(f"{output}: {len(scan.lines)} readouts of {n_coils} coils at {scan.B0} T, {level}", highlight=False)
