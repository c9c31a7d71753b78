"""Maps from separate, embedded, interleaved and absent calibration data."""

from __future__ import annotations

from dataclasses import replace

import h5py
import pytest
import torch

from pirecon.calibration import covariance_from_noise_scan, estimate_sensitivity_maps, prewhiten
from pirecon.calibration.prewhitening import whitening_matrix
from pirecon.rawdata import calibration_kspace, noise_samples, read_mrd, sort_kspace

MATRIX = (1, 72, 75)


def error(maps: torch.Tensor, truth: torch.Tensor, where: torch.Tensor) -> float:
    """Median sine of the angle between the coil vectors."""
    cosine = (maps.conj() * truth).sum(dim=0).abs() / maps.norm(dim=0).clamp(min=1e-12)
    return float((1 - cosine.square()).clamp(min=0).sqrt()[where].median())


def central_lines(lines: slice | None) -> torch.Tensor:
    weights = torch.zeros(1, *MATRIX)
    weights[:, :, ::3] = 1
    if lines is not None:
        weights[:, :, lines] = 1
    return weights


def test_embedded_calibration_lines(scan, kspace_of):
    kspace, truth, head = scan(6, MATRIX, 20)
    found = estimate_sensitivity_maps(kspace_of(kspace.data, central_lines(slice(26, 46))), None, MATRIX)
    assert found.maps.shape == (1, 6, *MATRIX)
    assert "1 × 20 × 24" in found.source
    assert "central" in found.source
    assert error(found.maps[0], truth, head) < 0.04


def test_separate_calibration_lines(scan, kspace_of):
    kspace, truth, head = scan(6, MATRIX, 20)
    weights = torch.zeros(1, *MATRIX)
    weights[:, :, 24:48] = 1
    imaging, separate = kspace_of(kspace.data, central_lines(None)), kspace_of(kspace.data, weights)
    found = estimate_sensitivity_maps(imaging, separate, MATRIX)
    assert "separate" in found.source
    assert error(found.maps[0], truth, head) < 0.04


def test_each_slice_has_maps_and_contrasts_share_them_even_with_opposite_phase(scan, kspace_of):
    first, truth, head = scan(4, MATRIX, 20)
    second, _, _ = scan(4, MATRIX, 20)
    data = torch.stack([torch.stack([k.data, k.data.flip(-4)]) for k in (first, replace(second, data=-second.data))])
    found = estimate_sensitivity_maps(kspace_of(data, batch_axes=("contrast", "slice")), None, MATRIX)
    assert found.maps.shape == (1, 2, 1, 4, *MATRIX)
    assert error(found.maps[0, 0, 0], truth, head) < 0.04
    assert error(found.maps[0, 1, 0], truth.flip(0), head) < 0.04


def test_interleaved_repetitions_are_put_together(scan, kspace_of):
    kspace, truth, head = scan(4, MATRIX, 20)
    weights = torch.zeros(3, 1, *MATRIX)
    for r in range(3):
        weights[r, :, :, r::3] = 1
    data = kspace.data.expand(3, -1, -1, -1, -1)
    found = estimate_sensitivity_maps(kspace_of(data, weights, batch_axes=("repetition",)), None, MATRIX)
    assert "all repetitions" in found.source
    assert found.maps.shape == (1, 1, 4, *MATRIX)
    assert error(found.maps[0, 0], truth, head) < 0.04


def test_one_coil_is_a_map_of_ones(scan, kspace_of):
    kspace, _, _ = scan(1, MATRIX, 20)
    found = estimate_sensitivity_maps(
        kspace_of(kspace.data.expand(5, 1, 1, 72, 75), batch_axes=("slice",)), None, MATRIX
    )
    torch.testing.assert_close(found.maps, torch.ones(5, 1, 1, *MATRIX, dtype=torch.complex64))
    assert "one coil" in found.source


def test_without_a_calibration_region_image_and_maps_are_estimated_together_and_that_is_said(scan, kspace_of):
    """A gap beside the peak leaves no block of neighbouring lines."""
    kspace, truth, head = scan(6, MATRIX, 40)
    weights = torch.ones(1, *MATRIX)
    weights[:, :, [34, 38]] = 0
    found = estimate_sensitivity_maps(kspace_of(kspace.data, weights), None, MATRIX)
    assert "no calibration region" in found.source
    assert "estimated together" in found.source
    assert error(found.maps[0], truth, head) < 0.03
    torch.testing.assert_close(found.maps.norm(dim=1), torch.ones(1, *MATRIX))


