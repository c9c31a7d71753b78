"""Off-resonance in the operator: against the exact exponentials, with gradients, on awkward input."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pirecon.encoding import (
    CartesianSense,
    Evolution,
    Evolving,
    off_resonance_basis,
    off_resonance_evolution,
    off_resonance_in,
    phase_evolution,
    product,
)

GRID = (1, 21, 26)


def field(largest: float, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """A smooth map, Hz, with a few voxels far from the others."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, n, dtype=dtype) for n in GRID[1:]), indexing="ij")
    found = largest * (0.5 * x + 0.3 * y * y - 0.2 * x * y)
    found[0, 0], found[-1, 3] = largest, -largest
    return found.unsqueeze(0)


def exact(frequency: Tensor, times: Tensor) -> Tensor:
    """exp(−2πi f t), (voxel, sample)."""
    return torch.exp(-2j * math.pi * frequency.reshape(-1, 1) * times.reshape(1, -1))


def dense(evolution: Evolution) -> Tensor:
    n = len(evolution.basis)
    return evolution.coefficients.reshape(n, -1).mT @ evolution.basis.reshape(n, -1)


@pytest.mark.parametrize(("largest", "duration"), [(3.0, 1e-3), (50.0, 0.02), (500.0, 0.02), (200.0, 0.1)])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
def test_the_stated_error_is_kept_with_about_the_fewest_components(largest, duration, tolerance) -> None:
    times = torch.linspace(-0.3 * duration, 0.7 * duration, 301, dtype=torch.float64).unsqueeze(0)
    evolution = off_resonance_evolution(field(largest), times, tolerance=tolerance)
    truth = exact(field(largest), times)
    error = float((dense(evolution) - truth).norm() / truth.norm())
    assert error < 1.3 * tolerance
    assert float((dense(evolution) - truth).abs().max()) < 60 * tolerance  # and no voxel is forgotten
    singular = torch.linalg.svdvals(truth)
    energy = singular.square().flip(0).cumsum(0).flip(0) / singular.square().sum()
    fewest = int((energy > tolerance**2).sum())
    assert fewest <= len(evolution.basis) <= 1.15 * fewest + 2


def test_decay_is_part_of_a_complex_field() -> None:
    times = torch.linspace(-5e-3, 15e-3, 200, dtype=torch.float64).reshape(1, 1, -1)
    rate = 20 + 0.3 * field(100.0).abs()
    evolution = off_resonance_evolution(field(150.0), times, R2_star=rate)
    truth = exact(field(150.0), times) * torch.exp(-rate.reshape(-1, 1) * times.reshape(1, -1))
    assert float((dense(evolution) - truth).norm() / truth.norm()) < 2e-3


def test_without_a_field_nothing_is_added() -> None:
    maps, weights = torch.randn(3, *GRID, dtype=torch.complex64), torch.ones(1, *GRID)
    E = CartesianSense(maps, weights)
    times = torch.linspace(-0.01, 0.01, GRID[2], dtype=torch.float64).reshape(1, 1, -1)
    evolution = off_resonance_evolution(torch.zeros(GRID), times)
    x = torch.randn(2, *GRID, dtype=torch.complex64)
    assert len(evolution.basis) == 1
    torch.testing.assert_close(Evolving(E, evolution)(x), E(x))


def test_air_costs_no_components() -> None:
    wild = field(30.0)
    wild[0, :4] = 1e4
    support = torch.ones(GRID)
    support[0, :4] = 0
    times = torch.linspace(0, 0.02, 100).unsqueeze(0)
    evolution = off_resonance_evolution(wild, times, support=support)
    assert len(evolution.basis) < 10
    inside = support.reshape(-1) > 0
    truth = exact(wild, times.double())[inside]
    assert float((dense(evolution)[inside] - truth).norm() / truth.norm()) < 1.5e-3
    assert float(evolution.coefficients.abs().max()) < 10


def test_dtype_follows_the_map() -> None:
    times = torch.linspace(0, 0.02, 50, dtype=torch.float64).unsqueeze(0)
    assert off_resonance_evolution(field(50.0, dtype=torch.float32), times).coefficients.dtype == torch.complex64
    assert off_resonance_evolution(field(50.0), times).basis.dtype == torch.complex128


