"""Motion between stacks: found where it was made, none where there was none. The body is sampled by definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.classical.stack_registration import StackPose, moved, register_stacks
from pirecon.encoding.slice_profile import box_profile
from pirecon.rawdata.geometry import Geometry

SIZE, THICKNESS = 2e-3, 6e-3
WAYS = (np.eye(3)[::-1], np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]]), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
SPOTS = {(10e-3, 4e-3, 0): 2.0, (0, -12e-3, 5e-3): 3.0, (-5e-3, 0, 12e-3): 4.0, (-9e-3, 8e-3, -8e-3): 3.0}
VOLUME = Geometry((16, 16, 16), (4e-3,) * 3, np.zeros((1, 3)), np.eye(3)[::-1])
STILL = StackPose(np.zeros(3), np.zeros(3))


def body(points: Tensor) -> Tensor:
    """An ellipsoid with four spots, none of whose symmetries is left."""
    reach = (points / torch.tensor([22e-3, 26e-3, 18e-3])).norm(dim=-1)
    image = torch.sigmoid((1 - reach) / 0.05)
    for place, height in SPOTS.items():
        image = image + height * torch.exp(-0.5 * ((points - torch.tensor(place)) / 3e-3).square().sum(dim=-1))
    return image


def geometry(way: int) -> Geometry:
    centres = ((np.arange(9) - 4) * THICKNESS)[:, None] * WAYS[way][0]
    return Geometry((1, 30, 30), (THICKNESS, SIZE, SIZE), centres, WAYS[way])


def images(lying: Geometry, *, noise: float, seed: int) -> Tensor:
    points, normal = voxel_positions(lying), torch.from_numpy(np.array(lying.directions[0]))
    planes = [body(points + (i - 3.5) / 8 * THICKNESS * normal) for i in range(8)]
    mean = torch.stack(planes).mean(dim=0)
    return mean + noise * torch.randn(mean.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def found(poses: list[StackPose], *, noise: float, brightness: float = 1.0) -> list[StackPose]:
    lying = [moved(geometry(way), pose, about=np.zeros(3)) for way, pose in enumerate(poses)]
    stacks = [images(g, noise=noise, seed=seed) for seed, g in enumerate(lying)]
    stacks[-1] = brightness * stacks[-1]
    said = [geometry(way) for way in range(len(poses))]
    levels, gains = [max(noise, 0.01)] * len(poses), [1.0] * len(poses)
    return register_stacks(stacks, said, VOLUME, profile=box_profile(), noise=levels, gains=gains)


@pytest.mark.parametrize("noise", [0.3])
def test_stacks_at_rest_stay_where_they_are(noise: float) -> None:
    for pose in found([STILL] * 3, noise=noise):
        assert not pose.translation.any()
        assert not pose.rotation.any()


def test_two_stacks_that_moved_are_found() -> None:
    second = StackPose(np.array([3e-3, -4e-3, 2e-3]), np.array([0.08, -0.05, 0.06]))
    third = StackPose(np.array([-2e-3, 1e-3, 3e-3]), np.array([-0.06, 0.0, 0.04]))
    first, *others = found([STILL, second, third], noise=0.05, brightness=1.1)
    assert not first.translation.any()
    for pose, true in zip(others, (second, third), strict=True):
        np.testing.assert_allclose(pose.translation, true.translation, atol=0.5e-3)
        np.testing.assert_allclose(pose.rotation, true.rotation, atol=0.02)


def test_a_moved_geometry_turns_about_its_point() -> None:
    about, quarter = np.array([0.01, 0.0, 0.0]), np.array([0, 0, np.pi / 2])
    turned = moved(geometry(0), StackPose(np.array([0, 0, 1e-3]), quarter), about=about)
    np.testing.assert_allclose(turned.centres[4], [0.01, -0.01, 1e-3], atol=1e-12)
    np.testing.assert_allclose(turned.directions, [[0, 0, 1], [-1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_empty_stacks_move_nothing() -> None:
    zeros = [torch.zeros(9, 1, 30, 30)] * 2
    said = [geometry(0), geometry(1)]
    for pose in register_stacks(zeros, said, VOLUME, profile=box_profile(), noise=[1.0, 1.0], gains=[1.0, 1.0]):
        assert not pose.translation.any()
