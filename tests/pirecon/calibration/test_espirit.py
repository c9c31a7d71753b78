"""ESPIRiT maps against the coils that made the data, and against SigPy."""

from __future__ import annotations

import numpy as np
import pytest
import sigpy.mri
import torch
from torch import Tensor

from pirecon.calibration import Espirit, espirit
from pirecon.calibration.espirit import espirit_shared

NO_CROP = 0.0


def centre(data: Tensor, *widths: int) -> Tensor:
    """The central samples (k = 0 at n // 2) of the trailing axes."""
    for axis, w in zip((-3, -2, -1), widths, strict=True):
        data = data.narrow(axis, data.shape[axis] // 2 - w // 2, w)
    return data


def sine(maps: Tensor, truth: Tensor) -> Tensor:
    """Sine of the angle between coil vectors ``(coil, z, y, x)``, whatever their phase and length."""
    product = (maps.conj() * truth).sum(dim=0).abs()
    cosine = product / (maps.norm(dim=0) * truth.norm(dim=0)).clamp(min=1e-12)
    return (1 - cosine.square()).clamp(min=0).sqrt()


@pytest.mark.parametrize(
    ("n_coils", "matrix", "snr", "median", "most"),
    [(8, (1, 91, 96), 1000, 0.004, 0.02), (8, (1, 91, 96), 20, 0.04, 0.12), (8, (1, 91, 96), 3, 0.18, 0.5),
     (3, (1, 64, 85), 20, 0.03, 0.12), (2, (1, 45, 46), 20, 0.02, 0.2), (4, (15, 44, 47), 20, 0.03, 0.2)],
)  # fmt: skip
def test_maps_are_parallel_to_the_true_coils_within_the_head(scan, n_coils, matrix, snr, median, most):
    kspace, truth, head = scan(n_coils, matrix, snr)
    maps = espirit(centre(kspace.data, *(min(n, 24) for n in matrix)), matrix)[0]
    error = sine(maps, truth)[head]
    assert float(error.median()) < median
    assert float(error.quantile(0.99)) < most


def test_soft_crop_fades_where_the_hard_one_has_its_edge(scan):
    kspace, _, head = scan(4, (1, 100, 101), 10)
    calibration = centre(kspace.data, 1, 24, 24)[None]
    hard, soft = (espirit_shared(calibration, (1, 100, 101), Espirit(soft=s))[0].norm(dim=0) for s in (False, True))
    assert bool(((hard < 1e-6) | ((hard - 1).abs() < 1e-5)).all())
    assert float(((soft > 0.1) & (soft < 0.9)).float().mean()) > 0.005
    assert float((soft - hard).max()) < 1e-5  # what fades lies within the hard support
    assert float(soft[head].quantile(0.01)) > 0.99


@pytest.mark.parametrize("snr", [3, 10, 40])
def test_maps_are_one_in_the_head_and_zero_far_away_at_any_snr(scan, snr):
    kspace, _, _ = scan(8, (1, 120, 121), snr)
    norm = espirit(centre(kspace.data, 1, 24, 24), (1, 120, 121))[0].norm(dim=0)[0]
    y, x = np.mgrid[:120, :121] - np.array([60, 60])[:, None, None]
    radius = np.hypot(y / 51, x / 42.35)  # the rim of the head is at 1
    torch.testing.assert_close(norm[torch.from_numpy(radius < 0.98)], torch.ones(int((radius < 0.98).sum())))
    assert float((norm[torch.from_numpy(radius > 1.35)] < 0.01).float().mean()) > 0.75


def test_fully_sampled_images_lie_in_the_span_of_the_maps(scan):
    """What the maps do not explain is the noise of the n_coils − 1 other directions."""
    kspace, _, head = scan(8, (1, 96, 91), 10)
    maps = espirit(centre(kspace.data, 1, 24, 24), (1, 96, 91))[0]
    shifted = torch.fft.ifftshift(kspace.data, dim=(-2, -1))
    images = torch.fft.fftshift(torch.fft.ifft2(shifted, norm="ortho"), dim=(-2, -1))
    residual = images - maps * (maps.conj() * images).sum(dim=0)
    assert float(residual[:, head].abs().square().mean() / 2) == pytest.approx(7 / 8, rel=0.05)


@pytest.mark.parametrize("snr", [15, 60])
def test_agrees_with_sigpy_and_is_no_farther_from_the_truth(scan, snr):
    kspace, truth, head = scan(6, (1, 80, 84), snr)
    ours = espirit(centre(kspace.data, 1, 24, 24), (1, 80, 84), crop=NO_CROP)[0]
    app = sigpy.mri.app.EspiritCalib(kspace.data[:, 0].numpy(), calib_width=24, crop=0, show_pbar=False)
    theirs = torch.from_numpy(app.run())[:, None]
    assert float(sine(ours, theirs)[head].median()) < 0.4 / snr
    assert float(sine(ours, truth)[head].median()) < 1.1 * float(sine(theirs, truth)[head].median())


def test_finer_grid_samples_the_same_maps(scan):
    """Voxel j of n lies at (j − n//2)/n of the field of view; on thrice the grid every third voxel is an old one."""
    kspace, _, head = scan(4, (1, 41, 44), 30)
    calibration = centre(kspace.data, 1, 24, 24)
    coarse, fine = espirit(calibration, (1, 41, 44)), espirit(calibration, (1, 123, 132))
    again = fine[..., 61 - 3 * 20 :: 3, 66 - 3 * 22 :: 3]
    assert float((again - coarse)[0][:, head].abs().max()) < 0.01


def test_position_of_the_region_in_kspace_does_not_matter(scan):
    kspace, _, head = scan(4, (1, 64, 64), 40)
    turned = kspace.data.roll((4, -3), dims=(-2, -1))  # a linear phase over the image, of all coils alike
    one, other = (espirit(centre(k, 1, 24, 24), (1, 64, 64))[0] for k in (kspace.data, turned))
    assert float(sine(one, other)[head].quantile(0.95)) < 0.04


def test_phase_is_relative_to_the_strongest_combination_of_coils(scan):
    """Turning one coil's cable phase turns its map and no other."""
    kspace, _, head = scan(5, (1, 64, 60), 30)
    calibration = centre(kspace.data, 1, 24, 24)
    turn = torch.ones(5, 1, 1, 1, dtype=torch.complex64)
    turn[2] = torch.exp(torch.tensor(1.7j))
    one, other = espirit(calibration, (1, 64, 60))[0], espirit(turn * calibration, (1, 64, 60))[0]
    # The virtual coil itself is known up to one phase for all voxels.
    common = ((turn * one).conj() * other)[:, head].sum()
    torch.testing.assert_close(other[:, head], (turn * one * (common / common.abs()))[:, head], rtol=0, atol=2e-3)


def test_maps_are_smooth_in_phase_within_the_head(scan):
    kspace, _, head = scan(8, (1, 96, 96), 40)
    maps = espirit(centre(kspace.data, 1, 24, 24), (1, 96, 96))[0, :, 0]
    step = (maps[:, 1:] - maps[:, :-1]).norm(dim=0)
    assert float(step[head[0, 1:] & head[0, :-1]].max()) < 0.3  # a jump of phase by π would be 2


def test_a_batch_equals_a_loop(scan):
    slices = torch.stack([centre(scan(4, (1, 40, 41), snr)[0].data, 1, 20, 22) for snr in (5, 50)])
    together = espirit(slices, (1, 40, 41))
    assert together.shape == (2, 1, 4, 1, 40, 41)
    for maps, entry in zip(together, slices, strict=True):
        torch.testing.assert_close(maps, espirit(entry, (1, 40, 41)))


def test_second_set_explains_an_object_folded_on_itself(scan):
    kspace, _, _ = scan(8, (1, 128, 64), 20)
    folded = kspace.data[:, :, ::2]  # half the field of view
    images = torch.fft.fftshift(torch.fft.ifft2(torch.fft.ifftshift(folded, dim=(-2, -1)), norm="ortho"), dim=(-2, -1))
    unexplained = []
    for n_sets in (1, 2):
        maps = espirit(centre(folded, 1, 24, 24), (1, 64, 64), n_sets=n_sets)
        left = images - (maps * (maps.conj() * images).sum(dim=1, keepdim=True)).sum(dim=0)
        noise = 8 - n_sets
        unexplained.append(float(left[..., 14:50].abs().square().sum(dim=0).mean() / 2) - noise)
    assert unexplained[0] > 3
    assert unexplained[1] < 0.2 * unexplained[0]


def test_a_silent_channel_has_an_empty_map(scan):
    data = centre(scan(4, (1, 48, 48), 20)[0].data, 1, 24, 24).clone()
    data[2] = 0
    maps = espirit(data, (1, 48, 48))[0]
    assert float(maps[2].abs().max()) < 1e-5
    assert bool(torch.isfinite(torch.view_as_real(maps)).all())


def test_pure_noise_has_no_maps(noise):
    assert float(espirit(noise((6, 1, 24, 24)), (1, 32, 32)).abs().max()) == 0


def test_double_precision_is_kept(scan):
    data = centre(scan(3, (1, 40, 40), 20)[0].data, 1, 24, 24)
    double = espirit(data.to(torch.complex128), (1, 40, 40))
    assert double.dtype == torch.complex128
    torch.testing.assert_close(double.to(torch.complex64), espirit(data, (1, 40, 40)), rtol=0, atol=1e-3)


def test_many_coils_in_three_dimensions_stay_within_bounds(noise):
    """32 coils and 4³ samples would be an eigenvalue problem of 2048 unknowns; uniform coils are found all the same."""
    vector = noise((32, 1, 1, 1))
    image = torch.ones(1, 8, 8, 8) * vector * 20
    data = torch.fft.fftshift(torch.fft.fftn(image, dim=(1, 2, 3), norm="ortho"), dim=(1, 2, 3)) + noise((32, 8, 8, 8))
    maps = espirit(data, (8, 8, 8))[0]
    assert float(sine(maps, vector.expand_as(maps)).max()) < 0.05


@pytest.mark.parametrize(
    ("shape", "matrix", "n_sets", "message"),
    [((8, 24, 24), (1, 32, 32), 1, "a 2D slice has kz = 1"), ((4, 1, 24, 24), (32, 32), 1, r"matrix \(z, y, x\)"),
     ((4, 1, 24, 24), (1, 32, 32), 0, "0 sets"), ((1, 1, 24, 24), (1, 32, 32), 2, "2 sets of maps")],
)  # fmt: skip
def test_wrong_shapes_are_refused(noise, shape, matrix, n_sets, message):
    with pytest.raises(ValueError, match=message):
        espirit(noise(shape), matrix, n_sets=n_sets)
