"""Open a raw file, and say what it is when it is not one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from pirecon.rawdata.finding import RawDataError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# What else people have on their disks, by offset and first bytes.
OTHER_KINDS = (
    (128, b"DICM", "a DICOM file, which holds images and no raw data"),
    (344, b"n+1\0", "a NIfTI file, which holds images and no raw data"),
    (0, b"\x1f\x8b", "compressed with gzip (unpack it first; a .nii.gz holds images and no raw data)"),
    (0, b"PK\x03\x04", "a zip archive (unpack it first)"),
    (0, b"MATLAB 5.0", "a MATLAB 5 file (write its arrays as MRD)"),
    (0, b"<?xml", "an XML file"),
)
LARGEST_EXPANSION = 1000
"""A stored byte may stand for so many in memory (gzip reaches about as much); a file that claims more is refused."""


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, with an error that says what is wrong if it is none.

    Raises:
        FileNotFoundError: there is no such file.
        RawDataError: a folder, empty, cut off, damaged, or not HDF5.
    """
    _check_kind(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _damaged(path, error) from error
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError) as error:  # h5py raises these for damage inside
            raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RawDataError:
    said = " ".join(str(error).split())
    return RawDataError(
        f"{path}: the HDF5 file cannot be read to its end ({said}). It was probably cut off while it was written or "
        "copied; copy it again and compare its size with the original."
    )


def _check_kind(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file. Check the path; the working folder is {Path.cwd()}.")
    if path.is_dir():
        raise RawDataError(f"{path}: this is a folder, not a file. Give the MRD file inside it.")
    with path.open("rb") as stream:
        start = stream.read(512)
    if not start:
        raise RawDataError(f"{path}: the file is empty. It was probably never written to its end; copy it again.")
    if start.startswith(HDF5_SIGNATURE) or h5py.is_hdf5(path):
        return
    kinds = [what for offset, magic, what in OTHER_KINDS if start[offset : offset + len(magic)] == magic]
    what = f"It is {kinds[0]}. " if kinds else ""
    raise RawDataError(
        f"{path}: this is not an HDF5 file, and MRD (ISMRMRD) raw data are HDF5. {what}Convert the scanner's raw data "
        "first, with siemens_to_ismrmrd, philips_to_ismrmrd, ge_to_ismrmrd or the converter of your console."
    )


def check_expansion(dataset: h5py.Dataset, path: Path) -> None:
    """Refuse a dataset that would need far more memory than the file has bytes.

    Raises:
        RawDataError: it claims more than ``LARGEST_EXPANSION`` bytes for each byte of the file.
    """
    n_bytes = dataset.size * dataset.dtype.itemsize
    if n_bytes > LARGEST_EXPANSION * path.stat().st_size:
        raise RawDataError(
            f"{path}: '{dataset.name}' claims {n_bytes / 2**30:.1f} GiB, but the file has only "
            f"{path.stat().st_size / 2**20:.3f} MiB; at most {LARGEST_EXPANSION} times as much is read. The data were "
            "probably never written, or the file is damaged; write or copy it again."
        )
