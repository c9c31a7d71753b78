"""Rigid and respiratory motion: poses, their order, their times."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.spatial.transform import Rotation

from bloch.phantom import RespiratoryMotion, RigidMotion, drift, periodic_motion, random_motion, sudden_motion
from bloch.phantom.motion import rotation_matrix


def numbers(*values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_rotations_agree_with_scipy_and_are_proper() -> None:
    angles = torch.randn((9, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    R = rotation_matrix(angles)
    scipy = torch.from_numpy(Rotation.from_euler("xyz", angles.numpy()).as_matrix())
    torch.testing.assert_close(R, scipy)
    torch.testing.assert_close(R @ R.mT, torch.eye(3, dtype=torch.float64).expand(9, 3, 3))
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(9, dtype=torch.float64))


def test_a_nod_about_left_brings_posterior_to_superior() -> None:
    R, d = sudden_motion(2.0, rotation=(math.pi / 2, 0.0, 0.0)).at(numbers(1.999, 2.0, 50.0))
    posterior = numbers(0.0, 1.0, 0.0)
    torch.testing.assert_close(R @ posterior, numbers([0, 1, 0], [0, 0, 1], [0, 0, 1]), atol=1e-12, rtol=0)
    assert float(d.abs().max()) == 0


def test_a_drift_is_linear_and_held_outside_its_times() -> None:
    motion = drift(10.0, translation=(1e-3, -2e-3, 4e-3), rotation=(0.0, 0.0, 0.2))
    R, d = motion.at(numbers(-1.0, 0.0, 2.5, 10.0, 99.0))
    torch.testing.assert_close(d[:, 2], numbers(0, 0, 1e-3, 4e-3, 4e-3))
    torch.testing.assert_close(torch.atan2(R[:, 1, 0], R[:, 0, 0]), numbers(0, 0, 0.05, 0.2, 0.2))


def test_poses_come_in_the_shape_of_the_times() -> None:
    R, d = drift(1.0).at(torch.zeros(3, 2))
    assert R.shape == (3, 2, 3, 3)
    assert d.shape == (3, 2, 3)


def test_steps_hold_each_pose_until_the_next() -> None:
    poses = numbers([0, 0, 0], [1, 0, 0], [2, 0, 0]) * 1e-3
    steps = RigidMotion(numbers(0.0, 1.0, 3.0), torch.zeros(3, 3), poses, interpolated=False)
    _, d = steps.at(numbers(0.0, 0.99, 1.0, 2.9, 3.0, 4.0))
    torch.testing.assert_close(d[:, 0] * 1e3, numbers(0, 0, 1, 1, 2, 2))


def test_a_periodic_motion_returns_after_each_period() -> None:
    motion = periodic_motion(20.0, period=4.0, translation=(0.0, 0.0, 2e-3))
    _, d = motion.at(numbers(0.0, 2.0, 4.0, 6.0, 1.0, 5.03))
    torch.testing.assert_close(d[:4, 2], numbers(0, 2e-3, 0, 2e-3), atol=1e-9, rtol=0)
    exact = 1e-3 * (1 - math.cos(2 * math.pi * 5.03 / 4))
    assert float(d[5, 2]) == pytest.approx(exact, abs=5e-6)


def test_a_random_motion_starts_at_rest_repeats_with_its_seed_and_has_its_size() -> None:
    motion = random_motion(1, 20_000.0, rotation=0.02, translation=1e-3, step=5.0)
    again = random_motion(1, 20_000.0, rotation=0.02, translation=1e-3, step=5.0)
    assert torch.equal(motion.rotations, again.rotations)
    assert not torch.equal(random_motion(2, 20.0).rotations, random_motion(1, 20.0).rotations)
    R, d = motion.at(numbers(0.0))
    torch.testing.assert_close(R[0], torch.eye(3, dtype=torch.float64))
    assert float(d.abs().max()) == 0
    assert float(motion.rotations.std()) == pytest.approx(0.02, rel=0.1)
    assert float(motion.translations.std()) == pytest.approx(1e-3, rel=0.1)


def test_a_breath_rests_in_expiration() -> None:
    breathing = RespiratoryMotion(torch.zeros(3, 2, 2, 2), period=5.0, amplitude=2.0, exponent=3)
    times = torch.linspace(0, 5.0, 5001, dtype=torch.float64)
    s = breathing.at(times)
    torch.testing.assert_close(breathing.at(numbers(0.0, 2.5, 5.0)), numbers(0, 2, 0), atol=1e-12, rtol=0)
    assert float(s.min()) >= 0
    assert float(s.mean()) == pytest.approx(2 * 5 / 16, rel=1e-3)  # the mean of cos^6 is 5/16
    torch.testing.assert_close(breathing.at(times + 15.0), s)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: RigidMotion(numbers(0, 0), torch.zeros(2, 3), torch.zeros(2, 3)), "increasing"),
        (lambda: RigidMotion(numbers(0, 1), torch.zeros(2, 2), torch.zeros(2, 3)), "rotations has shape"),
        (lambda: RigidMotion(numbers(0), numbers([5.0, 0, 90.0]), torch.zeros(1, 3)), "degrees"),
        (lambda: RigidMotion(numbers(0), torch.zeros(1, 3), numbers([5.0, 0, 0])), "mm"),
        (lambda: RigidMotion(numbers(0), torch.zeros(1, 3), numbers([float("nan"), 0, 0])), "NaN"),
        (lambda: RespiratoryMotion(torch.zeros(2, 4, 4, 4)), r"\(3, z, y, x\)"),
        (lambda: RespiratoryMotion(torch.full((3, 1, 1, 1), 15.0)), "mm"),
        (lambda: RespiratoryMotion(torch.zeros(3, 1, 1, 1), period=0.0), "period"),
        (lambda: sudden_motion(0.0), "above 0"),
        (lambda: drift(-1.0), "above 0"),
        (lambda: periodic_motion(1.0, period=0.0), "above 0"),
        (lambda: random_motion(0, 10.0, rotation=-1.0), "negative"),
    ],
)
def test_bad_input_is_refused(make, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        make()
