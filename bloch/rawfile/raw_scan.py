"""What a scan leaves behind: its encoding, its readouts in order of time, and here also the truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bloch.rawfile.sampling import SamplingPattern
from bloch.sequence import Protocol

TriInt = tuple[int, int, int]
TriFloat = tuple[float, float, float]

TRANSAXIAL = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Directions whose z, y, x indices grow to superior, posterior, left."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """Cartesian encoding of a stack of slices (matrix z = 1) or of one slab.

    Attributes:
        matrix: voxels ``(z, y, x)`` of one slice or slab; readouts run along x.
        field_of_view: ``(z, y, x)``, m; z is the slice's or the slab's thickness.
        centres: centre of each slice or slab, ``(slice, 3)``, LPS patient coordinates, m; voxel ``n // 2`` lies there.
        directions: rows are unit vectors along which z, y and x index grow, ``(3, 3)``, LPS.
        sampling: measured lines ``(kz, ky)``.
        oversampling: of the readout; a whole number.
        n_averages: repeats of every imaging line.
        alternating_readout: every second line is read from high to low kx.
        sample_time: between two samples of the oversampled readout, s.
        noise_readouts: length of the noise scan; 0 for none.
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
        """Samples of one readout."""
        return self.matrix[2] * self.oversampling


@dataclass(frozen=True)
class Line:
    """One readout of the plan.

    Attributes:
        kz, ky: indices into the matrix.
        slice: index.
        average: index.
        calibration: serves coil calibration.
        imaging: serves the image.
        is_reversed: read from high to low kx.
    """

    kz: int
    ky: int
    slice: int
    average: int = 0
    calibration: bool = False
    imaging: bool = True
    is_reversed: bool = False


@dataclass(frozen=True, eq=False)
class RawScan:
    """Everything that goes into the raw file.

    Attributes:
        encoding: how.
        protocol: with which sequence.
        B0: field strength, T.
        lines: the readouts' plan, in order of time.
        samples: complex64 ``(readout, coil, sample)``, in the order they were read (reversed lines are reversed).
        noise: complex64 ``(readout, coil, sample)`` of the noise scan; zero readouts where there was none.
        truth: arrays for the side group of the file, by name.
        truth_about: what each of them is, in words.
    """

    encoding: Encoding
    protocol: Protocol
    B0: float
    lines: tuple[Line, ...]
    samples: np.ndarray
    noise: np.ndarray
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    truth_about: dict[str, str] = field(default_factory=dict)


def scan_plan(encoding: Encoding) -> tuple[Line, ...]:
    """The readouts in order of time: separate calibration first, then averages, in each the slices interleaved.

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
