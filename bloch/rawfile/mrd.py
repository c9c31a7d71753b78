"""Write a scan as an ISMRMRD (MRD) HDF5 file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import ismrmrd
import numpy as np

from bloch.rawfile.header import check_fits, header
from bloch.rawfile.raw_scan import RawScan
from bloch.sequence import Line

TRUTH_GROUP = "dataset/truth"
"""Inside the data set: readers that take the only, the first or the last group of a file must find the scan (MRpro)."""
TICK = 2.5e-3
"""Unit of acquisition time stamps on Siemens scanners, the usual one in MRD files, s."""


def write_mrd(path: str | Path, scan: RawScan) -> None:
    """Write the whole file or none: noise scan, calibration, image, header and the truth beside them.

    The group ``dataset`` is a valid MRD data set; ``truth`` in it is ours, and readers of MRD pass over it.
    Positions are in mm, LPS; a sample k of a line lies at (k − centre) / FOV along read_dir, sign exp(−2πi k·r).

    Args:
        path: of the file; an existing one is replaced.
        scan: to write.

    Raises:
        ValueError: the scan does not fit the format.
        OSError: the file cannot be written.

    Source: Inati et al., Magn Reson Med 77:411 (2017); the ismrmrd package writes the records.
    """
    check_fits(scan)
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: the folder {path.parent} does not exist; make it first")
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        with ismrmrd.File(str(part), "w") as file:
            file["dataset"].header = header(scan)
            file["dataset"].acquisitions = list(acquisitions(scan))
        with h5py.File(part, "a") as file:
            _write_truth(file, scan)
        part.chmod(0o666 & ~_umask())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def acquisitions(scan: RawScan) -> Iterator[ismrmrd.Acquisition]:
    """The scan's readouts as the ismrmrd package has them, noise first.

    Args:
        scan: to convert.

    Yields:
        Acquisitions in order of time.
    """
    for i, samples in enumerate(scan.noise):
        acquisition = _acquisition(scan, samples)
        acquisition.scan_counter = i
        acquisition.set_flag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)
        yield acquisition
    last = len(scan.lines) - 1
    for i, (line, samples) in enumerate(zip(scan.lines, scan.samples, strict=True)):
        path = None if scan.trajectory is None else _trajectory(scan, i)
        acquisition = _acquisition(scan, samples, position=scan.encoding.centres[line.slice], trajectory=path)
        acquisition.scan_counter = len(scan.noise) + i
        if scan.times is not None:
            acquisition.acquisition_time_stamp = round(float(scan.times[i]) / TICK) % 2**32
        _set_counters(acquisition, line)
        centre = acquisition.number_of_samples // 2
        acquisition.center_sample = acquisition.number_of_samples - 1 - centre if line.is_reversed else centre
        if _starts_slice(line, scan.lines[i - 1] if i else None):
            acquisition.set_flag(ismrmrd.ACQ_FIRST_IN_SLICE)
        if _starts_slice(line, scan.lines[i + 1] if i < last else None):
            acquisition.set_flag(ismrmrd.ACQ_LAST_IN_SLICE)
        if i == last:
            acquisition.set_flag(ismrmrd.ACQ_LAST_IN_MEASUREMENT)
        yield acquisition


def _trajectory(scan: RawScan, readout: int) -> np.ndarray:
    """Trajectory of one readout, float32 (sample, axis), in units of 1 / encoded field of view: from −n/2 to n/2.

    The format names no unit. This one is what MRpro's KTrajectoryIsmrmrd takes as it is (there k divided by the encoded
    matrix is cycles per voxel of it) and BART's nufft (its manual: "the unit of measurement for kspace trajectory is
    1/FOV"). Gadgetron's own gadgets write cycles per voxel, −½ to ½: divide by the matrix for those.
    """
    z, y, x = scan.encoding.field_of_view
    k = scan.trajectory[readout] * np.array([x, y, z])  # type: ignore[index]  # asked only where there is one
    n_axes = 3 if scan.encoding.matrix[0] > 1 else 2
    return np.ascontiguousarray(k[:, :n_axes], np.float32)


def _acquisition(
    scan: RawScan, samples: np.ndarray, *, position: np.ndarray | None = None, trajectory: np.ndarray | None = None
) -> ismrmrd.Acquisition:
    acquisition = ismrmrd.Acquisition.from_array(np.ascontiguousarray(samples, np.complex64), trajectory)
    acquisition.available_channels = acquisition.active_channels
    for coil in range(min(acquisition.active_channels, 1024)):
        acquisition.setChannelActive(coil)
    acquisition.sample_time_us = scan.encoding.sample_time * 1e6
    directions = scan.encoding.directions
    acquisition.slice_dir[:], acquisition.phase_dir[:], acquisition.read_dir[:] = directions.tolist()
    acquisition.position[:] = [0.0] * 3 if position is None else (np.asarray(position) * 1e3).tolist()
    return acquisition


def _set_counters(acquisition: ismrmrd.Acquisition, line: Line) -> None:
    acquisition.idx.kspace_encode_step_1 = line.ky
    acquisition.idx.kspace_encode_step_2 = line.kz
    acquisition.idx.slice = line.slice
    acquisition.idx.average = line.average
    acquisition.idx.contrast = line.contrast
    acquisition.idx.segment = line.segment
    if line.phase_correction:
        acquisition.set_flag(ismrmrd.ACQ_IS_PHASECORR_DATA)
    if line.is_reversed:
        acquisition.set_flag(ismrmrd.ACQ_IS_REVERSE)
    if line.calibration and line.imaging:
        acquisition.set_flag(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING)
    elif line.calibration:
        acquisition.set_flag(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION)


def _starts_slice(line: Line, neighbour: Line | None) -> bool:
    here = (line.slice, line.average, line.imaging)
    return neighbour is None or (neighbour.slice, neighbour.average, neighbour.imaging) != here


def _write_truth(file: h5py.File, scan: RawScan) -> None:
    if not scan.truth:
        return
    group = file.create_group(TRUTH_GROUP)
    for name, values in scan.truth.items():
        compress = {"compression": "gzip", "shuffle": True} if values.size > 64 else {}
        dataset = group.create_dataset(name, data=values, **compress)
        dataset.attrs["about"] = scan.truth_about.get(name, "")


def _umask() -> int:
    """The process's file mode mask; there is no way to read it but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
