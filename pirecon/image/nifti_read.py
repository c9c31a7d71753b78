"""Read a stack of slices from NIfTI."""

from __future__ import annotations

import os

import nibabel
import numpy as np
import torch

from pirecon.image.image import Image
from pirecon.rawdata.geometry import Geometry

_RAS_MM_TO_LPS_M = np.array([-1e-3, -1e-3, 1e-3])
_SHEAR = 1e-2


def read_nifti(path: str | os.PathLike[str], *, thickness: float | None = None) -> Image:
    """Read a NIfTI file as a stack of 2D slices along its third axis.

    NIfTI knows the distance of slices but not their thickness: they are taken to touch unless the thickness is given.

    Args:
        path: .nii or .nii.gz with three axes, real or complex; further axes of length 1 are left out.
        thickness: of a slice, m; the distance of the slices by default.

    Returns:
        Image, complex64 ``(slice, 1, y, x)`` in the file's unit.

    Raises:
        ValueError: other than three axes, values that are not finite, a sheared grid, or no place in the patient.
        OSError: the file cannot be read.

    Source: NIfTI-1 header, https://nifti.nimh.nih.gov/nifti-1 (+x right, +y anterior, +z superior; indices are voxel
    centres; qform_code and sform_code 0: no place in space is known).
    """
    file = nibabel.load(path)
    if not isinstance(file, nibabel.spatialimages.SpatialImage):
        raise ValueError(f"{path}: expected a NIfTI volume, but found {type(file).__name__}")
    _check_placed(path, file)
    values = np.asarray(file.dataobj)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3 or not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"{path}: a stack of slices has three axes and finite values; found shape {values.shape}, {bad} values "
            "that are not finite. Take one contrast or repetition out of a series"
        )
    data = torch.from_numpy(values.T.astype(np.complex64)).unsqueeze(-3)  # (slice, 1, y, x)
    geometry = _geometry(path, np.asarray(file.affine, dtype=float), values.shape, thickness)
    metadata: dict[str, object] = {"method": "read", "source": f"NIfTI {os.path.basename(path)}"}
    return Image(data, geometry, ("slice",), metadata=metadata)


def _geometry(
    path: str | os.PathLike[str], affine: np.ndarray, shape: tuple[int, ...], thickness: float | None
) -> Geometry:
    """Slices along the third axis; their centres are index n // 2 of x and y."""
    columns = affine[:3, :3] * _RAS_MM_TO_LPS_M[:, None]
    first = affine[:3, 3] * _RAS_MM_TO_LPS_M
    size = np.linalg.norm(columns, axis=0)  # x, y, z
    unit = columns / np.where(size > 0, size, 1.0)
    if not np.allclose(unit.T @ unit, np.eye(3), atol=_SHEAR):
        raise ValueError(f"{path}: the affine {affine.tolist()} shears or flattens the grid; resample it first")
    n_x, n_y, n_z = shape
    centre = first + columns[:, 0] * (n_x // 2) + columns[:, 1] * (n_y // 2)
    centres = centre + np.arange(n_z)[:, None] * columns[:, 2]
    left, _, right = np.linalg.svd(unit.T[::-1])
    z = float(size[2]) if thickness is None else thickness
    return Geometry((1, n_y, n_x), (z, float(size[1]), float(size[0])), centres, left @ right)


def _check_placed(path: str | os.PathLike[str], file: nibabel.spatialimages.SpatialImage) -> None:
    header = file.header
    if isinstance(header, nibabel.Nifti1Header) and not (int(header["qform_code"]) or int(header["sform_code"])):
        raise ValueError(
            f"{path}: the file does not say where its voxels lie (qform_code and sform_code are 0), so it cannot be "
            "combined with others; write it again with its affine"
        )
