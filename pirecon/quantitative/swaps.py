"""Regions whose fat and water might be exchanged, and how sure it is that they are not."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import find_objects, label
from torch import Tensor

from pirecon.quantitative.first_field import FirstField
from pirecon.quantitative.islands import SURE

SMALLEST = 4  # voxels of a region; smaller ones are held by their neighbours
REACH = 3  # labels about the exchanged solution
CLOSE = 1.0
"""Log-likelihood per voxel by which what the model does not know (decays, spectrum, phases) may favour either
solution; it errs in all voxels of a region alike, so that many voxels are no more certain than one."""


def swap_margin(first: FirstField, fatty: Tensor) -> Tensor:
    """How much worse a region would be explained with fat and water exchanged, per voxel.

    Regions are connected voxels with signal: of mostly fat, of mostly water, and of either. A region as a whole is
    offered the fields at which its fat looks like water and its water like fat, each voxel's nearest minimum there; the
    rest stays. The increase is that of the data plus that of the pairs across the borders.

    Args:
        first: of the search.
        fatty: more fat than water, bool ``(z, y, x)``.

    Returns:
        Least increase of energy over voxels of the region, float64 ``(z, y, x)``; infinite outside regions.
    """
    cost, labels, fat = (t.cpu().numpy() for t in (first.cost, first.labels, fatty))
    sure = np.ptp(cost, axis=0) > SURE
    margin = np.full(labels.shape, np.inf)
    steps = (first.swap, first.swap - first.turn)
    offers = [_exchanged(cost, labels, np.where(fat, -of_fat, of_water)) for of_fat in steps for of_water in steps]
    for kind in (sure, sure & fat, sure & ~fat):
        numbered, _ = label(kind)
        for i, box in enumerate(find_objects(numbered), start=1):
            # One voxel around the region, for the pairs across its border.
            wide = tuple(slice(max(b.start - 1, 0), b.stop + 1) for b in box)
            region = numbered[wide] == i
            if region.sum() < SMALLEST:
                continue
            parts = region * (1 + fat[wide])
            gains = [
                extra[wide][region].sum() + _border(labels[wide], moved[wide], parts, first.weights)
                for moved, extra in offers
            ]
            margin[wide][region] = np.minimum(margin[wide][region], min(gains) / region.sum())
    return torch.from_numpy(margin).to(first.cost.device)


def certainty(margin: Tensor) -> Tensor:
    """1 − exp(−margin of a voxel), 0 where the exchanged solution is the better one."""
    return 1 - torch.exp(-margin.clamp_min(0) / CLOSE)


def _exchanged(cost: np.ndarray, labels: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best label within reach of a step away, and what the data then cost more."""
    near = np.clip(labels + steps + np.arange(-REACH, REACH + 1)[:, None, None, None], 0, len(cost) - 1)
    values = np.take_along_axis(cost, near, axis=0)
    best = values.argmin(0)[None]
    moved = np.take_along_axis(near, best, axis=0)[0]
    return moved, np.take_along_axis(values, best, axis=0)[0] - np.take_along_axis(cost, labels[None], axis=0)[0]


def _border(labels: np.ndarray, moved: np.ndarray, parts: np.ndarray, weights: tuple[float, float, float]) -> float:
    """What pairs across borders cost more; parts are 0 where nothing moves, 1 water, 2 fat."""
    after = np.where(parts > 0, moved, labels)
    total = 0.0
    for axis, weight in enumerate(weights):
        across = np.diff(parts, axis=axis) != 0
        change = np.square(np.diff(after, axis=axis)) - np.square(np.diff(labels, axis=axis))
        total += weight * float(change[across].sum())
    return total
