"""Field maps: from echoes, from a shift pair, from NIfTI, as a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from skimage.restoration import unwrap_phase as reference_unwrap
from torch import Tensor

from bloch.phantom import MagnetField, magnet_field
from pirecon.calibration import (
    FieldMap,
    evaluate_field_model,
    field_map_from_echoes,
    field_map_from_nifti,
    field_map_from_shift_pair,
    fit_polynomial,
    fit_solid_harmonics,
    undistort_field_map,
    unwrap_phase,
)
from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.rawdata import Geometry

SHAPES = [(1, 72, 65), (9, 41, 40)]


def geometry_of(shape: tuple[int, int, int], n_slices: int = 1) -> Geometry:
    return Geometry(shape, (0.006, 0.004, 0.003), np.zeros((n_slices, 3)), np.eye(3)[::-1].copy())


def grid(shape: Sequence[int]) -> list[np.ndarray]:
    return list(np.meshgrid(*((np.arange(n) - n // 2) / n * 2 for n in shape), indexing="ij"))


def head(shape: Sequence[int]) -> np.ndarray:
    z, y, x = grid(shape)
    inside = (x / 0.8) ** 2 + (y / 0.7) ** 2 + (z / 1.3) ** 2 < 1
    return inside * (0.75 + 0.25 * np.cos(6 * x) * np.sin(5 * y))


def field(shape: Sequence[int], strength: float) -> np.ndarray:
    """Smooth, with the bump of an air cavity, Hz."""
    z, y, x = grid(shape)
    bump = np.exp(-((x - 0.2) ** 2 + (y + 0.2) ** 2) / 0.04)
    return strength * (x**2 - x * y + 0.6 * y - 0.8 * y**3 + 0.3 * z + 0.5 * bump - 0.1)


def echoes(
    shape: Sequence[int], delta: np.ndarray, times: Sequence[float], *, snr: float, n_coils: int = 1, seed: int = 0
) -> Tensor:
    """``(echo, coil, z, y, x)`` with noise 1 in real and imaginary part and T2* of 40 ms."""
    _, y, x = grid(shape)
    rng = np.random.default_rng(seed)
    coils = np.stack([np.exp(1j * (c + c * x - y)) * np.cos(0.8 * (x - c + n_coils / 2)) for c in range(n_coils)])
    coils /= np.sqrt((np.abs(coils) ** 2).sum(axis=0))
    image = snr * head(shape) * np.exp(1j * (2 * x - 3 * y * y))
    clean = [image * coils * np.exp(-2j * np.pi * delta * t - t / 0.04) for t in times]
    noise = rng.normal(size=(2, len(times), n_coils, *shape))
    return torch.from_numpy(np.stack(clean) + noise[0] + 1j * noise[1]).to(torch.complex64)


def error_inside(found: Tensor, truth: np.ndarray, shape: Sequence[int]) -> float:
    inside = head(shape) > 0.3
    return float(np.sqrt(((found.numpy() - truth)[inside] ** 2).mean()))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_coils", [1, 3])
@pytest.mark.parametrize("snr", [5, 20])
def test_uneven_echoes_give_the_field_beyond_the_wraps(shape: tuple[int, int, int], n_coils: int, snr: float) -> None:
    """A field of ±400 Hz, where 2 ms wrap at ±250 Hz and 5 ms at ±100 Hz: the error stays far below any wrap."""
    delta = field(shape, 400)
    images = echoes(shape, delta, (0.003, 0.005, 0.008), snr=snr, n_coils=n_coils)
    found = field_map_from_echoes(images, (0.003, 0.005, 0.008), geometry=geometry_of(shape))
    noise_of_a_voxel = np.sqrt(2) / (2 * np.pi * 0.005 * snr)  # of the longest pair, Hz
    assert error_inside(found.off_resonance, delta, shape) < max(noise_of_a_voxel, 6)


def test_the_order_of_the_echoes_does_not_matter() -> None:
    shape, times = SHAPES[0], (0.003, 0.005, 0.008)
    images = echoes(shape, field(shape, 200), times, snr=10)
    one = field_map_from_echoes(images, times, geometry=geometry_of(shape))
    other = field_map_from_echoes(images[[2, 0, 1]], [times[i] for i in (2, 0, 1)], geometry=geometry_of(shape))
    torch.testing.assert_close(one.off_resonance, other.off_resonance)


def test_smoothing_beats_the_phase_of_each_voxel_at_low_snr() -> None:
    shape, times = SHAPES[0], (0.0, 0.004)
    delta = field(shape, 150)
    images = echoes(shape, delta, times, snr=5)
    found = field_map_from_echoes(images, times, geometry=geometry_of(shape))
    plain = -(images[0, 0].conj() * images[1, 0]).angle() / (2 * np.pi * 0.004)
    assert error_inside(found.off_resonance, delta, shape) < 0.4 * error_inside(plain, delta, shape)


def test_no_field_gives_none_and_noise_is_said_to_be_noise() -> None:
    shape = SHAPES[0]
    quiet = field_map_from_echoes(
        echoes(shape, 0 * field(shape, 1), (0, 0.004), snr=10), (0, 0.004), geometry=geometry_of(shape)
    )
    assert float(quiet.off_resonance[torch.from_numpy(head(shape) > 0.3)].abs().max()) < 3
    noise = field_map_from_echoes(
        echoes(shape, field(shape, 100), (0, 0.004), snr=0), (0, 0.004), geometry=geometry_of(shape)
    )
    assert not bool(noise.off_resonance.any())
    assert not bool(noise.reliability.any())
    assert "no voxel" in noise.source


def test_air_has_no_reliability_and_the_head_has() -> None:
    shape = SHAPES[1]
    found = field_map_from_echoes(
        echoes(shape, field(shape, 100), (0, 0.004), snr=10), (0, 0.004), geometry=geometry_of(shape)
    )
    far = torch.nn.functional.max_pool3d(torch.from_numpy(head(shape)).float()[None], 5, 1, 2)[0] == 0
    assert float((found.reliability[far] > 0).float().mean()) < 0.005
    assert float((found.reliability[torch.from_numpy(head(shape) > 0.4)] > 0).float().mean()) > 0.98
    assert float(found.off_resonance.abs().max()) < 500  # what is filled in does not run away


def test_slices_are_mapped_one_by_one() -> None:
    shape, times = SHAPES[0], (0.0, 0.004)
    stack = torch.stack([echoes(shape, field(shape, s), times, snr=10) for s in (50, -80)])
    found = field_map_from_echoes(stack, times, geometry=geometry_of(shape, 2))
    single = field_map_from_echoes(stack[1], times, geometry=geometry_of(shape))
    torch.testing.assert_close(found.off_resonance[1], single.off_resonance)
    assert found.off_resonance.dtype == torch.float32


@pytest.mark.parametrize(
    ("times", "message"), [((0.0,), "a time for each"), ((0.01, 0.01), "one time|have the time"), ((3, 8), "in s")]
)
def test_impossible_echoes_are_refused(times: tuple[float, ...], message: str) -> None:
    images = torch.zeros(2, 1, 1, 8, 8, dtype=torch.complex64)
    with pytest.raises(ValueError, match=message):
        field_map_from_echoes(images, times, geometry=geometry_of((1, 8, 8)))


@pytest.mark.parametrize("shape", SHAPES)
def test_unwrapping_agrees_with_another_implementation(shape: tuple[int, int, int]) -> None:
    """Congruent, and up to whole turns the same as Herráez' method inside the head."""
    phase = 0.02 * field(shape, 600) + np.random.default_rng(1).normal(0, 0.3, shape)
    wrapped = np.angle(np.exp(1j * phase))
    inside = head(shape) > 0
    found = unwrap_phase(wrapped, np.where(inside, head(shape), 0))
    turns = (found - wrapped) / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
    squeezed = np.ma.masked_array(wrapped, ~inside)[0] if shape[0] == 1 else np.ma.masked_array(wrapped, ~inside)
    other = np.asarray(reference_unwrap(squeezed)).reshape(shape)
    step = (found - other)[inside]
    assert np.abs(step - np.median(step)).max() < 1e-6
    np.testing.assert_allclose(step[0] / (2 * np.pi), np.round(step[0] / (2 * np.pi)), atol=1e-6)


