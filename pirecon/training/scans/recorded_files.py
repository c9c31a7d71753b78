"""Raw files calibrated once: 2D slices of whitened k-space with their maps, kept on disk."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pirecon.algebra.fft import centred_ifft
from pirecon.encoding import CartesianSense
from pirecon.measurement import Measurement, calibrate
from pirecon.rawdata import KSpace, RawData, RawDataError, read_mrd
from pirecon.training.scans.repeats import as_averages, half_scans, weighted
from pirecon.training.scans.simulation import object_level
from pirecon.training.scans.whole_cache import StoredArrays, code_digest, content_digest, find_arrays, store_arrays

CODE = (
    *("pirecon/algebra", "pirecon/rawdata", "pirecon/calibration", "pirecon/measurement", "pirecon/encoding"),
    *("pirecon/training/scans/recorded_files.py", "pirecon/training/scans/repeats.py"),
)
Slice = tuple[dict[str, Tensor], dict[str, object]]


def list_files(paths: tuple[Path, ...]) -> list[Path]:
    """Files as given, and all .h5 files in folders and below, in order.

    Raises:
        FileNotFoundError: a path that is not there, or no file at all.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no raw file or folder {path}")
        found += sorted(path.rglob("*.h5")) if path.is_dir() else [path]
    if not found:
        raise FileNotFoundError(f"no raw files (.h5) in {', '.join(map(str, paths)) or 'an empty list'}")
    return found


def group_repetitions(files: list[Path]) -> list[list[Path]]:
    """Files of one folder whose names differ only in a last two-digit number, as M4Raw names repetitions.

    Source: Lyu et al., Sci Data 10:264 (2023): ``…_T101``, ``…_T102``, ``…_T103`` are repetitions of T1.
    """
    groups: dict[tuple[Path, str], list[Path]] = {}
    for file in files:
        match = re.fullmatch(r"(.*[A-Za-z]+[0-9]?)(0[1-9])", file.stem)
        groups.setdefault((file.parent, match[1] if match else file.stem), []).append(file)
    return list(groups.values())


def calibrated_slices(files: list[Path], cache: Path, *, n_coils: int, repetitions: bool) -> StoredArrays:
    """The slices of one scan, calibrated on the first call and read from the cache afterwards.

    A set holds "kspace" ``(coil, 1, ky, kx)``, "weights" ``(1, 1, ky, kx)``, "maps" ``(coil, 1, y, x)`` and, where
    lines were measured twice, the halves "first" and "second" with weights "half_weights"; all in SNR units. Its facts:
    file, field_strength, snr (mean over the object of the adjoint's magnitude), complete (every sample measured).

    Args:
        files: one file, or the repetitions of one scan.
        cache: folder.
        n_coils: compress to so many virtual coils; 0 keeps all.
        repetitions: repetitions show the same object, and are averages of it.

    Raises:
        RawDataError: a file that cannot be used.
    """
    key = [[content_digest(file) for file in files], n_coils, repetitions, code_digest(*CODE)]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    path = cache / f"{files[0].stem}-{digest}.samples"
    stored = find_arrays(path)
    if stored is None:
        raws = [read_mrd(file) for file in files]
        raw = as_averages(raws) if repetitions or len(raws) > 1 else raws[0]
        sets = [(_to_numpy(arrays), facts) for arrays, facts in _slices(raw, n_coils or None)]
        stored = store_arrays(path, sets)
    return stored


def _to_numpy(arrays: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.contiguous().numpy() for name, tensor in arrays.items()}


def _slices(raw: RawData, n_coils: int | None) -> Iterator[Slice]:
    measurement = calibrate(raw, n_coils=n_coils)
    if not isinstance(measurement.kspace, KSpace):
        raise RawDataError(f"{raw.path}: only Cartesian scans are trained on; leave this file out")
    halves = None if "noise of columns" in measurement.notes else half_scans(raw, n_coils=n_coils)
    for index in range(measurement.n_images):
        kspace, weights = weighted(measurement.kspace, index)
        arrays = {"kspace": kspace, "weights": weights, "maps": measurement.maps_of(index)}
        if halves is not None:
            (first, one), (second, other) = (weighted(half, index) for half in halves)
            if torch.equal(one, other):
                arrays |= {"first": first, "second": second, "half_weights": one}
        for plane in _planes(arrays, measurement):
            yield plane, _facts(plane, measurement)


def _planes(arrays: dict[str, Tensor], measurement: Measurement) -> Iterator[dict[str, Tensor]]:
    """2D slices; a slab is taken apart along z where every partition was measured alike."""
    n_z = arrays["weights"].shape[-3]
    if n_z == 1:
        yield arrays
        return
    weights = arrays["weights"]
    if not torch.equal(weights, weights[..., :1, :, :].expand_as(weights)):
        warnings.warn(
            f"{measurement.raw.path}: a slab whose partitions were not measured alike cannot be taken apart into "
            "slices; left out",
            stacklevel=2,
        )
        return
    hybrid = {
        name: centred_ifft(value, (-3,)) if name in ("kspace", "first", "second") else value
        for name, value in arrays.items()
    }
    for z in range(n_z):
        yield {name: value[..., z : z + 1, :, :] for name, value in hybrid.items()}


def _facts(arrays: dict[str, Tensor], measurement: Measurement) -> dict[str, object]:
    adjoint = CartesianSense(arrays["maps"], arrays["weights"]).adjoint(arrays["kspace"]).abs()
    raw = measurement.raw
    return {
        "file": str(raw.path),
        "field_strength": raw.field_strength,
        "dwell_time": _dwell_time(raw, measurement.kspace.geometry.matrix[2]),
        "field_of_view": [
            n * size
            for n, size in zip(measurement.kspace.geometry.matrix, measurement.kspace.geometry.voxel_size, strict=True)
        ],
        "snr": float(object_level(adjoint)) if bool(adjoint.any()) else 0.0,
        "complete": bool((arrays["weights"] > 0.99).all()),
    }


def _dwell_time(raw: RawData, n_columns: int) -> float | None:
    """Between samples of lines whose oversampling is gone, s."""
    n_samples = int(raw.readouts["number_of_samples"][raw.imaging_lines[0]])
    return None if raw.dwell_time is None else raw.dwell_time * n_samples / n_columns
