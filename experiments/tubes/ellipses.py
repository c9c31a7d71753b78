"""Tubes in a plane: where they are, how round, and in what lattice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, label, maximum_filter, zoom

SMOOTHING = 0.7  # voxels
HALF_WINDOW = 5  # voxels; the tubes stand 11 apart
FINE = 4


@dataclass(frozen=True)
class Ellipse:
    """Of one tube: centre (y, x) in voxels, root of the second moments' eigenvalues, orientation of the long axis."""

    centre: np.ndarray
    axis_ratio: float
    long_axis: float


def ellipses(plane: np.ndarray, *, least: float = 0.4) -> list[Ellipse]:
    """Of every tube whose maximum is above ``least`` times the 99.5th percentile of the smoothed magnitude."""
    smooth = gaussian_filter(np.abs(plane), SMOOTHING)
    wide = gaussian_filter(np.abs(plane), 2.0)
    peaks = (wide == maximum_filter(wide, 7)) & (wide > least * np.percentile(wide, 99.5))
    found = []
    for y, x in np.argwhere(peaks):
        window = smooth[y - HALF_WINDOW : y + HALF_WINDOW + 1, x - HALF_WINDOW : x + HALF_WINDOW + 1]
        if window.shape == (2 * HALF_WINDOW + 1,) * 2:
            found.append(_ellipse(window, np.array([y, x]) - HALF_WINDOW))
    return found


def _ellipse(window: np.ndarray, corner: np.ndarray) -> Ellipse:
    fine = zoom(window, FINE, order=3, grid_mode=False)
    step = (window.shape[0] - 1) / (fine.shape[0] - 1)
    middle = fine.shape[0] // 2
    inner = fine[middle - 8 : middle + 9, middle - 8 : middle + 9]
    islands, _ = label(fine > inner.max() / 2)
    own = islands == islands[np.unravel_index(np.argmax(np.where(_near(fine), fine, 0)), fine.shape)]
    places = np.argwhere(own) * step
    values, vectors = np.linalg.eigh(np.cov(places.T))
    angle = np.degrees(np.arctan2(vectors[0, 1], vectors[1, 1])) % 180
    return Ellipse(corner + places.mean(axis=0), float(np.sqrt(values[1] / values[0])), float(angle))


def _near(fine: np.ndarray) -> np.ndarray:
    near = np.zeros(fine.shape, bool)
    middle = fine.shape[0] // 2
    near[middle - 8 : middle + 9, middle - 8 : middle + 9] = True
    return near


@dataclass(frozen=True)
class Lattice:
    """centre(i, j) ≈ origin + i a + j b, voxels."""

    row: np.ndarray
    column: np.ndarray
    residual: float

    @property
    def angle(self) -> float:
        """Between rows and columns, degrees; 90 for a rectangular one."""
        cosine = self.row @ self.column / np.linalg.norm(self.row) / np.linalg.norm(self.column)
        return float(np.degrees(np.arccos(abs(cosine))))


def lattice(centres: np.ndarray) -> Lattice:
    """The best lattice of tubes that stand in seven rows: rows along x by their y, columns by steps within a row."""
    order = np.argsort(centres[:, 0])
    jumps = np.flatnonzero(np.diff(centres[order, 0]) > 5)
    rows = np.split(order, jumps + 1)
    steps = np.concatenate([np.diff(np.sort(centres[row, 1])) for row in rows])
    step = np.median(steps)
    index = np.zeros((len(centres), 2))
    start, slope = centres[rows[len(rows) // 2], 1].min(), 0.0
    for i, row in enumerate(rows):
        index[row, 0] = i
    # Rows are shifted against each other by less than half a step more than the row before: follow them one by one.
    for i in range(len(rows)):
        x = centres[rows[i], 1]
        if i:
            guess = start + slope
            offset = np.median((x - guess) / step - np.round((x - guess) / step)) * step
            slope, start = slope + 0.5 * offset, guess + offset
        else:
            start = x.min()
        index[rows[i], 1] = np.round((x - start) / step)
    design = np.column_stack([np.ones(len(centres)), index])
    found, *_ = np.linalg.lstsq(design, centres, rcond=None)
    left = centres - design @ found
    return Lattice(found[2], found[1], float(np.sqrt((left**2).sum(axis=1).mean())))
