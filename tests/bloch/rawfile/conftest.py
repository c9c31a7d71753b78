"""Small scans that the tests of the raw file share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bloch.phantom import Phantom
from bloch.receiver import loop_array
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, Protocol, SamplingPattern, fully_sampled

PROTOCOL = Protocol("turbo_spin_echo", 0.08, 3.0, echo_train_length=8, echo_spacing=0.01)


@pytest.fixture
def protocol() -> Protocol:
    return PROTOCOL


@pytest.fixture
def scanner() -> Scanner:
    return Scanner(0.064, loop_array(3))


@pytest.fixture
def box() -> Phantom:
    """A lopsided box of grey matter and a block of CSF, 2 mm voxels in the plane, 5 planes of 5 mm."""
    fractions = torch.zeros(2, 5, 40, 36)
    fractions[0, :, 8:30, 6:24] = 1
    fractions[:, 3:, 20:28, 10:16] = torch.tensor([0.0, 1.0])[:, None, None, None]
    return Phantom(fractions, ("grey_matter", "csf"), (5e-3, 4e-3, 4e-3))


def make_encoding(
    matrix: tuple[int, int, int] = (1, 21, 16),
    *,
    sampling: SamplingPattern | None = None,
    centres: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 0.0),),
    directions: np.ndarray = TRANSAXIAL,
    n_averages: int = 1,
    alternating_readout: bool = False,
) -> Encoding:
    return Encoding(
        matrix,
        (0.005 * matrix[0], 0.16, 0.14),
        np.array(centres),
        directions,
        fully_sampled(matrix[:2]) if sampling is None else sampling,
        n_averages=n_averages,
        alternating_readout=alternating_readout,
        noise_readouts=4,
    )
