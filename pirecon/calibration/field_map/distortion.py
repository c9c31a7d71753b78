"""A field map that was measured in distorted images, put where the field is."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pirecon.calibration.field_map.field_map import FieldMap


def undistort_field_map(field_map: FieldMap, *, hertz_per_voxel: float, axis: int = -1) -> FieldMap:
    """Move each value to its true place.

        x = x' − δf'(x') / b

    An image encoded in time along x shows the spin at x at x' = x + δf(x)/b, where b is the bandwidth of a voxel. As
    the map itself says how far each of its values was moved, nothing has to be iterated. Where places overtake each
    other the image has folded over and several fields lie at one x'; the map is held constant there.

    Args:
        field_map: δf' on the grid of the distorted image.
        hertz_per_voxel: b; negative where k falls with time.
        axis: of the readout (−1), or of the blips in an echo-planar scan (−2, −3).

    Returns:
        δf on the same grid.

    Raises:
        ValueError: b is 0 or the axis none of −1, −2, −3.

    Source: Jezzard P., Balaban R. S., Magn Reson Med 34:65 (1995); Reber P. J. et al., Magn Reson Med 39:328 (1998).
    """
    if hertz_per_voxel == 0 or axis not in (-1, -2, -3):
        raise ValueError(
            f"hertz_per_voxel is {hertz_per_voxel} and axis {axis}; expected the bandwidth of a voxel, such as "
            "20 kHz / 128 = 156 Hz, and an axis of -1 (x), -2 (y) or -3 (z)"
        )
    field = field_map.off_resonance.movedim(axis, -1).contiguous()
    places = torch.arange(field.shape[-1], dtype=field.dtype, device=field.device)
    true_place = (places - field / hertz_per_voxel).cummax(dim=-1).values
    reliability = field_map.reliability.movedim(axis, -1)
    wanted = places.expand(field.shape).contiguous()
    source = f"{field_map.source}; moved to its true places ({abs(hertz_per_voxel):.4g} Hz per voxel)"
    return replace(
        field_map,
        off_resonance=_interpolate(field, true_place, wanted).movedim(-1, axis),
        reliability=_interpolate(reliability, true_place, wanted).movedim(-1, axis),
        source=source,
    )


def _interpolate(values: Tensor, known: Tensor, wanted: Tensor) -> Tensor:
    """Linear interpolation from growing places ``known`` on the last axis; constant beyond the ends."""
    n = values.shape[-1]
    if n == 1:
        return values
    right = torch.searchsorted(known, wanted).clamp(1, n - 1)
    low, high = known.gather(-1, right - 1), known.gather(-1, right)
    part = ((wanted - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
    return torch.lerp(values.gather(-1, right - 1), values.gather(-1, right), part)
