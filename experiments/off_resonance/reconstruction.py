"""Images with and without the evolution in the operator, and how far the discs are from their places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from experiments.off_resonance.scan import FOV, MATRIX, Discs, Played
from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import (
    CartesianSense,
    Evolution,
    Evolving,
    NonCartesianSense,
    SampleTimes,
    cartesian_times,
    grid_points,
    non_cartesian_times,
)
from pirecon.rawdata import is_cartesian, sort_kspace, sort_readouts
from pirecon.rawdata.geometry import Geometry

N_ITERATIONS, REGULARISATION = 15, 1e-2
WINDOW = 6
"""Half width of the square in which a disc is looked for, voxels."""


@dataclass(frozen=True)
class Measured:
    """What the operator needs.

    Attributes:
        E: encoding without evolution.
        data: ``(coil, *samples)``, weighted.
        times: of the samples.
        geometry: of the image.
    """

    E: LinearOperator
    data: Tensor
    times: SampleTimes
    geometry: Geometry


def measured(played: Played, *, echo_spacing: float | None = None) -> Measured:
    """Sorted data and the plain encoding."""
    if is_cartesian(played.raw):
        kspace = sort_kspace(played.raw)
        E: LinearOperator = CartesianSense(played.maps, kspace.weights)
        return Measured(
            E, kspace.weights * kspace.data, cartesian_times(played.raw, echo_spacing=echo_spacing), kspace.geometry
        )
    readouts = sort_readouts(played.raw)
    points = grid_points(readouts.trajectory, readouts.geometry)
    E = NonCartesianSense(played.maps, points, readouts.weights)
    assert played.raw.dwell_time is not None
    times = non_cartesian_times(readouts, played.raw.dwell_time)
    return Measured(E, readouts.weights * readouts.data, times, readouts.geometry)


def reconstructed(scan: Measured, evolution: Evolution | None) -> np.ndarray:
    """Magnitude of the image, ``(y, x)``, by conjugate gradients."""
    E = scan.E if evolution is None else Evolving(scan.E, evolution)
    b = E.adjoint(scan.data)
    # Relative to the largest eigenvalue, about ‖E.N b‖ / ‖b‖, so that every trajectory is regularised alike.
    scale = float(E.normal(b).norm() / b.norm())
    image = conjugate_gradient(E.normal, b, regularisation=REGULARISATION * scale, n_iterations=N_ITERATIONS)
    return image[0].abs().numpy()


def image_axes() -> tuple[Tensor, Tensor]:
    """y and x of every voxel, m."""
    axis = (torch.arange(MATRIX, dtype=torch.float64) - MATRIX // 2) * FOV / MATRIX
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return y, x


def nrmse(image: np.ndarray, reference: np.ndarray) -> float:
    """‖difference of magnitudes‖ / ‖reference‖."""
    return float(np.linalg.norm(image - reference) / np.linalg.norm(reference))


def displacement(image: np.ndarray, reference: np.ndarray, discs: Discs) -> float:
    """Largest distance of a disc's centroid from that in the reference, voxels; what leaves the window is not seen."""
    found = [abs(_centroid(image, c) - _centroid(reference, c)) for c in discs.centres]
    return float(max(found))


def _centroid(image: np.ndarray, centre: np.ndarray) -> complex:
    at = np.round(centre / FOV * MATRIX).astype(int) + MATRIX // 2
    part = image[at[0] - WINDOW : at[0] + WINDOW + 1, at[1] - WINDOW : at[1] + WINDOW + 1]
    part = np.where(part > 0.25 * part.max(), part, 0.0)  # without ringing and what a neighbour leaves
    offset = np.arange(-WINDOW, WINDOW + 1)
    return complex(part.sum(0) @ offset, part.sum(1) @ offset) / part.sum()
