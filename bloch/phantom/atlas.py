"""The ICBM152 maps: where grey and white matter lie in an average head."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PADDING = 56  # mm around the maps, so that skull, scalp and air have a distance too
COARSE = 2  # mm, grid of the head's distances


@dataclass(frozen=True)
class Grid:
    """Scalar fields on a regular grid of Montreal (MNI) coordinates.

    Attributes:
        fields: shape ``(field, z, y, x)``, float32.
        origin: coordinate ``(x, y, z)`` of index 0, mm.
        spacing: mm.
    """

    fields: Tensor
    origin: tuple[float, float, float]
    spacing: float


@dataclass(frozen=True)
class Atlas:
    """Everything the random heads are made from.

    Attributes:
        brain: grey-matter probability, white-matter probability, distance to the white-matter surface (mm, negative
            inside, clipped at ±12).
        head: distance to the inner surface of the skull (mm, negative inside).
    """

    brain: Grid
    head: Grid


def sample(grid: Grid, points: Tensor) -> Tensor:
    """Trilinear interpolation; beyond the grid the value at its border.

    Args:
        grid: fields in MNI space.
        points: coordinates ``(x, y, z)``, shape ``(z, y, x, 3)``, mm.

    Returns:
        Values ``(field, z, y, x)``, float32.
    """
    size = torch.tensor(grid.fields.shape[:0:-1], dtype=torch.float32)
    index = (points - torch.tensor(grid.origin)) / grid.spacing
    normal = index * (2 / (size - 1)) - 1
    return F.grid_sample(
        grid.fields.unsqueeze(0), normal.unsqueeze(0), mode="bilinear", padding_mode="border", align_corners=True
    )[0]


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """The ICBM152 2009a nonlinear symmetric maps which nilearn ships, at 1 mm, and distances made from them.

    Takes a few seconds once per process.

    Returns:
        Atlas.

    Raises:
        ModuleNotFoundError: nilearn is not installed.

    Source: Fonov et al., NeuroImage 54:313 (2011).
    """
    from nilearn import datasets  # heavy, and only needed here

    grey_image = datasets.load_mni152_gm_template(resolution=1)
    grey = _zyx(grey_image)
    white = _zyx(datasets.load_mni152_wm_template(resolution=1))
    inside = _zyx(datasets.load_mni152_template(resolution=1)) > 0
    x, y, z = (float(v) for v in grey_image.affine[:3, 3])
    surface = np.clip(_signed_distance(white > 0.5), -12, 12)
    brain = Grid(torch.from_numpy(np.stack([grey, white, surface]).astype(np.float32)), (x, y, z), 1.0)
    return Atlas(brain, _cranium(inside, (x, y, z)))


def _zyx(image: object) -> np.ndarray:
    values = np.asarray(image.get_fdata(dtype=np.float32))  # type: ignore[attr-defined]
    return np.ascontiguousarray(values.transpose(2, 1, 0) / max(float(values.max()), 1e-6))


def _signed_distance(mask: np.ndarray) -> np.ndarray:
    """Euclidean distance to the mask's surface in voxels, negative inside."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~mask) - distance_transform_edt(mask) + mask - 0.5


def _cranium(inside: np.ndarray, origin: tuple[float, float, float]) -> Grid:
    """Distance to the inner skull: the brain's mask on a coarse padded grid, with sulci and clefts closed."""
    pad = PADDING // COARSE
    mask = np.pad(inside[::COARSE, ::COARSE, ::COARSE], pad)
    mask[:pad] = mask[pad]  # the brain stem goes on below the maps
    closing = 12 / COARSE
    dilated = _signed_distance(mask) < closing
    closed = _signed_distance(_signed_distance(dilated) < -closing) * COARSE
    x, y, z = (v - PADDING for v in origin)
    return Grid(torch.from_numpy(closed.astype(np.float32)).unsqueeze(0), (x, y, z), float(COARSE))
