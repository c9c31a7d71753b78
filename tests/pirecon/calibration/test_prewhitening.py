"""Prewhitening brings data to SNR units."""

from __future__ import annotations

import pytest
import torch

from pirecon.calibration import NoiseCovariance, covariance_from_kspace, covariance_from_noise_scan, prewhiten

MIXING = torch.tensor(
    [[2.0, 0, 0, 0], [0.4 + 0.3j, 0.7, 0, 0], [-0.2j, 0.1, 3.0, 0], [1, 1j, -1, 0.5]], dtype=torch.complex64
)


def covariance(matrix: torch.Tensor) -> NoiseCovariance:
    return NoiseCovariance(matrix.to(torch.complex128), "test")


def test_whitened_noise_has_standard_deviation_one_in_both_parts_and_no_correlation(noise, kspace_of):
    scan = MIXING @ noise((4, 100_000))
    kspace = kspace_of(torch.einsum("cd,dzyx->czyx", MIXING, noise((4, 1, 151, 200))))
    white = prewhiten(kspace, covariance_from_noise_scan(scan)).data
    for c in range(4):
        assert float(white[c].real.std()) == pytest.approx(1, abs=0.02)
        assert float(white[c].imag.std()) == pytest.approx(1, abs=0.02)
    flat = white.flatten(1)
    torch.testing.assert_close(flat @ flat.mH / (2 * flat.shape[1]), torch.eye(4) + 0j, rtol=0, atol=0.02)


def test_pure_noise_without_a_noise_scan_has_standard_deviation_one(noise, kspace_of):
    kspace = kspace_of(
        1e-4 * torch.einsum("cd,sdzyx->sczyx", MIXING, noise((3, 4, 1, 128, 120))), batch_axes=("slice",)
    )
    white = prewhiten(kspace, covariance_from_kspace(kspace)).data
    assert float(white.real.std()) == pytest.approx(1, abs=0.02)
    assert float(white.imag.std()) == pytest.approx(1, abs=0.02)


def test_means_of_several_measurements_have_standard_deviation_one_after_weighting(noise, kspace_of):
    """Lines measured 4 times and once: the stored means have noise of 1/2 and 1."""
    weights = torch.ones(1, 1, 100, 100)
    weights[:, :, 50:] = 0.5
    kspace = kspace_of(noise((1, 1, 100, 100)) / (2 * weights), weights, n_averages=4)
    white = prewhiten(kspace, covariance(torch.eye(1)))
    weighted = white.weights * white.data
    assert float(weighted[:, :, :50].real.std()) == pytest.approx(1, abs=0.03)
    assert float(weighted[:, :, 50:].imag.std()) == pytest.approx(1, abs=0.03)
    assert float(white.data[:, :, 50:].real.std()) == pytest.approx(2, abs=0.06)


def test_tensor_and_kspace_agree_for_single_measurements(noise, kspace_of):
    kspace = kspace_of(noise((2, 4, 1, 5, 6)), batch_axes=("slice",))
    known = covariance(MIXING @ MIXING.mH)
    torch.testing.assert_close(prewhiten(kspace, known).data, prewhiten(kspace.data, known))


def test_scale_of_the_file_does_not_matter(noise):
    samples, data = MIXING @ noise((4, 1000)), noise((4, 1, 9, 8))
    results = [prewhiten(data * s, covariance_from_noise_scan(samples * s)) for s in (1e-6, 1.0, 1e6)]
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(results[2], results[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["silent", "copy"])
def test_silent_and_copied_channels_are_left_out_with_a_warning(noise, kind):
    samples = noise((3, 5000))
    samples[1] = 0 if kind == "silent" else 2j * samples[0]
    data = samples[:, :900].reshape(3, 1, 30, 30)
    with pytest.warns(UserWarning, match=r"channels \[1\] of 3 are left out"):
        white = prewhiten(data, covariance_from_noise_scan(samples))
    assert white.shape == (2, 1, 30, 30)
    assert float(white.real.std()) == pytest.approx(1, abs=0.05)


def test_channels_of_very_different_gain_are_all_kept(noise):
    gains = torch.tensor([1e-5, 1.0, 1e5])[:, None]
    white = prewhiten(
        (gains * noise((3, 900))).reshape(3, 1, 30, 30), covariance_from_noise_scan(gains * noise((3, 5000)))
    )
    assert white.shape[0] == 3
    assert [float(c.real.std()) for c in white] == pytest.approx([1, 1, 1], abs=0.1)


@pytest.mark.parametrize(("value", "message"), [(0.0, "none of the 2 channels"), (float("nan"), "NaN or infinite")])
def test_useless_covariance_is_refused_and_named(noise, value, message):
    with pytest.raises(ValueError, match=message):
        prewhiten(noise((2, 1, 4, 4)), covariance(torch.full((2, 2), value)))


def test_covariance_of_another_array_is_refused(noise):
    with pytest.raises(ValueError, match="3 channels and the matrix is for 4"):
        prewhiten(noise((3, 1, 4, 4)), covariance(torch.eye(4)))
