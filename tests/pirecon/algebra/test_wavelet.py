"""The Daubechies transform: orthonormal, equal to PyWavelets, blind to constants, movable."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch
from torch import Tensor

from pirecon.algebra.wavelet import Wavelet

SQUARE = [(1, 16, 32), (8, 24, 16), (2, 10, 8)]  # sizes that are multiples of 2^levels
RAGGED = [(1, 13, 9), (9, 7, 21), (3, 35, 1)]


def random_complex(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SQUARE + RAGGED)
@pytest.mark.parametrize("shift", [(0, 0, 0), (1, 2, 3), (5, 7, 11)])
def test_perfect_reconstruction_and_parseval(shape: tuple[int, ...], shift: tuple[int, ...]) -> None:
    wavelet = Wavelet(shape, dtype=torch.float64).shifted(shift)
    x = random_complex(2, *shape)
    coefficients = wavelet(x)
    torch.testing.assert_close(wavelet.H(coefficients), x, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.linalg.vector_norm(coefficients), torch.linalg.vector_norm(x))


@pytest.mark.parametrize("shape", SQUARE)
def test_square_transform_is_orthonormal_both_ways(shape: tuple[int, ...]) -> None:
    wavelet = Wavelet(shape, dtype=torch.float64)
    assert wavelet.codomain_shape == shape
    c = random_complex(*shape)
    torch.testing.assert_close(wavelet(wavelet.H(c)), c, rtol=1e-12, atol=1e-12)


def test_first_level_equals_pywavelets() -> None:
    """The periodised db2 of PyWavelets starts one voxel earlier and calls the details by another sign."""
    x = random_complex(1, 24, 20)
    ours = Wavelet(x.shape, dtype=torch.float64, max_levels=1)(x)[0].numpy()
    image = np.roll(x[0].numpy(), (-1, -1), axis=(0, 1))
    approximation, details = pywt.dwt2(image, "db2", mode="periodization")
    for ours_band, theirs in (
        (ours[:12, :10], approximation),
        (ours[12:, :10], details[0]),
        (ours[:12, 10:], details[1]),
        (ours[12:, 10:], details[2]),
    ):
        np.testing.assert_allclose(np.abs(ours_band), np.abs(theirs), rtol=1e-10, atol=1e-12)


def test_next_level_transforms_the_approximation() -> None:
    x = random_complex(1, 32, 48)
    one, two = (Wavelet(x.shape, dtype=torch.float64, max_levels=n)(x) for n in (1, 2))
    corner = one[:, :16, :24]
    torch.testing.assert_close(two[:, :16, :24], Wavelet((1, 16, 24), dtype=torch.float64, max_levels=1)(corner))
    two[:, :16, :24] = corner
    assert torch.equal(two, one)


@pytest.mark.parametrize("shape", SQUARE)
def test_details_of_a_constant_vanish(shape: tuple[int, ...]) -> None:
    wavelet = Wavelet(shape, dtype=torch.float64)
    details = wavelet(torch.ones(shape, dtype=torch.complex128)) * wavelet.detail_mask()
    assert details.abs().max() < 1e-12


def test_details_of_a_ramp_vanish_away_from_the_wrap() -> None:
    """Two vanishing moments: linear images have no details except where the grid closes."""
    wavelet = Wavelet((1, 64, 64), dtype=torch.float64, max_levels=1)
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    details = wavelet((2 * x - 3 * y + 1).to(torch.complex128)[None])[0]
    details[:32, :32] = 0
    details[31], details[63], details[:, 31], details[:, 63] = 0, 0, 0, 0
    assert details.abs().max() < 1e-10


@pytest.mark.parametrize("axis", [-1, -2, -3])
@pytest.mark.parametrize("shift", [1, 3])
def test_shifting_the_grid_is_shifting_the_image(axis: int, shift: int) -> None:
    wavelet = Wavelet((8, 16, 24), dtype=torch.float64)
    x = random_complex(8, 16, 24)
    amounts = [0, 0, 0]
    amounts[axis] = shift
    torch.testing.assert_close(
        wavelet.shifted(amounts)(x), wavelet(torch.roll(x, -shift, dims=axis)), rtol=1e-12, atol=1e-12
    )


def test_shifting_leaves_the_original_alone() -> None:
    wavelet = Wavelet((1, 16, 16), dtype=torch.float64)
    x = random_complex(1, 16, 16)
    before = wavelet(x)
    assert not torch.allclose(wavelet.shifted((0, 1, 1))(x), before)
    assert torch.equal(wavelet(x), before)


def test_detail_mask_leaves_out_the_approximation_only() -> None:
    wavelet = Wavelet((1, 32, 64))
    mask = wavelet.detail_mask()
    assert mask.shape == wavelet.codomain_shape
    assert int((1 - mask).sum()) == np.prod(wavelet.coarse_shape)
    assert mask[0, 0, 0] == 0


def test_axes_too_short_are_left_alone() -> None:
    wavelet = Wavelet((1, 5, 7))
    x = torch.randn(1, 5, 7, dtype=torch.complex64)
    assert wavelet.coarse_shape == (1, 5, 7)
    assert torch.equal(wavelet(x), x)
