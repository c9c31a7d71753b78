"""Thick slices against analytic integrals of a Gaussian body; bad geometries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.encoding.slice_profile import SliceProfile, box_profile, pulse_profile
from pirecon.encoding.thick_slices import ThickSlices, interpolation_matrix
from pirecon.rawdata.geometry import Geometry

TRANSAXIAL = np.eye(3)[::-1]
CORONAL = np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]])
LEFT_HANDED = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
WIDTHS, CENTRE = (5e-3, 4e-3, 7e-3), (2e-3, 3e-3, -1e-3)  # of the body, m


def volume(directions: np.ndarray = TRANSAXIAL, *, matrix: tuple[int, int, int] = (40, 43, 38)) -> Geometry:
    return Geometry(matrix, (1.5e-3, 1.4e-3, 1.6e-3), np.array([[1e-3, 2e-3, -1e-3]]), directions)


def stack(directions: np.ndarray, *, distance: float = 4.3e-3, in_plane: float = 1.5e-3, n: int = 9) -> Geometry:
    centres = np.array([0.3e-3, 1e-3, -2e-3]) + ((np.arange(n) - n // 2) * distance)[:, None] * directions[0]
    return Geometry((1, 33, 31), (5e-3, in_plane, 1.5e-3), centres, directions)


def body(points: Tensor) -> Tensor:
    offset = (points - torch.tensor(CENTRE)) / torch.tensor(WIDTHS)
    return torch.exp(-0.5 * offset.square().sum(dim=-1))


def seen(geometry: Geometry, profile: SliceProfile) -> Tensor:
    """The integral along the normal, by its definition."""
    points, normal = voxel_positions(geometry), torch.from_numpy(np.array(geometry.directions[0]))
    planes = [
        w * body(points + float(z) * geometry.voxel_size[0] * normal)
        for w, z in zip(profile.weights, profile.positions, strict=True)
    ]
    return torch.stack(planes).sum(dim=0)


@pytest.mark.parametrize("tilt", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("base", [TRANSAXIAL, CORONAL, LEFT_HANDED], ids=["transaxial", "coronal", "left-handed"])
@pytest.mark.parametrize("distance", [4.3e-3, 2.5e-3, 8e-3], ids=["near", "overlapping", "gaps"])
def test_a_gaussian_body_is_integrated_right(tilt: float, base: np.ndarray, distance: float) -> None:
    directions = base @ Rotation.from_rotvec(tilt * np.array([0.48, -0.6, 0.64])).as_matrix()
    geometry = stack(directions, distance=distance)
    A = ThickSlices(volume(), geometry, pulse_profile())
    images = A(body(voxel_positions(volume())[0]))
    expected = seen(geometry, pulse_profile())
    assert float((images - expected).norm() / expected.norm()) < 4e-3


def test_a_turned_volume_is_the_same_body() -> None:
    turned = volume(TRANSAXIAL @ Rotation.from_rotvec([0.3, 0.2, -0.25]).as_matrix())
    geometry = stack(CORONAL)
    images = ThickSlices(turned, geometry, box_profile())(body(voxel_positions(turned)[0]))
    expected = seen(geometry, box_profile())
    assert float((images - expected).norm() / expected.norm()) < 4e-3


def test_thin_slices_on_the_volumes_grid_are_its_planes() -> None:
    grid = volume()
    planes = voxel_positions(grid)[0, :, grid.matrix[1] // 2, grid.matrix[2] // 2].numpy()
    geometry = replace(grid, matrix=(1, *grid.matrix[1:]), centres=planes[::-3])
    thin = SliceProfile(torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64), "a plane")
    x = torch.randn(grid.matrix, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ThickSlices(grid, geometry, thin)(x)[:, 0], x[torch.arange(39, -1, -3)])


def test_a_constant_volume_gives_constant_images_well_inside() -> None:
    geometry = replace(stack(CORONAL, n=3), matrix=(1, 9, 9), voxel_size=(5e-3, 3.1e-3, 2e-3))
    images = ThickSlices(volume(), geometry, pulse_profile())(torch.ones(40, 43, 38, dtype=torch.float64))
    torch.testing.assert_close(images, torch.ones_like(images), rtol=0, atol=2e-3)


def test_coarser_planes_lose_what_they_cannot_hold() -> None:
    """A wave of 3 voxels passes at their own resolution, and not where voxels are 3 times as large."""
    places = np.arange(20, 100, 3.0)
    wave = torch.cos(2 * torch.pi * torch.arange(120, dtype=torch.float64) / 3)
    assert float((interpolation_matrix(places, 120, spread=3.0) @ wave).abs().max()) < 0.02
    torch.testing.assert_close(interpolation_matrix(places, 120) @ wave, wave[20:100:3])


def test_the_field_of_view_holds_gaps_and_ends_with_the_slices() -> None:
    geometry = stack(TRANSAXIAL, distance=8e-3, n=3)
    inside = ThickSlices(volume(), geometry, box_profile()).field_of_view(torch.zeros(1))
    height = voxel_positions(volume())[0, :, 20, 20, 2]
    found = height[inside[:, 21, 19]]
    assert len(found) == round((float(found.max()) - float(found.min())) / 1.5e-3) + 1  # no holes
    assert abs(float(found.min()) - (-2e-3 - 10.5e-3)) < 1.5e-3
    assert abs(float(found.max()) - (-2e-3 + 10.5e-3)) < 1.5e-3


def test_squared_norm_is_the_trace_of_the_normal_operator() -> None:
    directions = CORONAL @ Rotation.from_rotvec([0.0, 0.1, 0.05]).as_matrix()
    grid = volume(matrix=(9, 10, 7))
    A = ThickSlices(grid, replace(stack(CORONAL, n=3), matrix=(1, 5, 6)), pulse_profile())
    basis = torch.eye(630, dtype=torch.float64).reshape(630, 9, 10, 7)
    assert A.squared_norm == pytest.approx(float(A(basis).square().sum()), rel=1e-10)
    turned = ThickSlices(grid, replace(stack(directions, n=3), matrix=(1, 5, 6)), pulse_profile())
    assert turned.squared_norm == pytest.approx(float(turned(basis).square().sum()), rel=0.05)


def test_geometries_that_make_no_stack_are_refused() -> None:
    good = stack(CORONAL)
    staircase = replace(good, centres=good.centres + np.arange(9)[:, None] * np.array([1e-3, 0, 0]))
    with pytest.raises(ValueError, match="beside each other"):
        ThickSlices(volume(), staircase, box_profile())
    with pytest.raises(ValueError, match="does not meet the volume"):
        ThickSlices(volume(), replace(good, centres=good.centres + 0.3), box_profile())
    with pytest.raises(ValueError, match="perpendicular unit vectors"):
        ThickSlices(volume(), replace(good, directions=np.zeros((3, 3))), box_profile())
    with pytest.raises(ValueError, match="one centre and at least two voxels"):
        ThickSlices(volume(matrix=(1, 40, 40)), good, box_profile())
