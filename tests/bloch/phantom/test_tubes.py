"""Test objects: the published times are where the published spheres are."""

from __future__ import annotations

import itertools
import math
import warnings

import pytest
import torch

from bloch.phantom import Filling, system_phantom, system_phantom_fillings, tube_phantom

VOXEL = (2e-3, 2e-3, 2e-3)


def at(values: torch.Tensor, x: float, z: float) -> float:
    return float(values[values.shape[0] // 2 + round(z / 2e-3), 0, values.shape[2] // 2 + round(x / 2e-3)])


def test_the_T1_plate_has_its_spheres_in_order() -> None:
    plate = system_phantom((104, 1, 105), VOXEL, 3.0, array="T1")
    assert at(plate.T1, 0.0, 0.05) == pytest.approx(1.989)  # sphere 1, at the top
    left = 0.05 * math.sin(2 * math.pi / 10), 0.05 * math.cos(2 * math.pi / 10)
    assert at(plate.T1, *left) == pytest.approx(1.454)  # sphere 2, towards the patient's left
    assert at(plate.T1, 0.02, 0.02) == pytest.approx(0.04453)  # sphere 12
    assert at(plate.T2, -0.02, -0.02) == pytest.approx(0.01583)  # sphere 14
    assert at(plate.T1, 0.0, 0.0) == pytest.approx(1 / 0.3)  # water between them
    assert at(plate.proton_density, 0.095, 0.05) == 0  # outside the body
    assert len(plate.T1[plate.proton_density > 0].unique()) == 15


def test_all_plates_lie_in_one_body() -> None:
    phantom = system_phantom((43, 43, 42), (5e-3, 5e-3, 5e-3), 1.5, sphere_diameter=0.02)
    ml = phantom.proton_density.sum() * 0.125
    body = 4 / 3 * math.pi * 10**3
    spheres = 4 / 3 * math.pi * 1**3
    missing = spheres * (14 - sum(f.proton_density for f in system_phantom_fillings("proton_density", 1.5)))
    assert float(ml) == pytest.approx(body - missing, rel=0.01)
    for y, T1 in ((-0.0565, 2.033), (-0.0165, 2.376)):
        row = 21 + round(y / 5e-3)
        found = phantom.T1[21 + round(0.05 / 5e-3), row, 21]
        assert float(found) == pytest.approx(T1)


def test_times_grow_or_shrink_along_each_array_as_the_concentrations_do() -> None:
    for B0 in (1.5, 3.0):
        for array in ("T1", "T2"):
            fillings = system_phantom_fillings(array, B0)
            assert len(fillings) == 14
            for name in ("T1", "T2"):
                times = [getattr(f, name) for f in fillings]
                assert times == sorted(times, reverse=True)
            assert all(f.T2 < f.T1 for f in fillings)
    # The design: each step of an array is a factor of √2 in the time that names it; measured to some percent.
    for array, name in (("T1", "T1"), ("T2", "T2")):
        times = [getattr(f, name) for f in system_phantom_fillings(array, 3.0)]
        steps = [a / b for a, b in itertools.pairwise(times)]
        assert all(1.3 < step < 1.6 for step in steps)


def test_another_field_warns_and_a_known_one_does_not() -> None:
    with pytest.warns(UserWarning, match="1.5 and 3 T"):
        first = system_phantom_fillings("T1", 0.055)[0]
    assert abs(first.T1 - 2.033) < 1e-9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = system_phantom_fillings("T2", 2.89)[0]  # a "3 T" magnet
    assert abs(first.T2 - 0.5813) < 1e-9


def test_tubes_have_their_volume_place_and_times() -> None:
    tubes = (Filling(0.5, 0.05), Filling(1.0, 0.1, 0.5), Filling(0.2, 0.02))
    phantom = tube_phantom(tubes, (3, 101, 102), (5e-3, 1.7e-3, 1.7e-3), background=Filling(2.5, 2.0, 0.9))
    area = float(phantom.proton_density[1].sum()) * 2.89e-6
    pi_r2 = math.pi * 0.01**2
    assert area == pytest.approx(0.9 * math.pi * 0.08**2 + pi_r2 * (0.1 - 0.4 + 0.1), rel=0.005)
    assert float(phantom.T1[1, 50 - 29, 51]) == 0.5  # the first is anterior
    right_of_middle = phantom.T1[1, :, 51 + 20 :]
    assert 1.0 in right_of_middle.unique()  # the second is on the patient's left
    assert 0.2 not in right_of_middle.unique()


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: tube_phantom([], (1, 8, 8), VOXEL), "at least one"),
        (lambda: tube_phantom([Filling(1, 0.1)] * 30, (1, 8, 8), VOXEL), "overlap"),
        (lambda: system_phantom_fillings("T3", 3.0), "no array"),
        (lambda: system_phantom_fillings("T1", 0.0), "positive"),
    ],
)
def test_bad_input_is_refused(make, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        make()
