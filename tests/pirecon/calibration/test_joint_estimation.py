"""Maps from data with few calibration lines or none, against the coils that made the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.calibration import estimate_sensitivity_maps, joint_estimation
from pirecon.calibration.calibration_region import find_peak
from pirecon.calibration.low_resolution_maps import low_resolution_maps

MATRIX = (1, 84, 91)
PEAK = (0, 42, 45)


def error(maps: Tensor, truth: Tensor, where: Tensor) -> float:
    """Median sine of the angle between the coil vectors ``(coil, z, y, x)``."""
    cosine = (maps.conj() * truth).sum(dim=0).abs() / maps.norm(dim=0).clamp(min=1e-12)
    return float((1 - cosine.square()).clamp(min=0).sqrt()[where].median())


def every(step: int, central: int, matrix: tuple[int, int, int] = MATRIX) -> Tensor:
    """Every ``step``-th line, and ``central`` lines."""
    weights, middle = torch.zeros(1, *matrix), matrix[1] // 2
    weights[:, :, middle % step :: step] = 1
    weights[:, :, middle - central // 2 : middle - central // 2 + central] = 1
    return weights


def variable_density(step: int, seed: int) -> Tensor:
    """Random lines, dense near the centre."""
    n = MATRIX[1]
    density = (1 - np.abs(np.arange(n) - n // 2) / (n / 2)).clip(0) ** 3
    chosen = np.random.default_rng(seed).random(n) < density * (n / step / density.sum())
    return torch.from_numpy(chosen).float()[None, None, :, None].expand(1, *MATRIX).clone()


@pytest.mark.parametrize("snr", [5, 20, 100])
@pytest.mark.parametrize(("n_coils", "step"), [(4, 2), (8, 3)])
def test_four_central_lines_give_maps_far_better_than_low_resolution_images(scan, kspace_of, n_coils, step, snr):
    kspace, truth, head = scan(n_coils, MATRIX, snr)
    undersampled = kspace_of(kspace.data, every(step, 4))
    low = low_resolution_maps(undersampled.data[None], MATRIX, peak=PEAK)[0]
    found = estimate_sensitivity_maps(undersampled, None, MATRIX)
    assert "estimated together" in found.source
    assert error(found.maps[0], truth, head) < 0.75 * error(low, truth, head)
    torch.testing.assert_close(found.maps.norm(dim=1), torch.ones(1, *MATRIX))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_variable_density_needs_no_calibration_region(scan, seed):
    kspace, truth, head = scan(8, MATRIX, 20)
    weights = variable_density(3, seed)
    maps, explained = joint_estimation((weights * kspace.data)[None], weights[None], MATRIX, peak=PEAK)
    assert explained
    assert error(maps[0], truth, head) < 0.1


@pytest.mark.parametrize(("n_coils", "step", "snr"), [(6, 3, 20), (4, 2, 10), (8, 2, 40)])
def test_regular_undersampling_without_any_central_lines_is_recognised_as_ambiguous(
    scan, kspace_of, n_coils, step, snr
):
    kspace, _, _ = scan(n_coils, MATRIX, snr)
    found = estimate_sensitivity_maps(kspace_of(kspace.data, every(step, 0)), None, MATRIX)
    assert "low-resolution images" in found.source
    assert "neighbouring central lines" in found.source


def test_finer_grid_samples_the_same_maps(scan):
    kspace, _, head = scan(5, (1, 41, 44), 30)
    weights = every(2, 4, (1, 41, 44))
    coarse, fine = (
        joint_estimation((weights * kspace.data)[None], weights[None], matrix, peak=(0, 20, 22))[0]
        for matrix in ((1, 41, 44), (1, 123, 132))
    )
    again = fine[..., 61 - 3 * 20 :: 3, 66 - 3 * 22 :: 3]
    assert float((again - coarse)[0][:, head].abs().max()) < 1e-4


def test_it_does_not_depend_on_the_scale_of_the_coils_or_their_cables(scan):
    """A coil's phase turns its map and no other (the virtual coil is known up to one phase for all voxels)."""
    kspace, _, head = scan(5, MATRIX, 30)
    weights = every(2, 4)
    turn = torch.ones(5, 1, 1, 1, dtype=torch.complex64)
    turn[2] = torch.exp(torch.tensor(1.7j))
    one, other = (
        joint_estimation((weights * data)[None], weights[None], MATRIX, peak=PEAK)[0][0]
        for data in (kspace.data, turn * kspace.data)
    )
    common = ((turn * one).conj() * other)[:, head].sum()
    torch.testing.assert_close(other[:, head], (turn * one * common / common.abs())[:, head], rtol=0, atol=5e-3)


def test_three_dimensions_and_several_contrasts_of_opposite_phase(scan):
    shape = (20, 32, 30)
    kspace, truth, head = scan(4, shape, 30)
    weights = torch.zeros(2, 1, *shape)
    weights[:, :, :, ::2] = 1
    weights[:, :, :, 14:18] = 1
    data = torch.stack([kspace.data, -0.5 * kspace.data])
    low = low_resolution_maps((weights * data), shape, peak=find_peak(kspace))[0]
    maps, explained = joint_estimation(weights * data, weights, shape, peak=find_peak(kspace))
    assert explained
    assert error(maps[0], truth, head) < error(low, truth, head)


def test_noise_and_nothing_give_finite_maps(noise):
    for data in (noise((4, *MATRIX)), torch.zeros(4, *MATRIX, dtype=torch.complex64)):
        weights = every(3, 2)
        maps, _ = joint_estimation((weights * data)[None], weights[None], MATRIX, peak=PEAK)
        assert bool(torch.isfinite(torch.view_as_real(maps)).all())