def test_slices_that_joint_estimation_cannot_explain_get_low_resolution_images_and_are_named(scan, kspace_of):
    first, _, _ = scan(6, MATRIX, 20)
    weights = torch.stack([central_lines(slice(34, 38)), central_lines(None)])
    found = estimate_sensitivity_maps(
        kspace_of(torch.stack([first.data, first.data]), weights, batch_axes=("slice",)), None, MATRIX
    )
    assert "slices [1], which got low-resolution images" in found.source
    torch.testing.assert_close(found.maps.norm(dim=2), torch.ones(2, 1, *MATRIX))


def test_noise_alone_gives_finite_maps_and_says_so(noise, kspace_of):
    found = estimate_sensitivity_maps(kspace_of(noise((4, *MATRIX))), None, MATRIX)
    assert "no signal above the noise" in found.source
    torch.testing.assert_close(found.maps.norm(dim=1), torch.ones(1, *MATRIX))


def test_grid_finer_than_acquired(scan):
    kspace, _truth, _ = scan(4, (1, 48, 51), 30)
    _, fine_truth, fine_head = scan(4, (1, 96, 102), 30)
    found = estimate_sensitivity_maps(kspace, None, (1, 96, 102))
    assert error(found.maps[0], fine_truth, fine_head) < 0.05


@pytest.mark.parametrize("shape", [(5, 32, 33), (12, 24, 21)])
def test_three_dimensions_with_few_partitions(scan, shape):
    kspace, truth, head = scan(3, shape, 30)
    assert error(estimate_sensitivity_maps(kspace, None, shape).maps[0], truth, head) < 0.07


def test_coarser_grid_is_refused(scan):
    with pytest.raises(ValueError, match=r"acquired matrix \(z, y, x\) is \(1, 72, 75\)"):
        estimate_sensitivity_maps(scan(2, MATRIX, 20)[0], None, (1, 64, 75))


def test_calibration_of_another_array_or_other_slices_is_refused(scan, noise, kspace_of):
    kspace, _, _ = scan(4, MATRIX, 20)
    with pytest.raises(ValueError, match="3 channels"):
        estimate_sensitivity_maps(kspace, kspace_of(noise((3, *MATRIX))), MATRIX)
    with pytest.raises(ValueError, match="2 slices"):
        estimate_sensitivity_maps(kspace, kspace_of(noise((2, 4, *MATRIX)), batch_axes=("slice",)), MATRIX)


def test_calibration_over_another_field_of_view_is_refused(scan):
    kspace, _, _ = scan(4, MATRIX, 20)
    z, y, x = kspace.geometry.voxel_size
    larger = replace(kspace, geometry=replace(kspace.geometry, voxel_size=(z, y, 1.2 * x)))
    with pytest.raises(ValueError, match="same field of view"):
        estimate_sensitivity_maps(kspace, larger, MATRIX)


def test_maps_of_an_independent_simulation(shared_data):
    """Phantom of ismrmrd-tools, R = 2, 16 separate calibration lines, noise scan; its coils lie in the file."""
    path = shared_data / "shepp_logan_r2_noise_scan.h5"
    raw = read_mrd(path)
    samples = noise_samples(raw)
    assert samples is not None
    covariance = covariance_from_noise_scan(samples)
    kspace, calibration = sort_kspace(raw), calibration_kspace(raw)
    assert calibration is not None
    found = estimate_sensitivity_maps(prewhiten(kspace, covariance), prewhiten(calibration, covariance), (1, 96, 96))
    with h5py.File(path) as file:
        coils, phantom = file["dataset/csm"][0], file["dataset/phantom"][0]
    truth = torch.from_numpy(coils["real"] + 1j * coils["imag"])
    truth = torch.einsum("dc,cyx->dyx", whitening_matrix(covariance).to(truth.dtype), truth)
    truth = truth / truth.norm(dim=0)
    where = torch.from_numpy(abs(phantom["real"] + 1j * phantom["imag"]) > 0.1)
    assert error(found.maps[0, 0, :, 0], truth, where) < 0.03
