"""Filtered lines and uneven noise: image and noise share the filter, the level on the whole is one."""

import numpy as np
import pytest
import torch

from pirecon.encoding import CartesianSense
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.stream import ScanStream, Source
from pirecon.training.scans.uneven_noise import line_window, noise_profile, window_lines


@pytest.mark.parametrize("seed", range(5))
def test_windows_and_profiles_have_noise_power_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window, profile = line_window(61, rng), noise_profile((33, 40), rng)
    assert window.square().mean().item() == pytest.approx(1, rel=1e-5)
    assert profile.square().mean().item() == pytest.approx(1, rel=1e-5)
    assert window.min() > 0.05
    assert window.argmax() not in (0, 60)  # lines near the centre are the loudest


def test_a_windowed_image_is_the_sum_of_its_windowed_lines() -> None:
    rng = np.random.default_rng(3)
    n, window = 15, line_window(11, rng)
    image = torch.from_numpy(rng.standard_normal((n, 6, 2)) @ np.array([1, 1j])).to(torch.complex64)
    r = np.arange(n) - n // 2
    dft = np.exp(-2j * np.pi * np.outer(r, r) / n) / np.sqrt(n)
    gain = np.concatenate([[window[0]] * 2, window, [window[-1]] * 2])
    assert np.allclose(window_lines(image, window), dft.conj().T @ (gain[:, None] * (dft @ image.numpy())), atol=1e-5)


def test_scans_have_noise_of_the_window_and_other_options_stay_as_they_are() -> None:
    images = np.zeros((1, 96, 96), np.float32)
    images[0, 20:76, 30:70] = 1
    options = {"matrices": (64,), "coils": (1,), "acceleration": (1.0, 1.0), "lost_samples": 0.0}
    options |= {"super_resolution": (1.0, 1.0), "line_modulation": 0.0}
    plain, filtered = (
        ScanStream([Source("box", images, 1.0)], ScanRange(**options, line_window=share), voxels=64 * 64, seed=2)
        for share in (0.0, 1.0)
    )
    by_line = []
    for index in range(12):
        before, after = plain.batch(index), filtered.batch(index)
        assert torch.equal(before["weights"], after["weights"])
        noise = after["kspace"] - CartesianSense(after["maps"], after["weights"])(after["truth"])
        assert torch.view_as_real(noise).std().item() == pytest.approx(1, rel=0.05)
        ends = torch.view_as_real(noise[0, 0, 0])
        by_line.append(min(ends[:4].std().item(), ends[-4:].std().item()))
    assert np.mean(by_line) < 0.7  # lines at an end are quieter than white noise is
