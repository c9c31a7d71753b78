"""The ICBM152 maps: where grey and white matter lie in an average head."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

PADDING = 57  # mm around the maps, so that skull, scalp and air have a distance too
COARSE = 3  # mm, grid of the head's distances
WHITE_REACH = 9  # mm, the cortex lies within
SULCUS_REACH = 6  # mm


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
            inside), distance to the nearest sulcus (mm).
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

    Takes a few seconds, once per process.

    Returns:
        Atlas.

    Raises:
        ModuleNotFoundError: nilearn is not installed.

    Source: Fonov et al., NeuroImage 54:313 (2011).
    """
    from nilearn import datasets  # heavy, and only needed here

    template = datasets.load_mni152_template(resolution=1)
    inside = _zyx(template) > 0
    grey = _zyx(datasets.load_mni152_gm_template(resolution=1))
    white = _zyx(datasets.load_mni152_wm_template(resolution=1))
    x, y, z = (float(v) for v in template.affine[:3, 3])
    head = _cranium(inside, (x, y, z))
    box = _bounding_box(inside)
    surface = signed_distance(white[box] > 0.5, WHITE_REACH)
    sulci = distance_to(_sulci(surface), SULCUS_REACH)
    corner = (x + box[2].start, y + box[1].start, z + box[0].start)
    return Atlas(Grid(torch.stack([grey[box], white[box], surface, sulci]), corner, 1.0), head)


def distance_to(mask: Tensor, reach: int) -> Tensor:
    """Euclidean distance to the nearest voxel of a mask, exact up to a reach and clipped there.

    ``d²(x) = min_k d²(x + k) + k²``, one axis after the other.

    Args:
        mask: bool, ``(z, y, x)``.
        reach: voxels.

    Returns:
        Distance, voxels, float32.

    Source: Felzenszwalb & Huttenlocher, Theory of Computing 8:415 (2012), section 2, with a bounded search.
    """
    squares = torch.where(mask, 0.0, float(reach**2))
    for axis in range(mask.ndim):
        before = squares.clone()
        raised = torch.empty_like(squares)
        for k in range(1, min(reach, mask.shape[axis])):
            n = mask.shape[axis] - k
            for here, there in ((0, k), (k, 0)):
                target, sum_ = squares.narrow(axis, here, n), raised.narrow(axis, here, n)
                torch.add(before.narrow(axis, there, n), float(k**2), out=sum_)
                torch.minimum(target, sum_, out=target)
    return squares.sqrt()


def signed_distance(mask: Tensor, reach: int) -> Tensor:
    """Distance to the surface of a mask in voxels, negative inside, clipped at ± reach."""
    return torch.where(mask, 0.5 - distance_to(~mask, reach), distance_to(mask, reach) - 0.5)


def _zyx(image: Any) -> Tensor:
    values = torch.from_numpy(image.get_fdata(dtype=np.float32)).permute(2, 1, 0).contiguous()
    return values / values.max()


def _bounding_box(mask: Tensor, margin: int = 3) -> tuple[slice, slice, slice]:
    found = mask.nonzero()
    low = (found.amin(0) - margin).clamp_min(0).tolist()
    high = (found.amax(0) + margin + 1).tolist()
    z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
    return z, y, x


def _sulci(surface: Tensor) -> Tensor:
    """Where two banks of white matter are equally far: there the gradient of the distance vanishes."""
    slope = torch.stack(torch.gradient(_blur(surface))).norm(dim=0)
    return (slope < 0.75) & (surface > 1.2) & (surface < WHITE_REACH - 1)


def _cranium(inside: Tensor, origin: tuple[float, float, float]) -> Grid:
    """Distance to the inner skull: the brain's mask on a coarse padded grid, with sulci and clefts closed."""
    pad = PADDING // COARSE
    mask = F.pad(inside[::COARSE, ::COARSE, ::COARSE], (pad,) * 6)
    mask[:pad] = mask[pad]  # the brain stem goes on below the maps
    closing = 12 // COARSE
    dilated = signed_distance(mask, closing + 2) < closing
    closed = signed_distance(dilated, closing + 2) < -closing
    distance = _blur(_blur(signed_distance(closed, PADDING // COARSE))) * COARSE
    x, y, z = (v - pad * COARSE for v in origin)
    return Grid(distance.unsqueeze(0), (x, y, z), float(COARSE))


def _blur(volume: Tensor) -> Tensor:
    """Binomial filter (1, 2, 1)/4 along each axis."""
    for axis in range(3):
        edge = [0, 0, 0, 0, 0, 0]
        edge[2 * (2 - axis)] = edge[2 * (2 - axis) + 1] = 1
        padded = F.pad(volume[None, None], edge, mode="replicate")[0, 0]
        n = volume.shape[axis]
        volume = (padded.narrow(axis, 0, n) + 2 * padded.narrow(axis, 1, n) + padded.narrow(axis, 2, n)) / 4
    return volume
