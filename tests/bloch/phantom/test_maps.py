"""Phantoms refuse maps that no body has, and say where and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bloch.phantom import MapPhantom, Phantom, RespiratoryMotion, RigidMotion, drift, voxel_centres
from bloch.phantom.parameter_maps import maps_to_device
from bloch.phantom.phantom import to_device

MATRIX = (3, 4, 5)
VOXEL = (3e-3, 2e-3, 1e-3)


def uniform_maps() -> MapPhantom:
    ones = torch.ones(MATRIX)
    return MapPhantom(ones, ones, 0.1 * ones, VOXEL, T2_star=0.05 * ones)


def with_voxel(name: str, value: float) -> MapPhantom:
    phantom = uniform_maps()
    values = getattr(phantom, name)
    values = torch.zeros(MATRIX) if values is None else values.clone()
    values[1, 2, 3] = value
    return replace(phantom, **{name: values})


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("T1", -1.0, "positive time"),
        ("T1", float("nan"), "positive time"),
        ("T2", 0.0, "positive time"),
        ("T1", 800.0, "probably in ms"),
        ("T2", 2.5, "2 T1"),
        ("T2_star", 0.2, "at most T2"),
        ("proton_density", -0.1, "0 for air"),
        ("field_offset", float("inf"), "finite"),
        ("chemical_shift", float("nan"), "finite"),
        ("transmit_field", float("nan"), "finite"),
        ("diffusion", 1.1, "mm²/s"),
    ],
)
def test_an_impossible_value_is_refused_with_map_voxel_and_cause(name: str, value: float, cause: str) -> None:
    with pytest.raises(ValueError, match=cause) as error:
        with_voxel(name, value)
    assert name in str(error.value)
    assert "(1, 2, 3)" in str(error.value)


def test_times_do_not_matter_in_air() -> None:
    phantom = uniform_maps()
    density, T1 = phantom.proton_density.clone(), phantom.T1.clone()
    density[0], T1[0] = 0.0, float("nan")
    assert replace(phantom, proton_density=density, T1=T1).matrix == MATRIX


def test_spins_that_never_relax_are_allowed() -> None:
    never = torch.full(MATRIX, float("inf"))
    assert MapPhantom(torch.ones(MATRIX), never, never, VOXEL, T2_star=never).matrix == MATRIX


@pytest.mark.parametrize(
    ("shape", "hint"), [((5, 4, 3), "permute"), ((4, 5), "unsqueeze"), ((3, 4, 6), r"expected \(z, y, x\)")]
)
def test_a_map_on_another_grid_is_refused_with_a_hint(shape: tuple[int, ...], hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        Phantom(torch.ones(1, *MATRIX), ("csf",), VOXEL, field_offset=torch.zeros(shape))


@pytest.mark.parametrize(
    ("fractions", "cause"),
    [
        (torch.full((1, *MATRIX), 50.0), "divide by 100"),
        (torch.full((1, *MATRIX), -0.1), "from 0 to 1"),
        (torch.full((1, *MATRIX), float("nan")), "from 0 to 1"),
        (torch.full((2, *MATRIX), 0.7), "do not overlap"),
    ],
)
def test_fractions_that_are_none_are_refused(fractions: torch.Tensor, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        Phantom(fractions, ("csf", "fat")[: len(fractions)], VOXEL)


@pytest.mark.parametrize("voxel", [(1e-3, 0.0, 1e-3), (1e-3, 1e-3), (1e-3, float("nan"), 1e-3)])
def test_a_voxel_without_extent_is_refused(voxel) -> None:
    with pytest.raises(ValueError, match="three positive edge lengths"):
        Phantom(torch.ones(1, *MATRIX), ("csf",), voxel)


def test_a_voxel_size_in_millimetres_is_recognised() -> None:
    with pytest.raises(ValueError, match="mm"):
        Phantom(torch.ones(1, *MATRIX), ("csf",), (5.0, 2.0, 2.0))


def test_breathing_on_another_grid_is_refused() -> None:
    breathing = RespiratoryMotion(torch.zeros(3, 3, 4, 6))
    with pytest.raises(ValueError, match="displacement"):
        Phantom(torch.ones(1, *MATRIX), ("csf",), VOXEL, motion=breathing)
    with pytest.raises(ValueError, match="displacement"):
        replace(uniform_maps(), motion=breathing)


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_everything_moves_to_another_device(name: str) -> None:
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    device, rigid = torch.device(name), drift(1.0, rotation=(0.1, 0.0, 0.0))
    phantom = Phantom(torch.ones(1, *MATRIX), ("csf",), VOXEL, torch.zeros(MATRIX), torch.ones(MATRIX), rigid)
    there = to_device(phantom, device)
    assert isinstance(there.motion, RigidMotion)
    breathing = RespiratoryMotion(torch.zeros(3, *MATRIX), period=5.0)
    maps = maps_to_device(replace(uniform_maps(), motion=breathing), device)
    assert isinstance(maps.motion, RespiratoryMotion)
    tensors = [there.fractions, there.field_offset, there.transmit_field, there.motion.times, there.motion.rotations]
    tensors += [maps.proton_density, maps.T1, maps.T2, maps.T2_star, maps.motion.displacement]
    assert {tensor.device.type for tensor in tensors if tensor is not None} == {name}
    assert (there.motion.interpolated, maps.motion.period, maps.voxel_size) == (True, 5.0, VOXEL)
    torch.testing.assert_close(maps.T2.cpu(), uniform_maps().T2)


def test_the_voxel_n_over_2_is_the_origin_and_axes_are_x_y_z() -> None:
    centres = voxel_centres(MATRIX, VOXEL)
    assert centres.shape == (*MATRIX, 3)
    assert centres[1, 2, 2].tolist() == [0.0, 0.0, 0.0]
    torch.testing.assert_close(
        centres[2, 3, 3], torch.tensor([1e-3, 2e-3, 3e-3], dtype=torch.float64), rtol=0, atol=1e-12
    )
