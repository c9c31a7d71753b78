"""A field map from a NIfTI file, on the grid of the scan."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, map_coordinates

from pirecon.calibration.field_map import FieldMap
from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.gyromagnetic_ratio import GYROMAGNETIC_RATIO

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

FieldUnit = Literal["Hz", "ppm", "T"]
LEAST_OVERLAP = 0.05  # of the scan's voxels: less is a map of something else
_RAS_MM = np.array([-1e3, -1e3, 1e3])  # from LPS m


def field_map_from_nifti(
    path: str | os.PathLike[str], geometry: Geometry, *, unit: FieldUnit, B0: float | None = None
) -> FieldMap:
    """Read a map of the off-resonance and interpolate it to the voxels of a scan.

    The file's affine says where its voxels are, in RAS mm. Values are interpolated linearly; outside of the file's
    grid, and where it holds NaN, the nearest known value is taken, with reliability 0.

    Args:
        path: .nii or .nii.gz with three axes.
        geometry: where the map is wanted.
        unit: of the values: Hz, ppm of the field, or T; differences from the scanner's frequency, positive for a
            larger field.
        B0: field strength, T; only ppm needs it.

    Returns:
        FieldMap ``(z, y, x)``, or ``(slice, z, y, x)`` for several slices; float32.

    Raises:
        ValueError: not three axes, an unknown unit, no known value, values that cannot be a deviation in this unit, or
            a map that lies elsewhere.
        OSError: the file cannot be read.
    """
    import nibabel  # slow to import, and only needed here

    image = nibabel.load(path)
    if not isinstance(image, nibabel.spatialimages.SpatialImage):
        raise ValueError(f"{path}: expected a NIfTI volume, but found {type(image).__name__}")
    values = np.asarray(image.dataobj, dtype=float) * _hertz_per_unit(unit, B0)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3 or not np.isfinite(values).any():
        raise ValueError(
            f"{path}: a field map needs three axes and known values; found shape {values.shape}, "
            f"{int(np.isfinite(values).sum())} of {values.size} values known"
        )
    _check_size(path, values, unit)
    index = _indices(np.asarray(image.affine), geometry)  # (3, slice, z, y, x)
    field, known = _interpolate(values, index)
    if known.mean() < LEAST_OVERLAP:
        raise ValueError(_elsewhere(path, image, geometry, float(known.mean())))
    found = FieldMap(
        torch.from_numpy(field).float(),
        torch.from_numpy(known).float(),
        geometry,
        f"field map {os.path.basename(path)} in {unit}, covering {100 * known.mean():.0f} % of the voxels",
    )
    one = len(field) == 1
    return replace(found, off_resonance=found.off_resonance[0], reliability=found.reliability[0]) if one else found


def _hertz_per_unit(unit: FieldUnit, B0: float | None) -> float:
    if unit == "ppm":
        if B0 is None:
            raise ValueError("a field map in ppm needs the field strength B0 in T to become Hz; give B0")
        return 1e-6 * B0 * GYROMAGNETIC_RATIO
    if unit not in ("Hz", "T"):
        raise ValueError(f"the field map's unit is {unit!r}; expected Hz, ppm or T. 1 mT is 1e-3 T: scale the file")
    return 1.0 if unit == "Hz" else GYROMAGNETIC_RATIO


def _check_size(path: str | os.PathLike[str], hertz: np.ndarray, unit: FieldUnit) -> None:
    largest = float(np.nanmax(np.abs(hertz)))
    if largest > 1e6:
        raise ValueError(
            f"{path}: taken in {unit}, the field map deviates by up to {largest:.3g} Hz, which is a field and not a "
            "deviation, or another unit; subtract B0, or give the right unit"
        )


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
        f"{path}: the field map covers {100 * overlap:.1f} % of the scan's voxels. It reaches from {box(theirs)} and "
        f"the scan from {box(ours)} (RAS mm). Is it of another scan, or has a program dropped the file's affine?"
    )
