"""Columns that are noisier than others: believed less, and nothing removed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.calibration import ReadoutNoise, SensitivityMaps
from pirecon.encoding import CartesianSense
from pirecon.measurement.columns import weigh_columns, whiten_columns
from pirecon.rawdata import Geometry, KSpace

GRID = (1, 9, 14)
N_COILS = 3


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def kspace_of(data: torch.Tensor) -> KSpace:
    geometry = Geometry(GRID, (5e-3, 2e-3, 2e-3), np.zeros((1, 3)), np.eye(3)[::-1])
    return KSpace(data, torch.ones(1, *GRID, dtype=torch.float64), 1, geometry)


@pytest.fixture
def noise() -> ReadoutNoise:
    power = torch.ones(GRID[-1], dtype=torch.float64)
    power[4:7] = torch.tensor([9.0, 100.0, 4.0])
    return ReadoutNoise(power, "made up")


def test_data_and_operator_stay_consistent(noise):
    """Without noise y = E x before, and so after."""
    maps, image = random(1, N_COILS, *GRID, seed=1), random(*GRID, seed=2)
    weights = torch.ones(1, *GRID, dtype=torch.float64)
    y = CartesianSense(maps[0], weights)(image)
    whitened, weighed = whiten_columns(kspace_of(y), noise), weigh_columns(SensitivityMaps(maps, "random"), noise)
    torch.testing.assert_close(CartesianSense(weighed.maps[0], weights)(image), whitened.data, rtol=1e-10, atol=1e-10)


def test_noise_of_every_column_becomes_one(noise):
    columns = random(400, N_COILS, *GRID, seed=3) * noise.power.sqrt()
    whitened = whiten_columns(kspace_of(centred_fft(columns, (-1,))), noise)
    level = centred_ifft(whitened.data, (-1,)).abs().square().mean(dim=(0, 1, 2, 3))
    torch.testing.assert_close(level, torch.ones_like(level), rtol=0.05, atol=0)


def test_a_finer_grid_takes_the_weight_of_the_column_it_lies_in(noise):
    fine = random(1, N_COILS, 1, 9, 28, seed=4)
    weighed = weigh_columns(SensitivityMaps(fine, "random"), noise)
    ratio = (weighed.maps / fine).real[0, 0, 0, 0]
    torch.testing.assert_close(ratio[::2], noise.power.rsqrt(), rtol=1e-12, atol=0)
