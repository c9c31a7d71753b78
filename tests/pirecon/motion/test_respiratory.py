"""Breathing is found in signals made of it, and not in what is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pirecon.motion.respiratory import gated, gating_weights, respiratory_bins, respiratory_signal

TIMES = np.arange(600) * 0.05  # 30 s


def breath(period: float = 4.0) -> np.ndarray:
    """Of Lujan: a long rest in expiration."""
    return np.cos(np.pi * TIMES / period - np.pi / 2) ** 6


def features(signal: np.ndarray, *, noise: float, seed: int = 0) -> np.ndarray:
    """Twelve channels that see the signal differently, with a drift and noise; complex."""
    generator = np.random.default_rng(seed)
    gain, drift = generator.normal(size=(2, 12))
    values = 20 + np.outer(signal, gain) + np.outer(TIMES / 30, drift)
    return values + noise * (generator.normal(size=values.shape) + 1j * generator.normal(size=values.shape))


@pytest.mark.parametrize("period", [3.0, 5.0])
def test_breath_is_found(period: float) -> None:
    found = respiratory_signal(features(breath(period), noise=0.2), TIMES, TIMES)
    assert found.found, found.source
    assert found.period == pytest.approx(period, rel=0.1)
    assert np.corrcoef(found.amplitude, breath(period))[0, 1] > 0.95  # expiration is at 0, whatever the sign


def test_navigators_at_other_times_than_the_lines() -> None:
    found = respiratory_signal(features(breath(), noise=0.1)[::4], TIMES[::4], TIMES)
    assert found.amplitude.shape == TIMES.shape
    assert np.corrcoef(found.amplitude, breath())[0, 1] > 0.9


@pytest.mark.parametrize("signal", [np.zeros(600), 5 * TIMES / 30])
def test_without_breath_all_data_are_used(signal: np.ndarray) -> None:
    found = respiratory_signal(features(signal, noise=0.3, seed=1), TIMES, TIMES)
    assert not found.found
    assert "all data are used" in found.source
    assert np.array_equal(gating_weights(found), np.ones(600))
    assert not respiratory_bins(found, 4).any()


def test_too_short_a_scan_says_so() -> None:
    found = respiratory_signal(features(breath(), noise=0.1)[:40], TIMES[:40], TIMES[:40])
    assert not found.found
    assert "too few to see breaths" in found.source


def test_bins_are_of_equal_size_in_order_of_amplitude() -> None:
    found = respiratory_signal(features(breath(), noise=0.1), TIMES, TIMES)
    bins = respiratory_bins(found, 4)
    assert np.bincount(bins).tolist() == [150] * 4
    means = [found.amplitude[bins == b].mean() for b in range(4)]
    assert means == sorted(means)
    with pytest.raises(ValueError, match="cannot be shared out"):
        respiratory_bins(found, 601)


def test_the_gate_keeps_expiration() -> None:
    found = respiratory_signal(features(breath(), noise=0.1), TIMES, TIMES)
    gate = gating_weights(found, keep=0.4)
    assert 0.35 < (gate == 1).mean() < 0.5
    assert gate[breath() > 0.8].max() < 0.05
    samples, weights = gated(torch.ones(2, 600, 3, dtype=torch.complex64), torch.ones(1, 600, 3), gate)
    np.testing.assert_allclose(samples[1, :, 2].real.numpy(), gate, rtol=1e-6)
    np.testing.assert_allclose(weights[0, :, 0].numpy(), gate, rtol=1e-6)
    with pytest.raises(ValueError, match="part of the readouts"):
        gating_weights(found, keep=0.0)


def test_features_and_times_must_belong_together() -> None:
    with pytest.raises(ValueError, match="one time for each moment"):
        respiratory_signal(np.ones((10, 3)), TIMES, TIMES)
