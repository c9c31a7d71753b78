"""Write an image to a file; the ending of its name chooses the format."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from pirecon.image.image import Image
from pirecon.image.mrd_image import write_mrd_image
from pirecon.image.nifti import affine_ras_mm, write_nifti
from pirecon.image.picture import write_png
from pirecon.image.planes import check_image
from pirecon.image.whole_file import check_folder, whole_file
from pirecon.rawdata.geometry import Geometry

FORMATS = {
    ".nii.gz": "NIfTI, compressed",
    ".nii": "NIfTI",
    ".h5": "MRD (ISMRMRD) images",
    ".npy": "NumPy array, complex",
    ".png": "montage of all slices",
}


def write_image(image: Image, path: str | os.PathLike[str], *, magnitude: bool = True) -> None:
    """Write an image in the format which the path's ending names; the file appears whole or not at all.

    Args:
        image: complex ``(*batch, z, y, x)`` in SNR units; they are written as they are.
        path: ends in .nii.gz, .nii, .h5 (MRD images), .npy (the complex array, without geometry) or .png.
        magnitude: write ``|data|`` to NIfTI and MRD, otherwise the complex image.

    Raises:
        ValueError: unknown ending, image and geometry contradict each other, or the format cannot hold the image.
        OSError: the folder is missing or refuses the file.
    """
    check_output_path(path)
    suffix = output_suffix(path)
    if suffix in (".nii", ".nii.gz"):
        write_nifti(image, path, magnitude=magnitude)
    elif suffix == ".h5":
        write_mrd_image(image, path, magnitude=magnitude)
    elif suffix == ".png":
        write_png(image, path)
    else:
        _write_npy(image, path)


def check_output_path(path: str | os.PathLike[str], *, geometry: Geometry | None = None) -> None:
    """Refuse, before a long computation, a path that :func:`write_image` would refuse after it.

    Args:
        path: where the image shall go.
        geometry: of the image; where given, it is also checked that NIfTI can hold these slices.

    Raises:
        ValueError: unknown ending, an .h5 file that holds raw data, or slices which are no even stack (NIfTI).
        OSError: the folder does not exist or takes no new files, or the path is a folder.
    """
    suffix = output_suffix(path)
    check_folder(path)
    if suffix == ".h5":
        _refuse_raw_data(Path(path))
    if geometry is not None and suffix in (".nii", ".nii.gz"):
        affine_ras_mm(geometry)


def output_suffix(path: str | os.PathLike[str]) -> str:
    """The ending that chooses the format.

    Raises:
        ValueError: it is none of the known ones.
    """
    name = Path(path).name.lower()
    for suffix in FORMATS:
        if name.endswith(suffix) and name != suffix:
            return suffix
    choices = ", ".join(f"{suffix} ({meaning})" for suffix, meaning in FORMATS.items())
    raise ValueError(f"{path}: the ending names no format in which images are written; choose one of {choices}")


def _write_npy(image: Image, path: str | os.PathLike[str]) -> None:
    check_image(image)
    with whole_file(path, suffix=".npy") as temporary:
        np.save(temporary, image.data.detach().cpu().resolve_conj().numpy())


def _refuse_raw_data(path: Path) -> None:
    # `reconstruct scan.h5 -o scan.h5` must not cost anyone their measurement.
    if not path.is_file() or not h5py.is_hdf5(path):
        return
    with h5py.File(path, "r") as file:
        raw = "kspace" in file or any(
            isinstance(group, h5py.Group) and isinstance(group.get("data"), h5py.Dataset) for group in file.values()
        )
    if raw:
        raise ValueError(f"{path}: holds raw data, which the image would replace; choose another name for the output")
