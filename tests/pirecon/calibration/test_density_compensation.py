"""Density compensation: cells of k-space, and images at the right scale."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.special import j1
from torch import Tensor

from pirecon.algebra.nufft import Nufft
from pirecon.calibration.density_compensation import pipe_menon


def spokes(n_spokes: int, n: int) -> Tensor:
    angles = math.pi * torch.arange(n_spokes, dtype=torch.float64) / n_spokes
    radius = (torch.arange(2 * n, dtype=torch.float64) - n) / 2  # twice oversampled
    z = torch.zeros(n_spokes, 2 * n, dtype=torch.float64)
    return torch.stack([z, angles.sin()[:, None] * radius, angles.cos()[:, None] * radius], dim=-1)


def disc_spectrum(points: Tensor, radius: float, n: int) -> Tensor:
    """√N times the Fourier transform of a disc of height 1, its radius in fields of view."""
    k = points.norm(dim=-1).clamp_min(1e-6)
    return (n * radius * torch.from_numpy(j1(2 * math.pi * radius * k.numpy())) / k).to(torch.complex64)


@pytest.mark.parametrize("grid", [(1, 12, 9), (5, 8, 7)], ids=str)
def test_cartesian_samples_have_weight_one(grid: tuple[int, ...]) -> None:
    k = torch.stack(torch.meshgrid(*(torch.arange(n) - n // 2 for n in grid), indexing="ij"), dim=-1).double()
    torch.testing.assert_close(pipe_menon(k, grid), torch.ones(grid), rtol=0, atol=2e-2)


def test_spokes_have_a_ramp_that_covers_the_disc() -> None:
    n, n_spokes = 64, 101
    points = spokes(n_spokes, n)
    w = pipe_menon(points, (1, n, n))
    assert float(w.min()) > 0
    assert abs(float(w.sum()) / (math.pi * (n / 2) ** 2) - 1) < 0.05
    radius = points.norm(dim=-1)
    middle = (radius > 3) & (radius < 28)
    ramp = math.pi * radius * 0.5 / n_spokes
    assert float((w / ramp - 1)[middle].abs().mean()) < 0.03


def test_spokes_measured_twice_count_half() -> None:
    points = spokes(40, 32)
    once, twice = pipe_menon(points, (1, 32, 32)), pipe_menon(points.repeat(2, 1, 1), (1, 32, 32))
    torch.testing.assert_close(twice[:40], once / 2, rtol=0.02, atol=0)
    torch.testing.assert_close(twice[40:], twice[:40], rtol=1e-3, atol=0)


def test_gridded_disc_has_its_height_and_place() -> None:
    n, radius = 64, 0.3
    points = spokes(120, n)
    w = pipe_menon(points, (1, n, n))
    image = Nufft(points, (1, n, n)).adjoint(w * disc_spectrum(points, radius, n))[0].real
    r = (torch.arange(n) - n // 2) / n
    distance = (r[:, None] ** 2 + r**2).sqrt()
    assert abs(float(image[distance < 0.25].mean()) - 1) < 0.01
    assert float(image[distance < 0.25].std()) < 0.03
    ring = (distance > 0.35) & (distance < 0.48)
    assert abs(float(image[ring].mean())) < 0.01
    assert float(image[ring].std()) < 0.03


def test_samples_that_were_not_measured_count_nothing() -> None:
    points = spokes(40, 32)
    padded = torch.cat([points, torch.zeros_like(points[:7])])
    measured = torch.cat([torch.ones(40, 64), torch.zeros(7, 64)])
    w = pipe_menon(padded, (1, 32, 32), measured=measured)
    assert (w[40:] == 0).all()
    torch.testing.assert_close(w[:40], pipe_menon(points, (1, 32, 32)), rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="with 0 measured"):
        pipe_menon(padded, (1, 32, 32), measured=torch.zeros(47, 64))
