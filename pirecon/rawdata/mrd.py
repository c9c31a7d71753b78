"""Read raw data: MRD (ISMRMRD) HDF5 files, and the HDF5 files of fastMRI and M4Raw.

Source: MRD file format, https://ismrmrd.readthedocs.io/en/latest/mrd_files.html.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ismrmrd.hdf5 import acquisition_header_dtype

from pirecon.rawdata.encoding_space import choose_encoding
from pirecon.rawdata.fastmri import centre_on_array, is_fastmri, read_fastmri
from pirecon.rawdata.finding import RawDataError
from pirecon.rawdata.grid import choose_grid
from pirecon.rawdata.gyromagnetic_ratio import GYROMAGNETIC_RATIO
from pirecon.rawdata.header import parse_header
from pirecon.rawdata.non_cartesian import is_cartesian
from pirecon.rawdata.raw_data import Physics, RawData
from pirecon.rawdata.raw_file import check_expansion, open_hdf5
from pirecon.rawdata.readout import silent_lines
from pirecon.rawdata.streams import split_streams


def read_mrd(path: str | PathLike[str], *, encoding: int = 0, dataset: str | None = None) -> RawData:
    """Read a raw file as a whole.

    Args:
        path: an MRD (ISMRMRD) HDF5 file, or one of fastMRI or M4Raw.
        encoding: which of the header's encodings.
        dataset: the group of the file; None takes ``dataset``, else the first that holds raw data.

    Returns:
        All readouts and samples, the repaired header and what was repaired.

    Raises:
        FileNotFoundError: there is no such file.
        RawDataError: the file cannot be used; the message says why and what helps.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        if dataset is None and is_fastmri(file):
            xml, readouts, samples, n_phase_encodes = read_fastmri(file, path)
            trajectories = None
        else:
            group = _find_group(file, dataset, path)
            xml = group["xml"][0] if group["xml"].shape else group["xml"][()]
            readouts, samples = _read_acquisitions(group["data"], path)
            trajectories = _read_trajectories(group["data"], readouts)
            n_phase_encodes = None
    header, findings = parse_header(xml, path)
    space, contradictions = choose_encoding(header, encoding, path)
    findings += contradictions
    if n_phase_encodes is not None:
        space, finding = centre_on_array(space, n_phase_encodes)
        findings.append(finding)
        readouts["encoding_space_ref"] = encoding
    raw = RawData(
        path=path,
        header=header,
        encoding=space,
        readouts=readouts,
        samples=samples,
        offsets=_offsets(readouts),
        streams=split_streams(readouts, encoding),
        physics=_physics(header),
        findings=tuple(findings),
        trajectories=trajectories,
    )
    _check_lines(raw)
    _check_finite(raw)
    if is_cartesian(raw):
        choose_grid(raw)  # a grid that does not fit into memory is refused here, before anything is computed
    return raw


def _find_group(file: h5py.File, name: str | None, path: Path) -> h5py.Group:
    groups = [k for k, v in file.items() if isinstance(v, h5py.Group) and "data" in v and "xml" in v]
    if name is None:
        name = "dataset" if "dataset" in groups or not groups else groups[0]
    if name in groups:
        return file[name]
    if name in file and isinstance(file[name], h5py.Group):
        missing = " and ".join(f"'{k}'" for k in ("xml", "data") if k not in file[name])
        raise RawDataError(
            f"{path}: the group '{name}' has no {missing}, so it holds no raw data. The scan was probably ended before "
            "anything was written; export it again."
        )
    listed = ", ".join(f"'{k}'" for k in groups or list(file)[:10]) or "nothing"
    raise RawDataError(
        f"{path}: there is no group '{name}' with raw data ('xml' and 'data'); the file holds {listed}. Give one with "
        "raw data as dataset, or convert the raw data to MRD (ISMRMRD)."
    )


