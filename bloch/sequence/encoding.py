"""What is measured, and where: matrix, field of view, slices, and the readouts in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bloch.sequence.sampling import SamplingPattern

TriInt = tuple[int, int, int]
TriFloat = tuple[float, float, float]
TrajectoryName = Literal["cartesian", "epi", "radial", "spiral", "other"]

TRANSAXIAL = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Directions whose z, y, x indices grow to superior, posterior, left."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """Encoding of a stack of slices (matrix z = 1) or of one slab.

    Attributes:
        matrix: voxels ``(z, y, x)`` of one slice or slab; Cartesian readouts run along x.
        field_of_view: ``(z, y, x)``, m; z is the slice's or the slab's thickness.
        centres: centre of each slice or slab, ``(slice, 3)``, LPS patient coordinates, m; voxel ``n // 2`` lies there.
        directions: rows are unit vectors along which z, y and x index grow, ``(3, 3)``, LPS: slice, phase and read.
        sampling: measured lines ``(kz, ky)``.
        oversampling: of the readout; a whole number.
        n_averages: repeats of every imaging line.
        alternating_readout: every second line is read from high to low kx.
        sample_time: between two samples of the oversampled readout, s; its inverse is the receiver's bandwidth.
        noise_readouts: length of the noise scan; 0 for none.
        trajectory: how k-space is travelled.
    """

    matrix: TriInt
    field_of_view: TriFloat
    centres: np.ndarray
    directions: np.ndarray
    sampling: SamplingPattern
    oversampling: int = 2
    n_averages: int = 1
    alternating_readout: bool = False
    sample_time: float = 25e-6
    noise_readouts: int = 32
    trajectory: TrajectoryName = "cartesian"

    def __post_init__(self) -> None:
        if self.sampling.shape != self.matrix[:2]:
            raise ValueError(
                f"the sampling pattern has {self.sampling.shape} lines (kz, ky), but the matrix {self.matrix} has "
                f"{self.matrix[:2]}; make both of the same size"
            )
        if not np.allclose(self.directions @ self.directions.T, np.eye(3), atol=1e-6):
            raise ValueError(f"directions must be orthogonal unit vectors (rows z, y, x), found {self.directions}")

    @property
    def voxel_size(self) -> TriFloat:
        """Edge lengths ``(z, y, x)``, m."""
        z, y, x = (f / n for f, n in zip(self.field_of_view, self.matrix, strict=True))
        return z, y, x

    @property
    def n_samples(self) -> int:
        """Samples of one Cartesian readout."""
        return self.matrix[2] * self.oversampling


@dataclass(frozen=True)
class Line:
    """One readout of the plan.

    Attributes:
        kz, ky: indices into the matrix; of a spoke or an interleaf its number along each.
        slice: index.
        average: index.
        calibration: serves coil calibration.
        imaging: serves the image.
        is_reversed: read from high to low kx.
        contrast: index of the echo that is an image of its own.
        segment: index of the echo in its train.
        shot: index of the excitation that it follows.
        phase_correction: a line through k = 0 that tells how odd and even lines differ (EPI).
    """

    kz: int
    ky: int
    slice: int
    average: int = 0
    calibration: bool = False
    imaging: bool = True
    is_reversed: bool = False
    contrast: int = 0
    segment: int = 0
    shot: int = 0
    phase_correction: bool = False


def scan_plan(encoding: Encoding) -> tuple[Line, ...]:
    """The Cartesian readouts in order: separate calibration first, then averages, in each the slices interleaved.

    Args:
        encoding: how to scan.

    Returns:
        The lines.
    """
    pattern = encoding.sampling
    n_slices = len(encoding.centres)
    slices = [*range(0, n_slices, 2), *range(1, n_slices, 2)]  # neighbours apart in time, as scanners do
    plan: list[Line] = []
    if pattern.separate:
        block = np.argwhere(pattern.calibration).tolist()
        plan += [Line(kz, ky, s, calibration=True, imaging=False) for s in slices for kz, ky in block]
    embedded = np.zeros_like(pattern.calibration) if pattern.separate else pattern.calibration
    for average in range(encoding.n_averages):
        for s in slices:
            for i, (kz, ky) in enumerate(np.argwhere(pattern.imaging | embedded).tolist()):
                flip = encoding.alternating_readout and i % 2 == 1
                plan.append(Line(kz, ky, s, average, calibration=bool(embedded[kz, ky]), is_reversed=flip))
    return tuple(plan)
