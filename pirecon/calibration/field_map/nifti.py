"""A field map from a NIfTI file, on the grid of the scan."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from pirecon.calibration.field_map.field_map import FieldMap
from pirecon.calibration.nifti_map import map_from_nifti
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.gyromagnetic_ratio import GYROMAGNETIC_RATIO

FieldUnit = Literal["Hz", "ppm", "T"]


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
    hertz = _hertz_per_unit(unit, B0)
    values, known = map_from_nifti(path, geometry)
    field = values * hertz
    _check_size(path, field, unit)
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