def _read_acquisitions(table: Any, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """One read of the whole table. Returns the acquisition headers and all samples one after another."""
    names = getattr(getattr(table, "dtype", None), "names", None) or ()
    if "head" not in names or "data" not in names:
        raise RawDataError(
            f"{path}: '{table.name}' is no table of MRD acquisitions ('head' and 'data'). It was probably written by "
            "another program; convert the raw data to MRD (ISMRMRD)."
        )
    if table.size == 0:
        raise RawDataError(
            f"{path}: '{table.name}' holds no readout. The scan was probably ended before anything was written; "
            "export it again."
        )
    check_expansion(table, path)
    rows = table.fields(["head", "data"])[...]
    heads = rows["head"]
    absent = [k for k in acquisition_header_dtype.names if k not in heads.dtype.names]
    if absent:
        raise RawDataError(
            f"{path}: the acquisition headers have no {', '.join(absent)}. The file was probably written by an old or "
            "faulty converter; convert the raw data again."
        )
    if int(heads["active_channels"].max()) == 0:
        raise RawDataError(
            f"{path}: all readouts have zero coils (active_channels = 0), so there is no signal. The converter "
            "probably left the channels out; convert the raw data again."
        )
    expected = 2 * heads["active_channels"].astype(np.int64) * heads["number_of_samples"]
    held = np.fromiter((len(values) for values in rows["data"]), dtype=np.int64, count=len(rows))
    _check_lengths(heads, expected, held, path)
    floats = np.concatenate(rows["data"]).astype(np.float32, copy=False)
    return heads, floats.view(np.complex64)


def _read_trajectories(table: Any, readouts: np.ndarray) -> np.ndarray | None:
    if "traj" not in table.dtype.names or not readouts["trajectory_dimensions"].any():
        return None
    trajectories: np.ndarray = table.fields("traj")[...]
    return trajectories


def _check_lengths(heads: np.ndarray, expected: np.ndarray, held: np.ndarray, path: Path) -> None:
    wrong = np.flatnonzero(held != expected)
    if len(wrong):
        i = int(wrong[0])
        raise RawDataError(
            f"{path}: readout {i} holds {int(held[i])} numbers, but its header says {int(expected[i])} "
            f"({int(heads['active_channels'][i])} coils × {int(heads['number_of_samples'][i])} samples × 2); "
            f"{len(wrong)} of {len(heads)} readouts are wrong. The file is probably damaged or badly converted; "
            "convert the raw data again."
        )


def _offsets(readouts: np.ndarray) -> np.ndarray:
    sizes = readouts["active_channels"].astype(np.int64) * readouts["number_of_samples"]
    return np.concatenate([[0], np.cumsum(sizes)])


def _physics(header: Any) -> Physics:
    system, sequence = header.acquisitionSystemInformation, header.sequenceParameters
    frequency = float(header.experimentalConditions.H1resonanceFrequency_Hz) or None
    field_strength = (system.systemFieldStrength_T if system else None) or None
    if field_strength is None and frequency:
        field_strength = frequency / GYROMAGNETIC_RATIO
    return Physics(
        field_strength=field_strength,
        centre_frequency=frequency,
        echo_times=tuple(1e-3 * t for t in sequence.TE) if sequence else (),
        repetition_times=tuple(1e-3 * t for t in sequence.TR) if sequence else (),
        inversion_times=tuple(1e-3 * t for t in sequence.TI) if sequence else (),
        flip_angles=tuple(math.radians(a) for a in sequence.flipAngle_deg) if sequence else (),
    )


def _check_lines(raw: RawData) -> None:
    """An image needs two lines at least, and the same coils in all of them."""
    lines = raw.imaging_lines
    if len(lines) < 2:
        what = "one readout only" if len(raw.readouts) == 1 else f"{len(lines)} imaging readouts of {len(raw.readouts)}"
        raise RawDataError(
            f"{raw.path}: there is {what} in the chosen encoding, and no image can be made of fewer than two. The "
            "scan was probably ended early, or this is a noise or adjustment scan; give the file of the imaging scan."
        )
    used = np.concatenate([lines, raw.streams.calibration])
    channels, counts = np.unique(raw.readouts["active_channels"][used], return_counts=True)
    if len(channels) > 1 or channels[0] == 0:
        listed = ", ".join(f"{n} readouts with {c}" for c, n in zip(channels, counts, strict=True))
        raise RawDataError(
            f"{raw.path}: the lines do not all have the same coils: {listed}. Two scans were probably put into one "
            "file; write each of them, or each encoding, to its own."
        )
    if silent_lines(raw, lines).all():
        raise RawDataError(
            f"{raw.path}: all samples of all {len(lines)} imaging readouts are zero. The receiver was probably not "
            "connected, or the data were never written; repeat the scan or the conversion."
        )


def _check_finite(raw: RawData) -> None:
    floats = raw.samples.view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(floats.sum()):  # a sum sees every NaN and infinity at a fraction of the price
            return
    bad = np.flatnonzero(~np.isfinite(floats))
    if len(bad) == 0:
        return
    readout = int(np.searchsorted(raw.offsets, bad[0] // 2, side="right")) - 1
    raise RawDataError(
        f"{raw.path}: {len(bad)} of {len(floats)} sample values are NaN or infinite, the first in readout {readout}. "
        "The receiver was probably overloaded or the conversion divided by zero; repeat the scan or the conversion, "
        "or leave these readouts out."
    )