def test_islands_are_joined_by_the_smallest_step() -> None:
    """Tubes along a ramp: steps between neighbours of 2 rad, more than two turns over all."""
    x = np.arange(80)
    quality = np.broadcast_to((x % 8 < 5).astype(float), (1, 6, 80)).copy()
    truth = np.broadcast_to(0.25 * x, (1, 6, 80))
    found = unwrap_phase(np.angle(np.exp(1j * truth)), quality)
    step = (found - truth)[quality > 0]
    assert np.ptp(step) < 1e-9


def test_a_map_moves_to_its_true_places() -> None:
    """A field known at x is seen at x + δf/b; moved back it is the field, whichever way k runs."""
    x = np.arange(200) - 100.0
    truth = 300 * np.sin(x / 25) + 200
    for b in (100.0, -100.0):
        seen = np.interp(x, x + truth / b, truth)
        distorted = torch.from_numpy(np.broadcast_to(seen, (1, 3, 200)).copy())
        found = undistort_field_map(
            FieldMap(distorted, torch.ones_like(distorted), geometry_of((1, 3, 200)), "seen"), hertz_per_voxel=b
        )
        np.testing.assert_allclose(found.off_resonance[0, 1, 10:-10].numpy(), truth[10:-10], atol=1.0)
        assert np.abs(seen - truth).max() > 30


