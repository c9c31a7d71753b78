"""Grey-scale pictures for the eye: window, orientation, montage."""

from __future__ import annotations

import math
import os

import numpy as np
import torch
from torch import Tensor

from pirecon.image.image import Image
from pirecon.image.planes import check_image, with_slices_last
from pirecon.image.whole_file import whole_file
from pirecon.rawdata.geometry import Geometry

MAX_TILES = 36
MIN_TILE = 320  # picture pixels
WHITE_PERCENTILE = 99.8
# Where the picture's right and its bottom point to (LPS), for axial, coronal and sagittal planes, by the normal's axis.
_RIGHT_AND_DOWN = {2: ((1, 0, 0), (0, 1, 0)), 1: ((1, 0, 0), (0, 0, -1)), 0: ((0, 1, 0), (0, 0, -1))}


def write_png(image: Image, path: str | os.PathLike[str]) -> None:
    """Write a montage of the magnitude of all slices as an 8-bit grey PNG, oriented as radiologists look at it.

    Slices (and other batch axes) run from left to right and from top to bottom in the order of the data; of more than
    36 an even selection is shown. Pixels are square: the coarser in-plane axis is interpolated, then small slices are
    magnified by a whole number to at least 320 picture pixels. Black is 0, white the 99.8th percentile of the
    magnitude. A picture for the eye: it holds no geometry.

    Args:
        image: complex ``(*batch, z, y, x)``.
        path: ends in .png.

    Raises:
        ValueError: data and geometry contradict each other.
        OSError: the file cannot be written.
    """
    from matplotlib import image as matplotlib_image

    check_image(image)
    data, _ = with_slices_last(image)
    planes = data.detach().cpu().abs().flatten(0, -3)  # (plane, y, x)
    chosen = even_selection(len(planes), at_most=MAX_TILES)
    montage = _montage(_magnified(radiological_view(planes[chosen], image.geometry)))
    with whole_file(path, suffix=".png") as temporary:
        matplotlib_image.imsave(temporary, montage, vmin=0.0, vmax=white_level(planes), cmap="gray", format="png")


def white_level(magnitude: Tensor) -> float:
    """The magnitude shown as white: its 99.8th percentile (so that a few bright vessels do not darken the rest).

    Returns:
        A positive number, also for an empty image.
    """
    level = float(np.percentile(np.abs(magnitude.detach().cpu().numpy()), WHITE_PERCENTILE))
    return level if level > 0 else max(float(magnitude.abs().max()), 1e-30)


def radiological_view(planes: Tensor, geometry: Geometry) -> Tensor:
    """Turn and flip planes by right angles so that they look as on a radiologist's screen, with square pixels.

    The plane is named after the axis nearest to its normal. Axial: the patient's left on the right, posterior at the
    bottom. Coronal: left on the right, inferior at the bottom. Sagittal: posterior on the right, inferior at the
    bottom. Oblique planes keep their in-plane angle.

    Args:
        planes: real ``(*batch, y, x)``.
        geometry: gives the directions and the voxel size of y and x.

    Returns:
        ``(*batch, row, column)``; rows from top to bottom, columns from left to right.

    Source: DICOM PS3.3 C.7.6.2.1.1 and the customary display: orientation (1,0,0)(0,1,0) axial, (1,0,0)(0,0,−1)
    coronal, (0,1,0)(0,0,−1) sagittal.
    """
    normal, along_y, along_x = np.asarray(geometry.directions, dtype=float)
    right, down = (np.array(v, dtype=float) for v in _RIGHT_AND_DOWN[int(np.argmax(np.abs(normal)))])
    size_y, size_x = geometry.voxel_size[1:]
    kept = abs(along_x @ right) + abs(along_y @ down)
    turned = abs(along_y @ right) + abs(along_x @ down)
    if turned > kept:
        planes, along_x, along_y = planes.mT, along_y, along_x
        size_x, size_y = size_y, size_x
    flipped = [axis for axis, cosine in ((-1, along_x @ right), (-2, along_y @ down)) if cosine < 0]
    return _square_pixels(planes.flip(flipped) if flipped else planes, size_y, size_x)


def even_selection(n: int, *, at_most: int) -> list[int]:
    """Indices of at most ``at_most`` of ``n`` things, evenly spread."""
    if n <= at_most:
        return list(range(n))
    return [int((i + 0.5) * n / at_most) for i in range(at_most)]


def _square_pixels(planes: Tensor, size_y: float, size_x: float) -> Tensor:
    pixel = min(size_y, size_x)
    n_y, n_x = planes.shape[-2:]
    size = (max(1, round(n_y * size_y / pixel)), max(1, round(n_x * size_x / pixel)))
    if size == (n_y, n_x):
        return planes
    stack = planes.reshape(-1, 1, n_y, n_x)
    resized = torch.nn.functional.interpolate(stack, size=size, mode="bilinear", align_corners=False)
    return resized.reshape(*planes.shape[:-2], *size)


def _magnified(planes: Tensor) -> Tensor:
    # Nearest neighbours: every voxel stays visible as a square of the same grey.
    factor = math.ceil(MIN_TILE / max(planes.shape[-2:]))
    return planes.repeat_interleave(factor, dim=-1).repeat_interleave(factor, dim=-2)


def _montage(planes: Tensor) -> np.ndarray:
    """Tile ``(plane, y, x)`` into the most nearly square grid."""
    n, n_y, n_x = planes.shape
    columns = min(n, max(1, math.ceil(math.sqrt(n * n_y / n_x))))
    rows = math.ceil(n / columns)
    tiles = torch.zeros(rows * columns, n_y, n_x, dtype=planes.dtype)
    tiles[:n] = planes
    grid = tiles.reshape(rows, columns, n_y, n_x).permute(0, 2, 1, 3).reshape(rows * n_y, columns * n_x)
    return np.asarray(grid.numpy())
