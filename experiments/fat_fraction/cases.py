"""What is scanned, and what is found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """Field, T; lean tissue; peak to peak of the magnet, ppm; seed of the magnet."""

    B0: float
    lean: str
    inhomogeneity: float
    seed: int


@dataclass(frozen=True)
class Found:
    """Of one case and SNR, per vial: bias, standard error of the bias, scatter of a voxel, predicted scatter, all as
    fractions; and the largest error of a voxel."""

    case: Case
    snr: float
    bias: np.ndarray
    error: np.ndarray
    scatter: np.ndarray
    predicted: np.ndarray
    worst: float