def test_a_shift_pair_is_two_echoes() -> None:
    shape = SHAPES[0]
    delta = field(shape, 900)
    images = echoes(shape, delta, (1e-6, 301e-6), snr=20)
    found = field_map_from_shift_pair(images, (1e-6, 301e-6), geometry=geometry_of(shape), hertz_per_voxel=None)
    assert error_inside(found.off_resonance, delta, shape) < 20
    assert "300 µs apart" in found.source


def test_solid_harmonics_find_a_magnet_of_the_simulator() -> None:
    generator = torch.Generator().manual_seed(3)
    magnet = MagnetField(torch.randn(16, generator=generator, dtype=torch.float64), 0.1)
    geometry = geometry_of((9, 21, 20))
    field_ppm = magnet_field(magnet, voxel_positions(geometry)[0])
    reliability = torch.ones_like(field_ppm)
    reliability[:, :4] = 0
    spoiled = torch.where(reliability > 0, field_ppm, 1e6)
    model = fit_solid_harmonics(FieldMap(spoiled, reliability, geometry, "measured"), 3)
    assert model.residual < 1e-9
    torch.testing.assert_close(evaluate_field_model(model, geometry).off_resonance, field_ppm.float())


def test_outliers_do_not_pull_the_model() -> None:
    geometry = geometry_of((5, 15, 14))
    places = voxel_positions(geometry)[0]
    truth = 1e3 * places[..., 0] - 2e4 * places[..., 1] ** 2
    spoiled = truth.clone()
    spoiled[:, ::7, ::5] += 5e3
    model = fit_polynomial(FieldMap(spoiled, torch.ones_like(truth), geometry, "measured"), 2)
    assert float((model.at(places) - truth).abs().max()) < 2
    with pytest.raises(ValueError, match="cannot tell"):
        fit_polynomial(FieldMap(truth, torch.zeros_like(truth), geometry, "empty"), 2)


def test_nifti_is_placed_by_its_affine(tmp_path: Path) -> None:
    """Another grid, turned and in RAS mm: a field linear in the patient's coordinates comes back exactly."""
    turned = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]) @ np.diag([5.0, 6, 7])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turned, [120, -100, -110]
    i, j, k = np.meshgrid(*(np.arange(n) for n in (40, 41, 32)), indexing="ij")
    right, anterior, superior = np.moveaxis(np.stack([i, j, k], -1) @ turned.T + affine[:3, 3], -1, 0)
    path = tmp_path / "map.nii.gz"
    nibabel.save(nibabel.Nifti1Image(0.1 * right - 0.2 * anterior + 0.3 * superior, affine), path)
    geometry = geometry_of((7, 11, 13))
    left, posterior, up = voxel_positions(geometry)[0].unbind(-1)
    expected = 1e3 * (-0.1 * left + 0.2 * posterior + 0.3 * up)
    found = field_map_from_nifti(path, geometry, unit="Hz")
    torch.testing.assert_close(found.off_resonance, expected.float(), rtol=1e-4, atol=1e-3)
    assert bool((found.reliability == 1).all())
    in_ppm = field_map_from_nifti(path, geometry, unit="ppm", B0=0.05)
    torch.testing.assert_close(in_ppm.off_resonance, expected.float() * 2.128874, rtol=1e-4, atol=1e-3)


def test_nifti_that_does_not_fit_is_refused_or_marked(tmp_path: Path) -> None:
    affine = np.diag([4.0, 4, 4, 1])
    values = np.full((20, 20, 20), 7.0)
    values[:2] = np.nan
    path = tmp_path / "map.nii"
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    found = field_map_from_nifti(path, geometry_of((7, 11, 13)), unit="Hz")  # a corner lies in the map
    assert 0 < float(found.reliability.mean()) < 0.5
    assert bool((found.off_resonance == 7).all())
    far = Geometry((7, 11, 13), (0.004,) * 3, np.full((1, 3), 0.5), np.eye(3))
    with pytest.raises(ValueError, match="another scan"):
        field_map_from_nifti(path, far, unit="Hz")
    with pytest.raises(ValueError, match="B0"):
        field_map_from_nifti(path, far, unit="ppm")
    with pytest.raises(ValueError, match="not a"):
        field_map_from_nifti(path, geometry_of((7, 11, 13)), unit="T")
