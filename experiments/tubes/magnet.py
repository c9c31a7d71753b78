"""The field of the pair beside the measured field of the magnet."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.io import loadmat

from pirecon.rawdata.gyromagnetic_ratio import GYROMAGNETIC_RATIO

SPACING = 5e-3  # m, assumed


@dataclass(frozen=True)
class Agreement:
    """Of one orientation, on the voxels that did not choose it; ``spread`` is that of the pair's field, Hz."""

    orientation: str
    correlation: float
    residual: float
    spread: float
    rank: str


def magnet_map(path: Path, name: str) -> np.ndarray:
    """Deviation from the mean, Hz, NaN where not measured."""
    field = loadmat(path)[name] * 1e-3 * GYROMAGNETIC_RATIO
    return np.asarray(field - np.nanmean(field))


def agreement(
    measured: np.ndarray, points: np.ndarray, field: np.ndarray, chosen: np.ndarray, *, order: int
) -> Agreement:
    """The orientation (48, and two signs) with the highest correlation on ``chosen``, judged on the other voxels.

    Args:
        measured: map, Hz.
        points: z, y, x of voxels ``(n, 3)``, m.
        field: there, Hz.
        chosen: which of them choose.
        order: polynomials up to this one are taken out of both, on either part for itself: 0 the mean, 1 gradients.
    """
    axes = [(np.arange(n) - n // 2) * SPACING for n in measured.shape]
    interpolate = RegularGridInterpolator(axes, measured, bounds_error=False, fill_value=np.nan)
    rows = []
    for axis, flip in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        there = interpolate(points[:, axis] * np.array(flip))
        known = np.isfinite(there)
        parts = []
        for part in (chosen & known, ~chosen & known):
            parts.append((_without(there[part], points[part], order), _without(field[part], points[part], order)))
        for sign in (1, -1):
            scores = [np.corrcoef(sign * a, b)[0, 1] for a, b in parts]
            a, b = parts[1]
            turned = ", ".join(("" if f > 0 else "−") + "zyx"[i] for i, f in zip(axis, flip, strict=True))
            name = f"{'−' if sign < 0 else '+'}({turned})"
            rows.append((scores[0], scores[1], float(np.sqrt(((b - sign * a) ** 2).mean())), name, float(b.std())))
    rows.sort(reverse=True)
    best = rows[0]
    others = sorted((row[1] for row in rows[1:]), reverse=True)
    return Agreement(
        best[3], best[1], best[2], best[4], f"next {others[0]:.2f}, median size {np.median(np.abs(others)):.2f}"
    )


def _without(values: np.ndarray, points: np.ndarray, order: int) -> np.ndarray:
    design = np.column_stack([np.ones(len(points)), points]) if order else np.ones((len(points), 1))
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0])
