"""A scan for the readers of raw data: an object without symmetry, played by the isochromats, with coils and noise."""

from __future__ import annotations

import math

import numpy as np
import torch

from bloch.phantom import MapPhantom, asymmetric
from bloch.rawfile import RawScan
from bloch.receiver import loop_array
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, PulseDesign, Readings, fully_sampled, gradient_echo, radial_readings
from bloch.simulate import Conditions, simulate

THICKNESS = 5e-3
ISOCHROMATS = 255
BRIEF = PulseDesign(duration=40e-6, slice_selective=False)


def scanner(n_coils: int = 4, B0: float = 0.064) -> Scanner:
    """A low-field scanner whose transmitter turns the magnetisation in 40 µs."""
    return Scanner(B0, loop_array(n_coils, head_radius=0.14), max_B1=1e-2)


def body(matrix: tuple[int, int], *, field_of_view: tuple[float, float]) -> MapPhantom:
    """A letter F and a block at large x and y, of one tissue that comes to its steady state soon.

    Args:
        matrix: voxels (y, x).
        field_of_view: (y, x), m.

    Returns:
        MapPhantom of one plane.
    """
    shape = asymmetric((1, *matrix), field_of_view=(THICKNESS, *field_of_view))
    density = torch.einsum("t,tzyx->zyx", torch.tensor([1.0, 0.6]), shape.fractions)
    whole = torch.ones_like(density)
    return MapPhantom(density, 0.2 * whole, 0.04 * whole, shape.voxel_size)


def encoding(
    matrix: tuple[int, int] = (27, 24), *, centre: tuple[float, float, float] = (0, 0, 0), n_averages: int = 1
) -> Encoding:
    """One slice of voxels of 7 × 8 mm, twice oversampled along the readout.

    Args:
        matrix: lines and samples (y, x).
        centre: of the slice, LPS, m.
        n_averages: of every line.

    Returns:
        Encoding.
    """
    y, x = matrix
    return Encoding(
        matrix=(1, y, x),
        field_of_view=(THICKNESS, y * 7e-3, x * 8e-3),
        centres=np.array([centre], float),
        directions=TRANSAXIAL,
        sampling=fully_sampled((1, y)),
        n_averages=n_averages,
        sample_time=20e-6,
        noise_readouts=256,
    )


def square(n: int = 24) -> Encoding:
    """One slice of voxels of 8 mm for spokes, twice oversampled along them."""
    return Encoding(
        matrix=(1, n, n),
        field_of_view=(THICKNESS, n * 8e-3, n * 8e-3),
        centres=np.zeros((1, 3)),
        directions=TRANSAXIAL,
        sampling=fully_sampled((1, n)),
        sample_time=20e-6,
    )


def spokes(encoded: Encoding, machine: Scanner, *, per_line: float = 1.6) -> Readings:
    """Enough spokes to leave no gap: π/2 times the lines of a square and a few more."""
    return radial_readings(encoded, machine, n_spokes=math.ceil(per_line * encoded.matrix[1]))


def scan(
    encoded: Encoding, machine: Scanner, *, snr: float | None = 200.0, seed: int = 0, readings: Readings | None = None,
    seen: MapPhantom | None = None,
) -> RawScan:  # fmt: skip
    """A gradient echo of :func:`body`.

    Args:
        encoded: what is measured.
        machine: field and coils.
        snr: of a voxel; None for that of physics.
        seed: of gains and noise.
        readings: how k-space is travelled; None reads lines.
        seen: the object; None for the body with four voxels in each encoded one.

    Returns:
        RawScan with truth.
    """
    _, height, width = encoded.field_of_view
    if seen is None:
        seen = body((2 * encoded.matrix[1], 2 * encoded.matrix[2]), field_of_view=(height, width))
    sequence = gradient_echo(
        encoded, machine, echo_time=5e-3, repetition_time=60e-3, flip_angle=math.radians(40), pulse=BRIEF, n_dummies=15,
        readings=readings,
    )  # fmt: skip
    conditions = Conditions(snr=snr, variation=0.0, n_isochromats=ISOCHROMATS)
    return simulate(seen, sequence, machine, conditions=conditions, seed=seed)


def expected_snr(scanned: RawScan) -> np.ndarray:
    """What the optimal combination of the channels gives in SNR units: |m| √(Sᴴ Ψ⁻¹ S), ``(y, x)``.

    Source: Roemer et al., Magn Reson Med 16:192 (1990), eq. 32.
    """
    return abs(scanned.truth["image"][0, 0]) * combined_sensitivity(scanned)


def combined_sensitivity(scanned: RawScan) -> np.ndarray:
    """√(Sᴴ Ψ⁻¹ S) of every voxel, for the noise of one image from every line, ``(y, x)``."""
    Psi = scanned.truth["noise_covariance"] / (scanned.encoding.oversampling * scanned.encoding.n_averages)
    S = scanned.truth["sensitivity_maps"][0, :, 0]
    whitened = np.linalg.solve(np.linalg.cholesky(Psi), S.reshape(len(S), -1))
    return np.linalg.norm(whitened, axis=0).reshape(S.shape[1:])
