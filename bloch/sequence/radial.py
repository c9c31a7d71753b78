"""Spokes through k = 0: radial, stack of stars and koosh ball."""

from __future__ import annotations

import math

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding, Line
from bloch.sequence.readings import Reading, Readings, Window, phase_encoding, readout_window, window_block

GOLDEN_ANGLE = math.pi * (math.sqrt(5) - 1) / 2
"""111.246°, rad: any number of spokes that follow one another covers the circle nearly evenly.

Source: Winkelmann et al., IEEE Trans Med Imaging 26:68 (2007)."""

GOLDEN_MEANS = (0.465571231876768, 0.682327803828019)
"""φ₁ = φ₂² and φ₂, the real root of φ³ + φ = 1: the golden means of two dimensions (Chan et al. 2009)."""


def radial_readings(
    encoding: Encoding, scanner: Scanner, *, n_spokes: int, angle_increment: float | None = None
) -> Readings:
    """Full spokes in the plane; of a slab a stack of stars, whose partitions follow one another at each angle.

    Spoke j runs along (cos jδ, sin jδ), its sample ``n // 2`` at k = 0.

    Args:
        encoding: square in the plane; its measured kz are the partitions, its lines along y count for nothing.
        scanner: limits.
        n_spokes: of each partition.
        angle_increment: δ, rad; ``GOLDEN_ANGLE``, or None for π / n_spokes.

    Returns:
        Readings of slice 0; the label's ``ky`` is the spoke.

    Raises:
        ValueError: the plane is not square, or there are no spokes.
    """
    check_isotropic(encoding, axes=(1, 2), n_lines=n_spokes)
    increment = math.pi / n_spokes if angle_increment is None else angle_increment
    window = readout_window(encoding, scanner)
    partitions = np.flatnonzero(encoding.sampling.imaging.any(axis=1)).tolist()
    found = []
    for average in range(encoding.n_averages):
        for spoke in range(n_spokes):
            direction = (math.cos(spoke * increment), math.sin(spoke * increment), 0.0)
            found += [_spoke(Line(kz, spoke, 0, average), window, encoding, direction=direction) for kz in partitions]
    return Readings(tuple(found), "radial")


def koosh_ball_readings(encoding: Encoding, scanner: Scanner, *, n_spokes: int) -> Readings:
    """Full spokes through a ball, in directions that any number of spokes in a row covers nearly evenly.

        z_j = frac(j φ₁),   azimuth_j = 2π frac(j φ₂)

    over the half sphere, as every spoke runs both ways.

    Args:
        encoding: of a cube.
        scanner: limits.
        n_spokes: number.

    Returns:
        Readings of slice 0; the label's ``ky`` is the spoke.

    Raises:
        ValueError: the volume is not a cube, or there are no spokes.

    Source: Chan et al., Magn Reson Med 61:354 (2009).
    """
    check_isotropic(encoding, axes=(0, 1, 2), n_lines=n_spokes)
    window = readout_window(encoding, scanner)
    centre = encoding.matrix[0] // 2
    found = []
    for average in range(encoding.n_averages):
        for spoke in range(n_spokes):
            z = spoke * GOLDEN_MEANS[0] % 1.0
            azimuth = 2 * math.pi * (spoke * GOLDEN_MEANS[1] % 1.0)
            across = math.sqrt(1 - z**2)
            direction = (across * math.cos(azimuth), across * math.sin(azimuth), z)
            found.append(_spoke(Line(centre, spoke, 0, average), window, encoding, direction=direction))
    return Readings(tuple(found), "radial")


def _spoke(line: Line, window: Window, encoding: Encoding, *, direction: tuple[float, float, float]) -> Reading:
    half = window.moment * np.array(direction)
    k = np.array([0.0, 0.0, phase_encoding(line, encoding)[2]])
    block = window_block(window, line, direction=direction)
    return Reading(line, (block,), k - half, k + half, window.half)


def check_isotropic(encoding: Encoding, *, axes: tuple[int, ...], n_lines: int) -> None:
    """Refuse a field of view that differs between the axes that a trajectory turns through.

    Args:
        encoding: to look at.
        axes: of (z, y, x).
        n_lines: spokes or interleaves.

    Raises:
        ValueError: the axes differ, or there are no lines.
    """
    matrix, fov = ([values[axis] for axis in axes] for values in (encoding.matrix, encoding.field_of_view))
    if len(set(matrix)) > 1 or max(fov) - min(fov) > 1e-6 * max(fov):
        raise ValueError(
            f"spokes and spirals cover all directions alike, but matrix {matrix} and field of view {fov} m differ "
            "between the axes they turn through; make them equal"
        )
    if n_lines < 1:
        raise ValueError(f"{n_lines} spokes or interleaves measure nothing; ask for 1 or more")
