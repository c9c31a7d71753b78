"""Blocks of voxels, whose isochromats stay in the processor's cache: sizes, and what the compiled loops are given.

One block holds ``LANES`` voxels and all their isochromats. Its arrays are flat, rows of ``LANES`` numbers, because only
then does the compiler see that rows do not overlap, and makes vector instructions of every loop over voxels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LANES = 128
"""Voxels of a block."""

HELD = 32
"""Samples of a block that are held, until all voxels' are written together."""

# Rows of one isochromat's state, of its phasor, and of the workspace of pulses (float64; voxel rows, then states).
X, Y, Z, XS, YS, STATE = (k * LANES for k in range(6))
RE, IM, PHASOR = (k * LANES for k in range(3))
M0, D1, D2, BR, BI, CY, QX, QY, QZ, QC, VOXEL = (k * LANES for k in range(11))
MOMENT, OPERATOR = 3 * LANES, 12 * LANES


class Body(NamedTuple):
    """Voxels, their number padded to a multiple of ``LANES``.

    Attributes:
        places: terms of the precession, ``(term, isochromat, voxel)``.
        equilibrium: of one isochromat, ``(voxel,)``.
        R1: float64 ``(voxel,)``, 1/s.
        R2: float64 ``(voxel,)``, 1/s.
        transmit: real and imaginary part, float64 ``(2, voxel)``.
        n_voxels: without padding.
    """

    places: np.ndarray
    equilibrium: np.ndarray
    R1: np.ndarray
    R2: np.ndarray
    transmit: np.ndarray
    n_voxels: int


class Slots(NamedTuple):
    """What is kept for a block while its segments play: −1 for what is computed when it is met.

    Attributes:
        row: int64 ``(row,)``.
        pulse: int64 ``(pulse,)``.
        n_rows: slots for rows; two more are scratch, for what leads from the pulse and for a step.
        n_pulses: slots for pulses.
    """

    row: np.ndarray
    pulse: np.ndarray
    n_rows: int
    n_pulses: int


class Coils(NamedTuple):
    """Who listens: ``re`` and ``im`` are ``(state, coil, voxel)``, ``state`` ``(sample,)``; no coil hears all alike.

    ``signal`` is float64 ``(coil, sample, 2)`` and is added to.
    """

    re: np.ndarray
    im: np.ndarray
    state: np.ndarray
    signal: np.ndarray


class Record(NamedTuple):
    """Where every voxel's samples go, ``(voxel, sample, 2)``, or no voxel; ``phasor`` is exp(−i phase), (sample, 2)."""

    phasor: np.ndarray
    found: np.ndarray
