"""Laws of the centred Fourier transform, and of the fused forward operator that leaves the shifts out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft, centring_phase, crop_or_pad_centre
from pirecon.encoding import CartesianSense, CoilSensitivity, Fourier, Resolution, Sampling

SIZES = [1, 2, 3, 4, 5, 8, 9, 15]


def random_complex(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def explicit_transform(x: Tensor) -> Tensor:
    """X[k] = 1/√n Σ_j x[j] exp(−2πi (k − n//2)(j − n//2) / n), written out."""
    n = x.shape[-1]
    index = torch.arange(n, dtype=torch.float64) - n // 2
    kernel = torch.exp(-2j * math.pi * torch.outer(index, index) / n) / math.sqrt(n)
    return x.to(torch.complex128) @ kernel.T


@pytest.mark.parametrize("n", SIZES)
def test_equals_the_sum_written_out(n: int) -> None:
    x = random_complex(3, n)
    torch.testing.assert_close(centred_fft(x, (-1,)), explicit_transform(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 6, 7), (2, 9, 8)])
def test_axes_transform_one_after_the_other(shape: tuple[int, ...]) -> None:
    x = random_complex(2, *shape)
    expected = x
    for axis in (-3, -2, -1):
        expected = explicit_transform(expected.movedim(axis, -1)).movedim(-1, axis)
    torch.testing.assert_close(centred_fft(x, (-3, -2, -1)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 6, 7)])
def test_parseval_and_inverse(shape: tuple[int, ...]) -> None:
    x = random_complex(*shape)
    kspace = centred_fft(x, (-3, -2, -1))
    torch.testing.assert_close(torch.linalg.vector_norm(kspace), torch.linalg.vector_norm(x), rtol=1e-12, atol=0)
    torch.testing.assert_close(centred_ifft(kspace, (-3, -2, -1)), x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", SIZES)
def test_origin_is_at_half_the_size_in_both_domains(n: int) -> None:
    impulse = torch.zeros(n, dtype=torch.complex128)
    impulse[n // 2] = 1
    flat = torch.full((n,), 1 / math.sqrt(n), dtype=torch.complex128)
    torch.testing.assert_close(centred_fft(impulse, (-1,)), flat)
    torch.testing.assert_close(centred_fft(flat, (-1,)), impulse)


@pytest.mark.parametrize("n", [6, 7])
def test_object_off_centre_has_the_phase_of_exp_minus_i(n: int) -> None:
    """A point at +1 voxel gives exp(−2πi k / n): the sign of the signal equation."""
    point = torch.zeros(n, dtype=torch.complex128)
    point[n // 2 + 1] = 1
    k = torch.arange(n, dtype=torch.float64) - n // 2
    expected = torch.exp(-2j * math.pi * k / n) / math.sqrt(n)
    torch.testing.assert_close(centred_fft(point, (-1,)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 6), (5, 1), (8, 9)])
def test_centring_phase_replaces_both_shifts(shape: tuple[int, ...]) -> None:
    x = random_complex(2, *shape)
    phase = centring_phase(shape, dtype=torch.complex128)
    shiftless = phase * torch.fft.fftn(phase * x, dim=(-2, -1), norm="ortho")
    torch.testing.assert_close(shiftless, centred_fft(x, (-2, -1)), rtol=1e-12, atol=1e-12)


def test_centring_phase_is_exact_on_large_grids() -> None:
    """The turns are reduced in double precision before they become a single-precision phase."""
    n = 1_000_003
    phase = centring_phase((n,), dtype=torch.complex64)
    last = n - 1
    turns = (n // 2) * last % n / n - ((n // 2) ** 2 % (2 * n)) / (2 * n)
    expected = torch.tensor(complex(math.cos(2 * math.pi * turns), math.sin(2 * math.pi * turns)))
    torch.testing.assert_close(phase[-1], expected.to(torch.complex64), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("old", "new"), [((4, 5), (7, 8)), ((5, 4), (8, 7)), ((3, 3), (3, 4)), ((1, 6), (1, 6))])
def test_crop_undoes_zero_filling_and_keeps_the_centre(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    x = random_complex(2, *old)
    filled = crop_or_pad_centre(x, new)
    assert filled.shape == (2, *new)
    assert torch.equal(crop_or_pad_centre(filled, old), x)
    centre_old, centre_new = ([n // 2 for n in shape] for shape in (old, new))
    assert torch.equal(filled[:, centre_new[0], centre_new[1]], x[:, centre_old[0], centre_old[1]])
    assert torch.count_nonzero(filled) == x.numel()


@pytest.mark.parametrize("grid", [(1, 7, 6), (3, 8, 9)])
@pytest.mark.parametrize("fine", [False, True])
def test_fused_operator_equals_its_parts(grid: tuple[int, int, int], fine: bool) -> None:
    """CartesianSense = Sampling @ Resolution @ Fourier @ CoilSensitivity, forward, adjoint and normal."""
    n_coils = 3
    reconstructed = (grid[0] + 1, grid[1] + 2, 2 * grid[2] + 1) if fine else grid
    maps = random_complex(n_coils, *reconstructed, seed=1)
    weights = torch.rand(1, *grid, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    fused = CartesianSense(maps, weights)
    coil_grid = (n_coils, *reconstructed)
    parts = Sampling(weights, n_coils) @ Resolution(coil_grid, grid) @ Fourier(coil_grid) @ CoilSensitivity(maps)
    x, y = random_complex(2, *reconstructed, seed=3), random_complex(2, n_coils, *grid, seed=4)
    torch.testing.assert_close(fused.forward(x), parts.forward(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(fused.adjoint(y), parts.adjoint(y), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(fused.normal(x), parts.normal(x), rtol=1e-12, atol=1e-12)


def test_grid_coarser_than_the_acquired_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 4, 4\) is coarser than the acquired matrix \(1, 5, 4\)"):
        CartesianSense(random_complex(2, 1, 4, 4), torch.ones(1, 1, 5, 4))
    with pytest.raises(ValueError, match="coarser than the acquired matrix"):
        Resolution((2, 1, 4, 4), (1, 5, 4))
