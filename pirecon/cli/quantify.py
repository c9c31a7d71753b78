"""``pirecon quantify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from torch import Tensor

from pirecon.cli.words import Checkpoint, DeviceName, MethodName, Quiet, check_method, device_of, notes
from pirecon.image.nifti_map import write_nifti_map
from pirecon.measurement import Measurement, calibrate
from pirecon.methods import choose_method
from pirecon.pipeline import solve_all
from pirecon.quantitative.map_head import load_map_head, taught_elsewhere
from pirecon.quantitative.protocols import ContrastProtocol, contrasts_of, protocols_of_file
from pirecon.quantitative.tissue_parameters import TissueParameters, synthetic_contrast, tissue_parameters
from pirecon.rawdata import read_mrd

RawFiles = Annotated[list[Path], typer.Argument(metavar="RAW…", help="Files of one examination, MRD or fastMRI.")]
Synthetic = Annotated[
    list[str] | None,
    typer.Option(metavar="TR,TE[,TI]", help="Also write a spin echo that was not measured, times in ms; repeatable."),
]
Head = Annotated[
    str | None,
    typer.Option(
        help="Refine the fit by a trained map head: shipped name or file. `default` was taught by simulated slices of "
        "heads at 0.05 to 0.2 T with 3 to 5 contrasts; no real scan has judged it. Its limits: docs/quantify.md."
    ),
]


def quantify_command(
    raw: RawFiles,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For the maps; made if absent.")],
    synthetic: Synthetic = None,
    method: MethodName = "unrolled",
    checkpoint: Checkpoint = "default",
    head: Head = None,
    device: DeviceName = "cpu",
    quiet: Quiet = False,
) -> None:
    """Maps of proton density, T1 and T2 from several contrasts, and contrasts that were not measured, as NIfTI."""
    check_method(method)
    console = Console(stderr=True, quiet=quiet)
    wished = [synthetic_protocol(text) for text in synthetic or []]
    with notes(console):
        parts = [calibrate(read_mrd(path), device=device_of(device)) for path in raw]
        _check_same_place(parts, raw)
        field_strength = _field_strength(parts, raw)
        protocols = [p for part in parts for p in protocols_of_file(part.raw)]
        gains = [parts[0].noise_scale / part.noise_scale for part in parts for _ in protocols_of_file(part.raw)]
        solve = choose_method(method, checkpoint=checkpoint, device=device_of(device), field_strength=field_strength)
        images = torch.cat([_contrast_first(solve_all(part, solve), part) for part in parts]).movedim(0, -4)
        found = tissue_parameters(
            images,
            contrasts_of(protocols, gains),
            field_strength,
            head=None if head is None else load_map_head(head).to(images.device),
            pull=lambda model: _pull(model, parts),
        )
    for number, protocol in enumerate(protocols, start=1):
        console.print(f"contrast {number}: {_words(protocol)}; {protocol.source}", highlight=False, markup=False)
    if head is not None:
        console.print(f"maps refined by the head {head!r}{taught_elsewhere(head, field_strength)}", highlight=False)
    console.print(f"field: {field_strength:g} T; the receiver is taken to have one gain for all files", highlight=False)
    for path in write_parameters(found, wished, output, parts[0]):
        console.print(f"wrote {path}", highlight=False, markup=False)


def write_parameters(
    found: TissueParameters, wished: list[ContrastProtocol], output: Path, measurement: Measurement
) -> list[Path]:
    """Write maps, their deviations and synthetic contrasts; NaN where there is too little signal."""
    maps = found.maps
    values = {
        "proton_density": (maps.proton_density, "proton density, SNR units of the first contrast"),
        "T1": (maps.T1, "T1, s"),
        "T2": (maps.T2, "T2, s"),
        "T1_deviation": (maps.T1 * found.deviation.select(-4, 1), "standard deviation of T1 (Cramer-Rao), s"),
        "T2_deviation": (maps.T2 * found.deviation.select(-4, 2), "standard deviation of T2 (Cramer-Rao), s"),
        "misfit": (found.misfit, "rms of image minus model, noise deviations"),
    }
    if wished:
        images = synthetic_contrast(maps, contrasts_of(wished, [1.0] * len(wished)))
        for number, protocol in enumerate(wished):
            values[f"synthetic_{number + 1}"] = (images.select(-4, number), f"synthetic {_words(protocol)}")
    output.mkdir(parents=True, exist_ok=True)
    axes = tuple(name for name in measurement.kspace.batch_axes if name != "contrast")
    paths = []
    for name, (value, about) in values.items():
        path = output / f"{name}.nii.gz"
        masked = torch.where(found.mask, value, torch.nan)
        write_nifti_map(masked, path, geometry=measurement.kspace.geometry, batch_axes=axes, description=about)
        paths.append(path)
    return paths


def synthetic_protocol(text: str) -> ContrastProtocol:
    """A spin echo from "TR,TE" or "TR,TE,TI" in ms.

    Raises:
        typer.BadParameter: other than two or three positive numbers with TE + TI < TR.
    """
    try:
        times = [1e-3 * float(part) for part in text.split(",")]
    except ValueError:
        times = []
    if len(times) not in (2, 3) or min(times, default=0) <= 0 or sum(times[1:]) >= times[0]:
        message = f"needs TR,TE or TR,TE,TI in ms as in 3000,90 with TE + TI below TR, not {text!r}"
        raise typer.BadParameter(message, param_hint="--synthetic")
    return ContrastProtocol(times[1], times[0], times[2] if len(times) == 3 else 0.0)


def _contrast_first(images: Tensor, measurement: Measurement) -> Tensor:
    axes = list(measurement.kspace.batch_axes)
    return images.movedim(axes.index("contrast"), 0) if "contrast" in axes else images[None]


def _pull(model: Tensor, parts: list[Measurement]) -> Tensor:
    """E.H(y − E m) of every contrast, ``(*batch, contrast, z, y, x)``."""
    rows, first = model.movedim(-4, 0), 0
    missing = []
    for part in parts:
        axes = list(part.kspace.batch_axes)
        n = part.batch[axes.index("contrast")] if "contrast" in axes else 1
        mine = rows[first : first + n]
        mine = mine.movedim(0, axes.index("contrast")) if "contrast" in axes else mine[0]
        flat = mine.reshape(-1, *mine.shape[-3:])
        pairs = (part.encoding(index) for index in range(len(flat)))
        found = torch.stack([E.adjoint(y - E(m)) for m, (y, E) in zip(flat, pairs, strict=True)])
        missing.append(_contrast_first(found.reshape(mine.shape), part))
        first += n
    return torch.cat(missing).movedim(0, -4)


def _check_same_place(parts: list[Measurement], paths: list[Path]) -> None:
    first = parts[0].kspace.geometry
    for part, path in zip(parts, paths, strict=True):
        here = part.kspace.geometry
        same = here.matrix == first.matrix and here.centres.shape == first.centres.shape
        if not same or part.matrix != parts[0].matrix or not _close(here, first):
            raise ValueError(
                f"{path} and {paths[0]} do not show the same voxels: matrices {here.matrix} and {first.matrix}, "
                f"{len(here.centres)} and {len(first.centres)} slices; measure all contrasts with one geometry"
            )


def _close(here: object, first: object) -> bool:
    pairs = ((getattr(here, name), getattr(first, name)) for name in ("voxel_size", "centres", "directions"))
    return all(np.allclose(a, b, atol=1e-4) for a, b in pairs)


def _field_strength(parts: list[Measurement], paths: list[Path]) -> float:
    fields = {part.raw.field_strength for part in parts}
    if None in fields or len({round(f, 3) for f in fields if f is not None}) != 1:
        said = "; ".join(f"{path}: {part.raw.field_strength or '?'} T" for path, part in zip(paths, parts, strict=True))
        remedy = "add systemFieldStrength_T to every header" if None in fields else "give files of one examination"
        raise ValueError(f"maps need one known field strength, but the headers say {said}; {remedy}")
    return float(next(f for f in fields if f is not None))


def _words(protocol: ContrastProtocol) -> str:
    inversion = f", TI {1e3 * protocol.inversion_time:.0f}" if protocol.inversion_time else ""
    return f"TR {1e3 * protocol.repetition_time:.0f}, TE {1e3 * protocol.echo_time:.1f}{inversion} ms"
