"""A scanner, encodings, and the times of a sequence, worked out without the package's own helpers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, Line, RFPulse, SamplingPattern, Sequence, fully_sampled

MakeEncoding = Callable[..., Encoding]


@pytest.fixture(scope="session")
def scanner() -> Scanner:
    return Scanner(0.3, volume_coil())


@pytest.fixture(scope="session")
def encoding_of() -> MakeEncoding:
    def make(
        matrix: tuple[int, int, int] = (1, 12, 13),
        *,
        n_slices: int = 1,
        fov: tuple[float, float] = (0.22, 0.2),
        sampling: SamplingPattern | None = None,
        sample_time: float = 20e-6,
        **options: object,
    ) -> Encoding:
        centres = np.array([[0.0, 0.0, 7e-3 * (i - n_slices // 2)] for i in range(n_slices)])
        pattern = fully_sampled(matrix[:2]) if sampling is None else sampling
        fov_z = 5e-3 * matrix[0]
        return Encoding(matrix, (fov_z, *fov), centres, TRANSAXIAL, pattern, sample_time=sample_time, **options)  # type: ignore[arg-type]

    return make


@dataclass(frozen=True, eq=False)
class Played:
    """Pulses and readouts of a sequence with their times from its start, s."""

    pulses: list[tuple[float, RFPulse]]
    readouts: list[tuple[np.ndarray, Line]]


@pytest.fixture(scope="session")
def played() -> Callable[[Sequence], Played]:
    def times(sequence: Sequence) -> Played:
        start, pulses, readouts = 0.0, [], []
        for block in sequence.blocks:
            if block.rf is not None:
                pulses.append((start + block.rf.delay + len(block.rf.rotations) * block.rf.raster / 2, block.rf))
            if block.readout is not None:
                r = block.readout
                assert r.label is not None
                readouts.append((start + r.delay + (np.arange(r.n_samples) + 0.5) * r.dwell, r.label))
            start += block.duration
        return Played(pulses, readouts)

    return times