def test_gradient_of_the_field_map_is_that_of_the_exact_operator() -> None:
    times = torch.linspace(-0.01, 0.01, 61, dtype=torch.float64).unsqueeze(0)
    basis = off_resonance_basis(120.0, times, tolerance=1e-5)
    image, data = (torch.randn(n, dtype=torch.complex128) for n in (field(1.0).numel(), times.numel()))

    def loss(signal: Tensor) -> Tensor:
        return (signal - data).abs().square().sum()

    df = field(100.0).requires_grad_()
    approximate = torch.autograd.grad(loss(image @ dense(off_resonance_in(basis, df))), df)[0]
    wanted = torch.autograd.grad(loss(image @ exact(df, times)), df)[0]
    assert float((approximate - wanted).norm() / wanted.norm()) < 1e-3

    def of_small_map(f: Tensor) -> Tensor:
        return loss((off_resonance_in(basis, f).coefficients.reshape(len(basis.basis), -1).sum(1)) @ basis.basis[:, 0])

    small = field(100.0)[:, :2, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(of_small_map, (small,), rtol=1e-4)


def test_the_gradient_reaches_the_map_through_the_usual_function() -> None:
    df = field(100.0).requires_grad_()
    times = torch.linspace(-0.01, 0.01, 61, dtype=torch.float64).unsqueeze(0)
    evolution = off_resonance_evolution(df, times)
    found = torch.autograd.grad(dense(evolution).real.sum(), df)[0]
    wanted = torch.autograd.grad(exact(df, times).real.sum(), df)[0]
    assert float((found - wanted).norm() / wanted.norm()) < 0.02


def test_several_terms() -> None:
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, n, dtype=torch.float64) for n in GRID[1:]), indexing="ij")
    t = torch.linspace(0, 1, 40, dtype=torch.float64)
    maps = torch.stack([x * x, x * y, y])[:, None]
    functions = torch.stack(
        [torch.outer(torch.ones(5), 3 * t), torch.outer(torch.arange(5) / 2, t), torch.sin(9 * t).expand(5, 40)]
    )
    evolution = phase_evolution(maps, functions, source="three terms")
    truth = torch.exp(-2j * math.pi * torch.einsum("mzyx,mst->zyxst", maps, functions)).reshape(-1, 200)
    assert float((dense(evolution) - truth).norm() / truth.norm()) < 1.3e-3


def test_a_product_is_the_product_with_fewer_components() -> None:
    times = torch.linspace(0, 0.02, 60, dtype=torch.float64)
    first = off_resonance_evolution(field(80.0), times.reshape(1, 1, -1), tolerance=1e-4)
    second = off_resonance_evolution(field(50.0).flip(1), torch.arange(7.0).reshape(1, -1, 1) * 3e-3, tolerance=1e-4)
    both = product(first, second, tolerance=1e-4)
    truth = torch.einsum(
        "ls,lv,mr,mv->vrs",
        first.basis[:, 0, 0],
        first.coefficients.flatten(1),
        second.basis[:, 0, :, 0],
        second.coefficients.flatten(1),
    )
    assert both.basis.shape[1:] == (1, 7, 60)
    assert float((dense(both).reshape(truth.shape) - truth).norm() / truth.norm()) < 1.1e-4
    assert len(both.basis) < len(first.basis) * len(second.basis)
    assert both.error >= first.error + second.error


def test_a_product_with_what_is_the_same_everywhere() -> None:
    times = torch.linspace(0, 0.02, 60, dtype=torch.float64).reshape(1, 1, -1)
    first = off_resonance_evolution(field(80.0), times)
    decay = Evolution(
        torch.exp(-times * 30).to(torch.complex128)[None], torch.ones(1, 1, 1, 1, dtype=torch.complex128), 0.0, "decay"
    )
    both = product(decay, first, tolerance=1e-5)
    truth = dense(first) * torch.exp(-30 * times.reshape(1, -1))
    assert len(both.basis) <= len(first.basis)
    assert float((dense(both) - truth).norm() / truth.norm()) < 1e-4


def test_what_cannot_be_is_refused() -> None:
    times = torch.linspace(0, 0.02, 60, dtype=torch.float64).unsqueeze(0)
    bad = field(10.0)
    bad[0, 3, 3] = math.nan
    with pytest.raises(ValueError, match="infinite or undefined"):
        off_resonance_evolution(bad, times)
    with pytest.raises(ValueError, match="slices one by one"):
        off_resonance_evolution(field(10.0)[None], times)
    with pytest.raises(ValueError, match="support has the shape"):
        off_resonance_evolution(field(10.0), times, support=torch.ones(1, 3, 3))
    a, b = (off_resonance_evolution(field(10.0), t) for t in (times, times[:, :7]))
    with pytest.raises(ValueError, match="different samples"):
        product(a, b)


def test_a_field_that_folds_is_said() -> None:
    times = torch.linspace(0, 0.5, 400, dtype=torch.float64).unsqueeze(0)
    with pytest.warns(UserWarning, match="needs more than 128 components"):
        evolution = off_resonance_evolution(field(500.0), times)
    assert evolution.error > 1e-3
