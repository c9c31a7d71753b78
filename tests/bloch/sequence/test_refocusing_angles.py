"""Prescribed echoes against a plain sum over isochromats."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bloch.sequence import angles_of_amplitudes, plateau_angles


def echoes(angles: tuple[float, ...], n: int = 256) -> np.ndarray:
    """Amplitudes of a CPMG train of spins that are spread over whole turns between pulses."""
    half = np.exp(-1j * np.pi * (np.arange(n) + 0.5) / n * 2)  # half an interval: one whole turn across the voxel
    transverse, along = np.ones(n, complex), np.zeros(n)
    found = []
    for angle in angles:
        transverse = transverse * half
        c, s = math.cos(angle), math.sin(angle)
        y, z = transverse.imag, along  # a left-handed turn about x
        transverse, along = transverse.real + 1j * (c * y + s * z), c * z - s * y
        transverse = transverse * half
        found.append(transverse.mean())
    return np.array(found)


@pytest.mark.parametrize("plateau", [0.3, 0.6, 0.9])
def test_echoes_reach_the_plateau(plateau: float) -> None:
    angles = plateau_angles(24, plateau=plateau)
    wanted = plateau + (1 - plateau) / 2.0 ** np.arange(1, 25)
    assert echoes(angles) == pytest.approx(wanted, abs=1e-9)
    assert all(0 < angle <= math.pi for angle in angles)
    assert min(angles) < 0.8 * angles[0]


def test_any_reachable_shape_is_reached() -> None:
    wanted = [0.8, 0.5, 0.55, 0.45, 0.5, 0.3]
    assert echoes(angles_of_amplitudes(wanted)) == pytest.approx(np.array(wanted), abs=1e-9)


def test_full_echoes_need_180_degrees() -> None:
    assert plateau_angles(5, plateau=1.0) == pytest.approx([math.pi] * 5, abs=1e-6)


def test_more_than_there_is_cannot_be_had() -> None:
    with pytest.raises(ValueError, match=r"echo 2 cannot have the amplitude 0\.95: .* between .* ask for less"):
        angles_of_amplitudes([0.2, 0.95])
    with pytest.raises(ValueError, match=r"at most 1, not 1\.2"):
        plateau_angles(5, plateau=1.2)
