"""Simulated training scans are what they claim to be."""

import numpy as np
import pytest
import torch

from pirecon.encoding import CartesianSense
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.simulation import (
    bandlimited,
    random_coils,
    random_lines,
    random_phase,
    scan_image,
    window,
)
from pirecon.training.scans.stream import ScanStream, Source, with_estimated_maps


def disc(n: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, n), torch.linspace(-1, 1, n), indexing="ij")
    return ((y / 0.8) ** 2 + (x / 0.6) ** 2 < 1).float() * (1 + 0.3 * torch.cos(9 * x) * torch.cos(7 * y))


@pytest.mark.parametrize("n_coils", [1, 6])
@pytest.mark.parametrize("ratio", [(1.0, 1.0), (1.7, 1.3)])
def test_noise_is_one_and_signal_is_snr(n_coils: int, ratio: tuple[float, float]) -> None:
    rng = np.random.default_rng(2)
    matrix = (60, 70)
    image = bandlimited(disc(192), matrix) * random_phase(matrix, rng)
    acquired = window(matrix, ratio)
    scan = scan_image(
        image,
        random_coils(n_coils, matrix, rng),
        np.ones(acquired[0], bool),
        acquired_columns=acquired[1],
        snr=9.0,
        rng=rng,
    )
    E = CartesianSense(scan.maps, scan.weights)
    noise = scan.kspace - E(scan.truth)
    assert torch.view_as_real(noise).std().item() == pytest.approx(1.0, rel=0.02)
    # Zero-filled on the acquired grid the mean over the object is the SNR that was asked for.
    magnitude = scan.truth.abs() * (60 * 70 / (acquired[0] * acquired[1])) ** 0.5
    assert magnitude[magnitude > 0.1 * magnitude.max()].mean().item() == pytest.approx(9.0, rel=1e-4)


def test_bandlimiting_keeps_scale_and_means() -> None:
    fine = disc(192)
    assert bandlimited(fine, (64, 64)).real.mean().item() == pytest.approx(fine.mean().item(), rel=1e-3)


@pytest.mark.parametrize("acceleration", [1.0, 1.5, 2.0, 3.0, 4.0])
def test_lines_measured_are_about_as_asked(acceleration: float) -> None:
    found = [128 / random_lines(128, acceleration, np.random.default_rng(seed)).sum() for seed in range(60)]
    assert np.mean(found) == pytest.approx(acceleration, rel=0.12)
    assert all(random_lines(127, acceleration, np.random.default_rng(seed))[60:67].all() for seed in range(60))


def test_estimated_maps_explain_the_data_as_the_true_ones_do() -> None:
    rng = np.random.default_rng(4)
    image = bandlimited(disc(192), (96, 96)) * random_phase((96, 96), rng)
    lines = np.zeros(96, bool)
    lines[::2] = lines[36:60] = True
    scan = scan_image(image, random_coils(8, (96, 96), rng), lines, acquired_columns=96, snr=15.0, rng=rng)
    estimated = with_estimated_maps(scan, lines)
    measured = scan.weights.expand_as(scan.kspace) > 0
    residual = (CartesianSense(estimated.maps, scan.weights)(estimated.truth) - scan.kspace)[measured]
    assert estimated is not scan
    assert residual.abs().square().mean().item() / 2 == pytest.approx(1.0, abs=0.1)


def test_the_stream_is_the_same_for_a_seed_and_resumes_anywhere() -> None:
    images = np.stack([disc(96).numpy(), disc(96).numpy().T])
    stream = ScanStream([Source("discs", images, 1.0)], ScanRange(matrices=(32, 40)), voxels=4000, seed=7)
    later = ScanStream([Source("discs", images, 1.0)], ScanRange(matrices=(32, 40)), voxels=4000, seed=7, start=2)
    first = [batch for _, batch in zip(range(3), stream, strict=False)]
    assert all(torch.equal(a, b) for a, b in zip(first[2].values(), next(iter(later)).values(), strict=True))
    assert not torch.equal(first[0]["truth"].flatten()[:50], first[1]["truth"].flatten()[:50])
    assert all(value.isfinite().all() for batch in first for value in batch.values())


def test_accelerations_are_drawn_from_their_range_alone() -> None:
    scans = ScanRange(
        matrices=(64,), coils=(1,), acceleration=(3.0, 4.0), super_resolution=(1.0, 1.0), lost_samples=0.0
    )
    stream = ScanStream([Source("disc", disc(96).numpy()[None], 1.0)], scans, voxels=16 * 64 * 72, seed=3)
    assert stream.batch(0)["weights"].mean((1, 2, 3, 4)).max().item() < 0.5


def test_a_second_average_has_the_same_signal_and_independent_noise() -> None:
    images = np.stack([disc(96).numpy()])
    wanted = {"matrices": (48,), "coils": (1, 4), "acceleration": (1.0, 2.0), "lost_samples": 0.0}
    once, twice = (
        ScanStream([Source("disc", images, 1.0)], ScanRange(**wanted, averages=n), voxels=8 * 48**2, seed=5)
        for n in (1, 2)
    )
    noise: list[torch.Tensor] = []
    for index in range(4):
        single, double = once.batch(index), twice.batch(index)
        assert all(torch.equal(single[name], double[name]) for name in single)  # the option changes nothing else
        measured = (double["weights"] > 0).expand_as(double["kspace"])
        noise.append((double["kspace2"] - double["kspace"])[measured])
        assert (double["kspace2"][~measured] == 0).all()
    # The difference of two averages with independent noise of standard deviation 1 has √2, and no signal.
    assert torch.view_as_real(torch.cat(noise)).std().item() == pytest.approx(2**0.5, rel=0.01)


def test_three_averages_are_refused() -> None:
    with pytest.raises(ValueError, match="averages is 3"):
        ScanRange(averages=3)
