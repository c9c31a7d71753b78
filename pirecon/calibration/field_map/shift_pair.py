"""A field map from two spin echoes whose readouts lie at different distances from the echo."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from pirecon.calibration.field_map.distortion import undistort_field_map
from pirecon.calibration.field_map.echoes import field_map_from_echoes
from pirecon.calibration.field_map.field_map import FieldMap
from pirecon.rawdata.geometry import Geometry


def field_map_from_shift_pair(
    images: Tensor,
    shifts: tuple[float, float],
    *,
    geometry: Geometry,
    hertz_per_voxel: float | None,
    resolution: float | None = None,
) -> FieldMap:
    """The field from a pair of spin echoes read ``shifts`` after the echo.

        ∠(y_2 / y_1)(x') = −2π δf(x) (τ_2 − τ_1),  x' = x + δf(x)/b

    Both images are distorted along the readout alike, so the phase between them is that of the field at the true place:
    it is measured in distorted space and then moved (:func:`undistort_field_map`). An error of the delay between
    gradient and samples that differs between the scans is the same as a linear field along x and cannot be told apart.

    Args:
        images: complex ``(*batch, 2, coil, z, y, x)`` in SNR units.
        shifts: τ_1, τ_2 of gradient and samples together, s; later is positive.
        geometry: of the images.
        hertz_per_voxel: b, bandwidth of a voxel along x; None leaves the map in the distorted space of the images.
        resolution: as in :func:`field_map_from_echoes`.

    Returns:
        FieldMap ``(*batch, z, y, x)``.

    Raises:
        ValueError: as in :func:`field_map_from_echoes`.

    Source: Koolstra K. et al., MAGMA 34:631 (2021), equation 4, there by iteration.
    """
    found = field_map_from_echoes(images, shifts, geometry=geometry, resolution=resolution)
    apart = 1e6 * abs(shifts[1] - shifts[0])
    _, _, end = found.source.partition(" ms, ")
    found = replace(found, source=f"field map from two spin echoes read {apart:.4g} µs apart, {end}")
    return found if hertz_per_voxel is None else undistort_field_map(found, hertz_per_voxel=hertz_per_voxel)
