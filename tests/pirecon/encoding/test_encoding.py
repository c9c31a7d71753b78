"""The forward operator against the signal equation written out voxel by voxel."""

from __future__ import annotations

import cmath
import math

import pytest
import torch
from torch import Tensor

from pirecon.algebra.fft import crop_or_pad_centre
from pirecon.encoding import CartesianSense, CoilSensitivity, Resolution, Sampling


def random_complex(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def test_signal_equation() -> None:
    """y_c(k) = w(k)/√N Σ_r S_c(r) x(r) exp(−2πi k·r), with k and r counted from index n//2 of their axes."""
    grid, acquired, n_coils = (2, 5, 6), (2, 4, 3), 2
    maps, x = random_complex(n_coils, *grid, seed=1), random_complex(*grid, seed=2)
    weights = torch.rand(1, *acquired, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    measured = CartesianSense(maps, weights)(x)
    assert measured.shape == (n_coils, *acquired)
    for coil, kz, ky, kx in [(0, 0, 0, 0), (1, 1, 2, 1), (0, 1, 3, 2), (1, 0, 1, 0)]:
        k = [index - n // 2 for index, n in zip((kz, ky, kx), acquired, strict=True)]
        total = 0j
        for index in torch.cartesian_prod(*map(torch.arange, grid)).tolist():
            turns = sum(ki * (i - n // 2) / n for ki, i, n in zip(k, index, grid, strict=True))
            total += complex(maps[(coil, *index)] * x[tuple(index)]) * cmath.exp(-2j * math.pi * turns)
        expected = float(weights[0, kz, ky, kx]) * total / math.sqrt(math.prod(grid))
        assert abs(complex(measured[coil, kz, ky, kx]) - expected) < 1e-12


def test_fully_sampled_normalised_coils_are_an_isometry() -> None:
    maps = random_complex(5, 3, 7, 8)
    maps = maps / torch.linalg.vector_norm(maps, dim=0)
    E, x = CartesianSense(maps, torch.ones(1, 3, 7, 8)), random_complex(3, 7, 8, seed=1)
    torch.testing.assert_close(E.normal(x), x)
    torch.testing.assert_close(torch.linalg.vector_norm(E(x)), torch.linalg.vector_norm(x))


@pytest.mark.parametrize("axis", [-1, -2, -3])
def test_missing_samples_come_out_as_zero_and_do_not_matter(axis: int) -> None:
    weights = torch.ones(1, 4, 7, 6, dtype=torch.float64)
    weights.select(axis, 2).zero_()
    E = CartesianSense(random_complex(2, 4, 7, 6), weights)
    x, y = random_complex(4, 7, 6, seed=1), random_complex(2, 4, 7, 6, seed=2)
    assert torch.count_nonzero(E(x).select(axis, 2)) == 0
    changed = y.clone()
    changed.select(axis, 2).fill_(1e6)
    torch.testing.assert_close(E.adjoint(changed), E.adjoint(y))


def test_finer_grid_of_a_band_limited_image_measures_the_same_samples() -> None:
    """Acquired samples do not depend on the grid: zero-filled k-space and the coarse image give the same."""
    y = random_complex(1, 1, 9, 8)
    weights = torch.ones(1, 1, 9, 8, dtype=torch.float64)
    for grid in [(1, 9, 8), (1, 12, 15), (1, 18, 16), (2, 10, 9)]:
        E = CartesianSense(torch.ones(1, *grid, dtype=torch.complex128), weights)
        torch.testing.assert_close(E(E.adjoint(y)), y)


def test_window_keeps_the_centre_of_kspace() -> None:
    kspace = random_complex(2, 1, 12, 9)
    window = Resolution((2, 1, 12, 9), (1, 7, 6))(kspace)
    assert torch.equal(window, crop_or_pad_centre(kspace, (1, 7, 6)))
    assert torch.equal(window[:, :, 3, 3], kspace[:, :, 6, 4])


def test_weights_broadcast_over_coils() -> None:
    weights = torch.tensor([0.0, 1.0, 0.5])[None, None, None]
    sampled = Sampling(weights, 2)(torch.ones(2, 1, 1, 3, dtype=torch.complex64))
    assert torch.equal(sampled.real, weights.expand(2, 1, 1, 3))


def test_coils_multiply_and_combine() -> None:
    maps, x, y = random_complex(3, 1, 4, 5), random_complex(2, 1, 4, 5, seed=1), random_complex(2, 3, 1, 4, 5, seed=2)
    S = CoilSensitivity(maps)
    torch.testing.assert_close(S(x)[1, 2], maps[2] * x[1])
    torch.testing.assert_close(S.adjoint(y)[0], sum(maps[c].conj() * y[0, c] for c in range(3)))


def test_maps_of_each_slice_meet_their_slice() -> None:
    """Batch axes of maps and weights run beside those of the image."""
    maps, x = random_complex(2, 3, 1, 5, 6), random_complex(2, 1, 5, 6, seed=1)
    weights = torch.rand(2, 1, 1, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    together = CartesianSense(maps, weights)(x)
    for s in range(2):
        torch.testing.assert_close(together[s], CartesianSense(maps[s], weights[s])(x[s]))
