"""HDF5 files of fastMRI and M4Raw: a dense array ``kspace`` and the XML header of the MRD file that it was made from.

Source: fastMRI data README, https://github.com/facebookresearch/fastMRI/blob/main/fastmri/data/README.md: ``kspace`` is
``(slice, coil, readout, phase encode)`` or ``(slice, readout, phase encode)``, ``mask`` ``(phase encode,)`` says what
was measured where it is given, and ``ismrmrd_header`` is the XML header. Columns that are zero in all were never
measured.
M4Raw (Lyu et al., Sci Data 10:264, 2023) stores multi-coil 0.3 T data in the same way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from ismrmrd.hdf5 import acquisition_header_dtype

from pirecon.rawdata.encoding_space import EncodingSpace, Limit
from pirecon.rawdata.finding import Finding, RawDataError
from pirecon.rawdata.raw_file import check_expansion


def is_fastmri(file: h5py.File) -> bool:
    """Whether an HDF5 file looks like one of fastMRI or M4Raw."""
    return isinstance(file.get("kspace"), h5py.Dataset)


def read_fastmri(file: h5py.File, path: Path) -> tuple[bytes | str, np.ndarray, np.ndarray, int]:
    """Read ``kspace`` as if it had been measured line by line.

    Args:
        file: the open file.
        path: for messages.

    Returns:
        The XML header; MRD acquisition headers of all measured lines; their samples, complex64, each ``(coil,
        sample)``, one after another; the number of phase encodes, measured or not.

    Raises:
        RawDataError: no header, or an array of another shape.
    """
    dataset = file["kspace"]
    if dataset.ndim not in (3, 4) or dataset.size == 0 or dataset.dtype.kind != "c":
        raise RawDataError(
            f"{path}: 'kspace' has shape {dataset.shape} and type {dataset.dtype}, but fastMRI and M4Raw files hold "
            "complex (slice, coil, readout, phase encode) or (slice, readout, phase encode). Write the raw data in "
            "one of these shapes."
        )
    if "ismrmrd_header" not in file:
        raise RawDataError(
            f"{path}: there is 'kspace' but no 'ismrmrd_header', so field of view and matrix are unknown. Add the XML "
            "header of the MRD file that it was made from, or write the raw data as MRD (ISMRMRD)."
        )
    check_expansion(dataset, path)
    xml = file["ismrmrd_header"][()]
    kspace = np.asarray(dataset[...], dtype=np.complex64)
    kspace = kspace[:, None] if kspace.ndim == 3 else kspace  # (slice, coil, readout, phase encode)
    if max(kspace.shape) >= 2**16:
        raise RawDataError(f"{path}: 'kspace' has shape {kspace.shape}; no axis may have more than 65535 points.")
    lines = kspace.transpose(0, 3, 1, 2)  # (slice, phase encode, coil, sample)
    measured = (lines != 0).any(axis=(2, 3))
    if "mask" in file and file["mask"].shape == (lines.shape[1],):
        measured &= np.asarray(file["mask"][...], dtype=bool)
    if not measured.any():
        raise RawDataError(f"{path}: all of 'kspace' is zero. The data were probably never written; export them again.")
    heads = _acquisition_headers(measured, n_coils=lines.shape[2], n_samples=lines.shape[3])
    return xml, heads, np.ascontiguousarray(lines[measured]).reshape(-1), lines.shape[1]


def centre_on_array(space: EncodingSpace, n_phase_encodes: int) -> tuple[EncodingSpace, Finding]:
    """The header's limits count the lines of the original MRD file; in the array k = 0 is in the middle."""
    matrix = (1, n_phase_encodes, space.matrix[2])
    limits = Limit(0, n_phase_encodes - 1, n_phase_encodes // 2)
    found = f"'kspace' with {n_phase_encodes} phase encodes, where the header's matrix has {space.matrix[1]}"
    done = (
        "read as lines with k = 0 in the middle of the array; axial slices side by side, for the file has no positions"
    )
    finding = Finding("not MRD but fastMRI or M4Raw", "info", found, done)
    return replace(space, matrix=matrix, limits_y=limits, limits_z=None), finding


def _acquisition_headers(measured: np.ndarray, *, n_coils: int, n_samples: int) -> np.ndarray:
    """Headers of the measured lines; ``measured`` is ``(slice, phase encode)``."""
    slices, steps = np.nonzero(measured)
    heads = np.zeros(len(slices), dtype=acquisition_header_dtype)
    heads["version"] = 1
    heads["number_of_samples"] = n_samples
    heads["active_channels"] = heads["available_channels"] = n_coils
    heads["center_sample"] = n_samples // 2
    heads["idx"]["slice"] = slices
    heads["idx"]["kspace_encode_step_1"] = steps
    heads["read_dir"], heads["phase_dir"], heads["slice_dir"] = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    return heads
