"""Moved images against the same object computed in its new pose; the operator that encodes them; gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.encoding import CartesianSense
from pirecon.encoding.motion_sense import MotionSense
from pirecon.encoding.rigid_motion import RigidMotion

SLICE, SLICE_VOXEL = (1, 64, 81), (5e-3, 3.5e-3, 2.5e-3)
SLAB, SLAB_VOXEL = (32, 45, 48), (5e-3, 4e-3, 4e-3)


def rotation_matrix(about_z: float, about_y: float, about_x: float) -> Tensor:
    """R_z R_y R_x on (z, y, x) columns: x towards y, z towards x, y towards z."""
    (cz, cy, cx), (sz, sy, sx) = ([f(a) for a in (about_z, about_y, about_x)] for f in (math.cos, math.sin))
    R_z = np.array([[1, 0, 0], [0, cz, sz], [0, -sz, cz]])
    R_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    R_x = np.array([[cx, sx, 0], [-sx, cx, 0], [0, 0, 1]])
    return torch.from_numpy(R_z @ R_y @ R_x)


def blobs(grid: tuple[int, int, int], voxel: tuple[float, float, float], R: Tensor, d: Tensor) -> Tensor:
    """Two round Gaussians, whose pose is known at every point of space."""
    axes = [(torch.arange(n, dtype=torch.float64) - n // 2) * s for n, s in zip(grid, voxel, strict=True)]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    flat = grid[0] == 1
    total = torch.zeros(grid, dtype=torch.complex128)
    for centre, width, value in (((4e-3, 20e-3, -25e-3), 12e-3, 1.0), ((-6e-3, -30e-3, 10e-3), 10e-3, 2 - 0.5j)):
        rest = torch.tensor((0.0, *centre[1:]) if flat else centre, dtype=torch.float64)
        total += value * torch.exp(-((places - (R @ rest + d)) ** 2).sum(-1) / (2 * width**2))
    return total


@pytest.mark.parametrize(
    ("grid", "voxel", "d", "angles"),
    [
        (SLICE, SLICE_VOXEL, (0.0, 8e-3, -6e-3), (0.17, 0.0, 0.0)),
        (SLICE, SLICE_VOXEL, (0.0, -3.1e-3, 10e-3), (-0.3, 0.0, 0.0)),
        (SLAB, SLAB_VOXEL, (3e-3, 8e-3, -6e-3), (0.1, -0.12, 0.15)),
    ],
)
def test_a_moved_object_is_the_object_in_its_new_pose(
    grid: tuple[int, int, int], voxel: tuple[float, float, float], d: tuple[float, ...], angles: tuple[float, ...]
) -> None:
    """Axes of unequal voxels, all signs: x(R⁻¹(r − d)) to what the blobs leave at the edges of grid and k-space."""
    d_ = torch.tensor(d, dtype=torch.float64)
    motion = RigidMotion(grid, voxel, translations=d_[None], rotations=torch.tensor([angles], dtype=torch.float64))
    rest = blobs(grid, voxel, torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    expected = blobs(grid, voxel, rotation_matrix(*angles), d_)
    assert float((motion(rest)[0] - expected).norm() / expected.norm()) < 1e-3
    assert float((rest - expected).norm() / expected.norm()) > 0.3


def test_the_adjoint_brings_the_image_back() -> None:
    """The map is unitary, whatever the image: T.H T = 1."""
    d, angles = torch.randn(2, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    motion = RigidMotion((6, 9, 8), (5e-3, 3e-3, 2e-3), translations=0.01 * d, rotations=0.3 * angles)
    x = torch.randn(6, 9, 8, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(motion.adjoint(motion(x)), x, rtol=1e-12, atol=1e-12)


def test_gradients_with_respect_to_the_poses() -> None:
    grid = (3, 5, 4)
    x = torch.randn(*grid, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    d, angles = 0.1 * torch.randn(2, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def moved(d: Tensor, angles: Tensor) -> Tensor:
        return RigidMotion(grid, (0.5, 0.4, 0.3), translations=d, rotations=angles).forward(x)

    assert torch.autograd.gradcheck(moved, (d.requires_grad_(), angles.requires_grad_()))


def sense_parts(n_measurements: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    maps = torch.randn(3, 1, 9, 8, dtype=torch.complex128, generator=generator)
    weights = (torch.rand(n_measurements, 1, 1, 9, 8, dtype=torch.float64, generator=generator) > 0.3).double()
    return maps, weights, torch.randint(0, 2, (n_measurements, 1, 9), generator=generator)


def poses(n: int, size: float) -> RigidMotion:
    d, angles = size * torch.randn(2, n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    return RigidMotion((1, 9, 8), (1.0, 1.0, 1.0), translations=d, rotations=0.2 * angles)


def test_at_rest_the_encoding_is_that_of_a_body_at_rest() -> None:
    maps, weights, states = sense_parts()
    x = torch.randn(1, 9, 8, dtype=torch.complex128, generator=torch.Generator().manual_seed(5))
    shading = torch.exp(torch.randn(1, 9, 8, dtype=torch.complex128, generator=torch.Generator().manual_seed(6)))
    for g in (None, shading):  # the shading cancels at rest
        E = MotionSense(maps, weights, states, poses(2, 0.0), shading=g)
        torch.testing.assert_close(E(x), CartesianSense(maps, weights[0])(x), rtol=1e-12, atol=1e-12)


def test_every_line_sees_the_body_in_its_own_pose() -> None:
    """Line by line from a still encoding of the moved image; repeated measurements follow each other as coils."""
    maps, weights, states = sense_parts(2)
    motion = poses(2, 1.0)
    x = torch.randn(1, 9, 8, dtype=torch.complex128, generator=torch.Generator().manual_seed(5))
    y = MotionSense(maps, weights, states, motion)(x)
    assert y.shape == (6, 1, 9, 8)
    moved = motion(x)
    for m in range(2):
        still = CartesianSense(maps, weights[m])
        for line in range(9):
            expected = still(moved[states[m, 0, line]])[:, 0, line]
            torch.testing.assert_close(y[3 * m : 3 * m + 3, 0, line], expected, rtol=1e-11, atol=1e-11)


def test_bad_input_is_explained() -> None:
    maps, weights, states = sense_parts()
    with pytest.raises(ValueError, match="states 0 to 1, but the motion has 1 poses"):
        MotionSense(maps, weights, states, poses(1, 1.0))
    with pytest.raises(ValueError, match="one number for each line"):
        MotionSense(maps, weights, states[..., :-1], poses(2, 1.0))
    with pytest.raises(ValueError, match="take one slice, contrast or repetition at a time"):
        MotionSense(maps.expand(2, -1, -1, -1, -1), weights, states, poses(2, 1.0))
    with pytest.raises(ValueError, match=r"must be \(pose, 3\)"):
        RigidMotion((1, 9, 8), (1.0, 1.0, 1.0), translations=torch.zeros(3), rotations=torch.zeros(3))
