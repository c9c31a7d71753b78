"""The 0.055 T protocols, and how they are played and heard here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bloch.receiver import solenoid
from bloch.scanner import Scanner
from bloch.sequence import Encoding, Protocol, fully_sampled

B0 = 0.055
FRONT_TO_BACK = (0.0, 1.0, 0.0)
TOWARDS_PATIENT = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Slices to inferior, lines to the patient's right, samples to anterior: as the real files have it."""

FIELD_OF_VIEW = 0.25
THICKNESS = 0.01
MAX_GRADIENT = 4e-3
"""The weakest gradients, in whole mT/m, whose lobes fit into the echo times and spacings, T/m.

Those of the real scanner are not known here. The stronger and shorter the lobes, the larger the concomitant fields
(they grow as G²/B0): with 25 mT/m they spoil the echo trains.
"""

N_SAMPLES = 128
N_PARTITIONS = 32
"""Of the 3D scans from which the published slices come (recalled, not confirmed)."""


@dataclass(frozen=True)
class Contrast:
    """One of the three scans.

    Attributes:
        name: as in the file names.
        title: for readers.
        protocol: times and angles (recalled from the paper, not confirmed; the echo trains are worked out from them).
        bandwidth: of the field of view along the readout, Hz.
        n_lines: that the real files hold and the simulation plays.
        n_dummies: repetitions that bring the steady state which a 3D scan of thousands of repetitions has.
    """

    name: str
    title: str
    protocol: Protocol
    bandwidth: float
    n_lines: int
    n_dummies: int


CONTRASTS = (
    Contrast(
        "GRE", "T1-weighted GRE", Protocol("spoiled_gradient_echo", 0.013, 0.052, flip_angle=math.radians(40)),
        6250.0, 196, 40,
    ),
    Contrast(
        "FSE", "T2-weighted FSE",
        Protocol("turbo_spin_echo", 11 * 0.01836, 1.5, echo_train_length=21, echo_spacing=0.01836), 10e3, 126, 3,
    ),
    Contrast(
        "FLAIR", "FLAIR-like FSE",
        Protocol("turbo_spin_echo", 7 * 0.01842, 0.5, echo_train_length=13, echo_spacing=0.01842), 10e3, 126, 3,
    ),
)  # fmt: skip


def scanner() -> Scanner:
    """A permanent magnet with its poles above and below the patient, and a solenoid round the head."""
    return Scanner(B0, solenoid(B0_direction=FRONT_TO_BACK), FRONT_TO_BACK, max_gradient=MAX_GRADIENT)


def encoding(contrast: Contrast, height: float) -> Encoding:
    """One slice with the matrix and directions of the real files.

    Args:
        contrast: which.
        height: of the slice's centre, towards the patient's head, m.

    Returns:
        Encoding.
    """
    oversampling = 2
    return Encoding(
        (1, contrast.n_lines, N_SAMPLES),
        (THICKNESS, FIELD_OF_VIEW, FIELD_OF_VIEW),
        np.array([[0.0, 0.0, height]]),
        TOWARDS_PATIENT,
        fully_sampled((1, contrast.n_lines)),
        oversampling=oversampling,
        sample_time=round(1e7 / (contrast.bandwidth * oversampling)) * 1e-7,
    )
