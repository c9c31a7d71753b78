"""How a volume has to be turned to lie parallel to a stack of slices, and where the slices are in it then."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from pirecon.rawdata.geometry import Geometry

PARALLEL = 1e-4
"""A smaller tilt (rad) moves the corner of a head by less than a fiftieth of a millimetre: axes count as parallel."""

STRAIGHT = 0.1
"""Of a voxel: by how much slices may lie beside each other in the plane."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """A stack seen from a volume.

    Attributes:
        rotations: of the volume about its z, y, x, ``(3,)``, rad, as :class:`RigidMotion` takes them; None for none.
        padding: voxels added on both sides of the volume's z, y, x before it is turned.
        matrix: of the padded volume.
        voxel_size: of the volume, m.
        order: which of the volume's axes runs along the stack's normal, rows and columns.
        places: of the stack's planes, rows and columns along those axes, in voxels from the first of the padded volume.
    """

    rotations: np.ndarray | None
    padding: tuple[int, int, int]
    matrix: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    order: tuple[int, int, int]
    places: tuple[np.ndarray, np.ndarray, np.ndarray]


def align(volume: Geometry, stack: Geometry) -> Alignment:
    """Find the smallest rotation that makes a volume's axes parallel to a stack's, in any order and sense.

    A point u in the stack lies at q = t + Q u of the volume, Q = B P with a signed permutation P; x(t + B w) is the
    volume turned by Bᵀ at w + Bᵀ t.

    Args:
        volume: one centre.
        stack: slices above each other along their normal.

    Returns:
        Alignment.

    Raises:
        ValueError: several volumes, a flat one, directions that are not orthonormal, slices beside each other, or a
            stack that does not meet the volume.
    """
    theirs, ours, centre = _directions(volume, "volume"), _directions(stack, "stack"), _one_centre(volume)
    Q = theirs @ ours.T
    order, P = _nearest_axes(Q)
    B = Q @ P.T
    tilted = math.acos(min(1.0, max(-1.0, (float(np.trace(B)) - 1) / 2))) > PARALLEL
    rotations = _angles(B.T) if tilted else None
    padding = _padding(volume, rotations)
    z, y, x = (n + 2 * p for n, p in zip(volume.matrix, padding, strict=True))
    offsets = (_planes(stack, ours) - centre) @ theirs.T @ (B if tilted else np.eye(3))
    places = []
    for axis, of_volume in enumerate(order):
        size, n = volume.voxel_size[of_volume], (z, y, x)[of_volume]
        along = offsets[:, of_volume]
        if axis > 0:
            _check_straight(along, stack.voxel_size[axis])
            steps = (np.arange(stack.matrix[axis]) - stack.matrix[axis] // 2) * stack.voxel_size[axis]
            along = along.mean() + P[of_volume, axis] * steps
        # The origin, index n // 2 of the volume, has moved by the padding.
        place = along / size + volume.matrix[of_volume] // 2 + padding[of_volume]
        _check_overlap(place, n, reach=stack.voxel_size[axis] / size / 2)
        places.append(np.where(np.abs(place - np.round(place)) < 1e-6, np.round(place), place))
    return Alignment(rotations, padding, (z, y, x), volume.voxel_size, order, (places[0], places[1], places[2]))


def _nearest_axes(Q: np.ndarray) -> tuple[tuple[int, int, int], np.ndarray]:
    """The signed permutation of equal handedness that leaves the smallest rotation."""
    best: tuple[float, tuple[int, int, int], np.ndarray] | None = None
    for z, y, x in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            P = np.zeros((3, 3))
            P[[z, y, x], range(3)] = signs
            trace, proper = float(np.trace(Q @ P.T)), np.linalg.det(P) * np.linalg.det(Q) > 0
            if proper and (best is None or trace > best[0] + 1e-9):
                best = (trace, (z, y, x), P)
    assert best is not None  # half of the 48 have either handedness
    return best[1], best[2]


def _angles(R: np.ndarray) -> np.ndarray:
    """Angles about z, y, x of R = R_z R_y R_x, which acts on (z, y, x)."""
    R = R[::-1, ::-1]
    y = -math.asin(max(-1.0, min(1.0, float(R[2, 0]))))
    return np.array([math.atan2(R[1, 0], R[0, 0]), y, math.atan2(R[2, 1], R[2, 2])])


def _padding(volume: Geometry, rotations: np.ndarray | None) -> tuple[int, int, int]:
    """Voxels on each side that a turned volume needs, lest its corners come in on the other side."""
    if rotations is None:
        return (0, 0, 0)
    about_z, about_y, about_x = np.abs(np.sin(rotations))
    Z, Y, X = np.multiply(volume.matrix, volume.voxel_size)
    gains = (about_x * Y + about_y * X, about_z * X + about_x * Z, about_z * Y + about_y * Z)
    z, y, x = (math.ceil(gain / 2 / size) for gain, size in zip(gains, volume.voxel_size, strict=True))
    return z, y, x


def _planes(stack: Geometry, directions: np.ndarray) -> np.ndarray:
    """Where index (y // 2, x // 2) of every plane of every slice lies, ``(slice · z, 3)``, LPS m."""
    centres = np.reshape(np.asarray(stack.centres, dtype=float), (-1, 1, 3))
    within = (np.arange(stack.matrix[0]) - stack.matrix[0] // 2)[:, None] * stack.voxel_size[0] * directions[0]
    return np.asarray((centres + within).reshape(-1, 3))


def _directions(geometry: Geometry, name: str) -> np.ndarray:
    directions = np.asarray(geometry.directions, dtype=float)
    if directions.shape != (3, 3) or not np.allclose(directions @ directions.T, np.eye(3), atol=1e-3):
        raise ValueError(
            f"the {name}'s directions are {directions.tolist()}, but the rows must be three perpendicular unit vectors "
            "(along z, y, x); a file without orientation cannot be combined with others"
        )
    left, _, right = np.linalg.svd(directions)
    return np.asarray(left @ right)


def _one_centre(volume: Geometry) -> np.ndarray:
    centres = np.reshape(np.asarray(volume.centres, dtype=float), (-1, 3))
    if len(centres) != 1 or min(volume.matrix) < 2:
        raise ValueError(
            f"a volume has one centre and at least two voxels along every axis, but this has {len(centres)} centre(s) "
            f"and the matrix {tuple(volume.matrix)}"
        )
    return np.asarray(centres[0])


def _check_straight(along: np.ndarray, size: float) -> None:
    if np.ptp(along) > STRAIGHT * size:
        raise ValueError(
            f"the slices of a stack must lie above each other along their normal, but their centres lie up to "
            f"{1e3 * np.ptp(along):.3g} mm beside each other; take the groups of parallel slices apart"
        )


def _check_overlap(place: np.ndarray, n: int, *, reach: float) -> None:
    if place.max() + reach < 0 or place.min() - reach > n - 1:
        raise ValueError(
            f"the stack does not meet the volume: along one axis it lies at {place.min():.0f} to {place.max():.0f} of "
            f"{n} voxels. Are they of the same patient and session, and are the positions in the files right?"
        )
