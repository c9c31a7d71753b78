"""A map from a NIfTI file, on the grid of the scan."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates

from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.rawdata.geometry import Geometry

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

LEAST_OVERLAP = 0.05  # of the scan's voxels: less is a map of something else
_RAS_MM = np.array([-1e3, -1e3, 1e3])  # from LPS m


def map_from_nifti(path: str | os.PathLike[str], geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Read a map and interpolate it to the voxels of a scan.

    The file's affine says where its voxels are, in RAS mm. Values are interpolated linearly; outside of the file's
    grid, and where it holds NaN, the nearest known value is taken.

    Args:
        path: .nii or .nii.gz with three axes.
        geometry: where the map is wanted.

    Returns:
        Values ``(slice, z, y, x)``, float64, and which of them are known, bool.

    Raises:
        ValueError: not three axes, no known value, or a map that lies elsewhere.
        OSError: the file cannot be read.
    """
    import nibabel  # slow to import, and only needed here

    try:
        image = nibabel.load(path)
    except nibabel.filebasedimages.ImageFileError as error:
        raise ValueError(f"{path}: this is no NIfTI file ({error}); give a .nii or .nii.gz with the map") from error
    if not isinstance(image, nibabel.spatialimages.SpatialImage):
        raise ValueError(f"{path}: expected a NIfTI volume, but found {type(image).__name__}")
    values = np.asarray(image.dataobj, dtype=float)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3 or not np.isfinite(values).any():
        raise ValueError(
            f"{path}: a map needs three axes and known values; found shape {values.shape}, "
            f"{int(np.isfinite(values).sum())} of {values.size} values known"
        )
    index = _indices(np.asarray(image.affine), geometry)  # (3, slice, z, y, x)
    found, known = _interpolate(values, index)
    if known.mean() < LEAST_OVERLAP:
        raise ValueError(_elsewhere(path, image, geometry, float(known.mean())))
    return found, known


def _indices(affine: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Where every voxel of the scan lies in the file's grid, ``(3, slice, z, y, x)``."""
    points = voxel_positions(geometry).numpy() * _RAS_MM
    inverse = np.linalg.inv(affine)
    return np.moveaxis(points @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)


def _interpolate(values: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values at fractional indices, and which of them lie within half a voxel of the known grid."""
    known = np.isfinite(values)
    if not known.all():
        nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
        values = values[tuple(nearest)]
    limits = np.array(values.shape).reshape(3, *(1,) * (index.ndim - 1))
    inside = ((index >= -0.5) & (index <= limits - 0.5)).all(axis=0)
    field = map_coordinates(values, index, order=1, mode="nearest")
    sure = map_coordinates(known.astype(float), index, order=0, mode="nearest") > 0
    return field, inside & sure


def _elsewhere(
    path: str | os.PathLike[str], image: SpatialImage, geometry: Geometry, overlap: float
) -> str:
    corners = np.array(np.meshgrid(*((0, n - 1) for n in image.shape[:3]))).reshape(3, -1)
    theirs = (image.affine[:3, :3] @ corners).T + image.affine[:3, 3]
    ours = voxel_positions(geometry).reshape(-1, 3).numpy() * _RAS_MM
    box = lambda p: " to ".join(str(np.round(edge(axis=0), 1).tolist()) for edge in (p.min, p.max))  # noqa: E731
    return (
        f"{path}: the map covers {100 * overlap:.1f} % of the scan's voxels. It reaches from {box(theirs)} and "
        f"the scan from {box(ours)} (RAS mm). Is it of another scan, or has a program dropped the file's affine?"
    )
