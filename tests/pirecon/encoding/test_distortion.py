"""Images pushed by the field, and put back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.calibration import FieldMap
from pirecon.encoding import Distortion, displacement, undistort
from pirecon.rawdata import Geometry

N = 96
SAMPLES = np.arange(N) - N // 2


def scan(place: np.ndarray, amplitude: np.ndarray, delta: np.ndarray, bandwidth: float) -> np.ndarray:
    """The image of points at ``place`` (voxels): samples taken one after another, and a plain inverse Fourier sum."""
    times = SAMPLES / (bandwidth * N)
    signal = (amplitude * np.exp(-2j * np.pi * (np.outer(SAMPLES, place) / N + np.outer(times, delta)))).sum(axis=1)
    return np.exp(2j * np.pi * np.outer(SAMPLES, SAMPLES) / N) @ signal / N


def profile(x: np.ndarray) -> np.ndarray:
    """Two smooth bars."""
    edge = lambda a, b: 0.5 * (np.tanh((x - a) / 1.5) - np.tanh((x - b) / 1.5))  # noqa: E731
    return np.asarray(edge(-30, -12) + 0.7 * edge(5, 28))


def field(x: np.ndarray) -> np.ndarray:
    return np.asarray(400 * np.sin(x / 18) + 3 * x + 90)


def on_grid(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).reshape(1, 1, N)


def field_map(values: np.ndarray) -> FieldMap:
    tensor = on_grid(values)
    return FieldMap(tensor, torch.ones_like(tensor), Geometry((1, 1, N), (1.0,) * 3, np.zeros((1, 3)), np.eye(3)), "x")


@pytest.mark.parametrize("bandwidth", [150.0, -150.0])
def test_pushes_as_a_readout_in_a_field_does(bandwidth: float) -> None:
    """A continuous object (16 points a voxel) sampled in time, against the operator on the grid."""
    fine = (np.arange(16 * N) + 0.5) / 16 - N / 2 - 0.5
    expected = scan(fine, profile(fine) / 16, field(fine), bandwidth)
    x = SAMPLES.astype(float)
    pushed = Distortion(displacement(on_grid(field(x)), hertz_per_voxel=bandwidth))(on_grid(profile(x)))
    error = np.linalg.norm(np.abs(expected) - pushed[0, 0].numpy()) / np.linalg.norm(expected)
    still = np.linalg.norm(np.abs(expected) - profile(x)) / np.linalg.norm(expected)
    assert error < 0.03 < still


def test_signal_is_neither_lost_nor_made() -> None:
    x = SAMPLES.astype(float)
    m = on_grid(profile(x))
    pushed = Distortion(displacement(on_grid(field(x)), hertz_per_voxel=150.0))(m)
    torch.testing.assert_close(pushed.sum(), m.sum())


@pytest.mark.parametrize("axis", [-1, -2, -3])
def test_undistorted_image_is_where_it_was_and_as_bright(axis: int) -> None:
    fine = (np.arange(16 * N) + 0.5) / 16 - N / 2 - 0.5
    image = np.abs(scan(fine, profile(fine) / 16, field(fine), 150.0))
    x = SAMPLES.astype(float)
    turned = FieldMap(
        field_map(field(x)).off_resonance.movedim(-1, axis),
        torch.ones(()),
        Geometry((1, 1, N), (1.0,) * 3, np.zeros((1, 3)), np.eye(3)),
        "x",
    )
    found = undistort(on_grid(image).movedim(-1, axis), turned, hertz_per_voxel=150.0, axis=axis).movedim(axis, -1)
    before = np.linalg.norm(image - profile(x)) / np.linalg.norm(profile(x))
    after = np.linalg.norm(found[0, 0].numpy() - profile(x)) / np.linalg.norm(profile(x))
    assert after < 0.05 < 0.3 < before


def test_without_a_field_the_image_stays() -> None:
    image = torch.randn(2, 3, 5, 7, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    nothing = FieldMap(
        torch.zeros(3, 5, 7), torch.ones(3, 5, 7), Geometry((3, 5, 7), (1.0,) * 3, np.zeros((1, 3)), np.eye(3)), "none"
    )
    torch.testing.assert_close(undistort(image, nothing, hertz_per_voxel=100.0), image, rtol=1e-9, atol=1e-9)


def test_slices_have_fields_of_their_own() -> None:
    x = SAMPLES.astype(float)
    maps = torch.stack([on_grid(field(x)), on_grid(-field(x))])
    stack = FieldMap(maps, torch.ones_like(maps), Geometry((1, 1, N), (1.0,) * 3, np.zeros((2, 3)), np.eye(3)), "x")
    image = on_grid(profile(x))
    both = undistort(torch.stack([image, image]), stack, hertz_per_voxel=150.0)
    single = undistort(image, field_map(-field(x)), hertz_per_voxel=150.0)
    torch.testing.assert_close(both[1], single)


def test_folding_stays_finite_and_bounded() -> None:
    x = SAMPLES.astype(float)
    found = undistort(on_grid(profile(x)), field_map(3000 * np.sin(x / 6)), hertz_per_voxel=150.0)
    assert float(found.abs().max()) < 10


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="0 Hz"):
        displacement(torch.ones(1, 2, 3), hertz_per_voxel=0.0)
    with pytest.raises(ValueError, match="axis"):
        Distortion(torch.ones(1, 2, 3), axis=2)
    with pytest.raises(ValueError, match="not finite"):
        Distortion(torch.full((1, 2, 3), torch.nan))
    with pytest.raises(ValueError, match="grid first"):
        undistort(torch.ones(1, 4, 4), field_map(0.0 * SAMPLES), hertz_per_voxel=100.0)
