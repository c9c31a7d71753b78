"""An image as images of one slice or slab each: which batch axis is the slice."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pirecon.image.image import Image

SLICE_AXIS = "slice"


def check_image(image: Image) -> None:
    """Refuse an image whose data and geometry contradict each other.

    Raises:
        ValueError: the axes are not named, the matrix is not the data's, the slices are not as many as the centres, or
            a voxel is not finite.
    """
    shape, geometry = tuple(image.data.shape), image.geometry
    if len(shape) != 3 + len(image.batch_axes):
        raise ValueError(
            f"image.data has shape {shape}, but batch_axes names {image.batch_axes}: expected one name for each axis "
            "before (z, y, x)"
        )
    if shape[-3:] != tuple(geometry.matrix):
        raise ValueError(
            f"image.data has shape {shape}, but geometry.matrix is {tuple(geometry.matrix)}: its trailing axes must be "
            "the matrix; use geometry.with_matrix() after changing the grid"
        )
    n_slices = shape[image.batch_axes.index(SLICE_AXIS)] if SLICE_AXIS in image.batch_axes else 1
    if np.shape(geometry.centres) != (n_slices, 3):
        raise ValueError(
            f"image.data has {n_slices} slice(s), but geometry.centres has shape {np.shape(geometry.centres)}: "
            f"expected ({n_slices}, 3), one centre for each index of the batch axis {SLICE_AXIS!r}"
        )
    n_bad = int((~torch.isfinite(image.data)).sum())
    if n_bad:
        raise ValueError(
            f"the image has {n_bad} voxels that are not a number or infinite, so it is not written; the reconstruction "
            "has probably diverged, or the raw data contain such samples"
        )


def with_slices_last(image: Image) -> tuple[Tensor, tuple[str, ...]]:
    """The data with a slice axis just before z.

    Returns:
        ``(*batch, slice, z, y, x)`` (slice has length 1 where the image has no such axis), and the names of ``batch``.
    """
    if SLICE_AXIS not in image.batch_axes:
        return image.data.unsqueeze(-4), image.batch_axes
    names = tuple(name for name in image.batch_axes if name != SLICE_AXIS)
    return image.data.movedim(image.batch_axes.index(SLICE_AXIS), -4), names
