"""Proximal maps are the minimisers that they claim to be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pirecon.algebra.finite_difference import FiniteDifference
from pirecon.algebra.proximal import (
    as_complex,
    as_planes,
    project_to_ball,
    soft_threshold,
    total_variation_proximal,
)


def random_complex(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def total_variation_of(x: Tensor) -> Tensor:
    """Σ_r √(Σ_a |x(r + e_a) − x(r)|²) of one complex (z, y, x) image, by loops over voxels."""
    total = torch.zeros((), dtype=torch.float64)
    for index in torch.cartesian_prod(*(torch.arange(n) for n in x.shape)).tolist():
        squares = torch.zeros((), dtype=torch.float64)
        for axis, n in enumerate(x.shape):
            if index[axis] + 1 < n:
                neighbour = list(index)
                neighbour[axis] += 1
                squares = squares + (x[tuple(neighbour)] - x[tuple(index)]).abs() ** 2
        total = total + squares.sqrt()
    return total


def denoise(g: Tensor, strength: float | Tensor, n_iterations: int = 3000) -> Tensor:
    difference = FiniteDifference(g.shape[-3:])
    dual = torch.zeros(2, *g.shape[:-3], *difference.codomain_shape, dtype=torch.float64)
    planes, _ = total_variation_proximal(as_planes(g), difference, strength, dual=dual, n_iterations=n_iterations)
    return as_complex(planes)


def test_planes_and_complex_are_inverse() -> None:
    x = random_complex(2, 3, 4, 5)
    assert as_planes(x).shape == (2, 2, 3, 4, 5)
    assert torch.equal(as_complex(as_planes(x)), x)


def test_soft_threshold_shortens_the_modulus_and_keeps_the_phase() -> None:
    c = random_complex(200)
    shrunk = as_complex(soft_threshold(as_planes(c), 0.7))
    torch.testing.assert_close(shrunk.abs(), (c.abs() - 0.7).clamp_min(0))
    alive = shrunk.abs() > 0
    assert 0 < alive.sum() < 200
    torch.testing.assert_close(shrunk[alive].angle(), c[alive].angle())


def test_soft_threshold_minimises_its_objective() -> None:
    """No neighbour of the result has a lower ½|x − c|² + t|x|."""
    c, t = random_complex(50), 0.9
    x = as_complex(soft_threshold(as_planes(c), t))

    def objective(x: Tensor) -> Tensor:
        return 0.5 * (x - c).abs() ** 2 + t * x.abs()

    for direction in (1, -1, 1j, -1j):
        assert bool((objective(x + 1e-4 * direction) >= objective(x)).all())


def test_soft_threshold_of_zero_is_zero() -> None:
    assert torch.equal(soft_threshold(torch.zeros(2, 3), 1.0), torch.zeros(2, 3))
    assert torch.equal(soft_threshold(torch.zeros(2, 3), 0.0), torch.zeros(2, 3))


def test_soft_threshold_of_the_masked_coefficients_only() -> None:
    c = random_complex(2, 4)
    threshold = torch.tensor([0.0, 10.0, 0.0, 10.0], dtype=torch.float64)
    shrunk = as_complex(soft_threshold(as_planes(c), threshold))
    torch.testing.assert_close(shrunk[:, ::2], c[:, ::2])
    assert torch.count_nonzero(shrunk[:, 1::2]) == 0


def test_projection_is_the_nearest_point_of_the_ball() -> None:
    p = torch.randn(2, 3, 1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    projected = project_to_ball(p, 2.4)
    length = p.square().sum(dim=(0, 1)).sqrt()
    inside = length <= 2.4
    assert 0 < inside.sum() < inside.numel()
    torch.testing.assert_close(projected.square().sum(dim=(0, 1)).sqrt(), length.clamp_max(2.4))
    torch.testing.assert_close(projected[:, :, inside], p[:, :, inside])
    # Parallel to p, so that no other point of the ball is nearer.
    torch.testing.assert_close((projected * p).sum(dim=(0, 1)), length * length.clamp_max(2.4))


@pytest.mark.parametrize("shape", [(1, 5, 7), (3, 4, 5), (1, 1, 9)])
def test_total_variation_of_a_constant_is_zero(shape: tuple[int, ...]) -> None:
    constant = torch.full(shape, 3 - 2j, dtype=torch.complex128)
    assert torch.count_nonzero(FiniteDifference(shape)(constant)) == 0
    torch.testing.assert_close(denoise(constant, 0.5, 20), constant)


def test_differences_of_a_ramp_are_its_slopes() -> None:
    z, y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (3, 4, 5)), indexing="ij")
    differences = FiniteDifference((3, 4, 5))((2 * z - 3 * y + 5 * x).to(torch.complex128))
    for component, slope in zip(differences, (2, -3, 5), strict=True):
        assert set(component.real.unique().tolist()) == {0.0, float(slope)}
    assert torch.count_nonzero(differences[0, -1]) == 0
    assert torch.count_nonzero(differences[1, :, -1]) == 0
    assert torch.count_nonzero(differences[2, :, :, -1]) == 0


def test_squared_norm_bounds_the_differences() -> None:
    difference = FiniteDifference((3, 8, 9))
    checkerboard = (-1.0) ** torch.stack(torch.meshgrid(*map(torch.arange, (3, 8, 9)), indexing="ij")).sum(0)
    x = checkerboard.to(torch.complex128)
    ratio = difference(x).abs().square().sum() / x.abs().square().sum()
    assert 0.7 * difference.squared_norm < ratio <= difference.squared_norm


def test_total_variation_of_two_voxels() -> None:
    """They approach each other by λ each, along the line between them, and meet at the mean."""
    a, b = 1 + 2j, 4 - 2j  # 5 apart
    g = torch.tensor([[[a, b]]], dtype=torch.complex128)
    towards = (b - a) / abs(b - a)
    expected = torch.tensor([[[a + 0.8 * towards, b - 0.8 * towards]]], dtype=torch.complex128)
    torch.testing.assert_close(denoise(g, 0.8), expected)
    torch.testing.assert_close(denoise(g, 9.0), torch.full_like(g, (a + b) / 2))


def test_total_variation_of_a_step() -> None:
    """A step between plateaus of n and m voxels keeps its place; the plateaus move by λ/n and λ/m."""
    g = torch.cat([torch.full((4,), 5.0), torch.full((9,), 2.0)]).to(torch.complex128)[None, None]
    expected = torch.cat([torch.full((4,), 5 - 0.6 / 4), torch.full((9,), 2 + 0.6 / 9)]).to(torch.complex128)
    torch.testing.assert_close(denoise(g, 0.6)[0, 0], expected)


@pytest.mark.parametrize("shape", [(1, 4, 5), (2, 3, 4)])
def test_total_variation_proximal_minimises_its_objective(shape: tuple[int, ...]) -> None:
    g, strength = random_complex(*shape, seed=5), 0.4
    x = denoise(g, strength)

    def objective(x: Tensor) -> Tensor:
        return 0.5 * (x - g).abs().square().sum() + strength * total_variation_of(x)

    best = objective(x)
    for seed in range(30):
        step = random_complex(*shape, seed=100 + seed)
        assert objective(x + 1e-3 * step) > best
    torch.testing.assert_close(x.mean(), g.mean())  # the mean has no total variation


def test_strength_may_differ_between_images_of_a_batch() -> None:
    g = random_complex(2, 1, 6, 7)
    strengths = torch.tensor([0.2, 0.9], dtype=torch.float64)
    together = denoise(g, strengths[:, None, None, None], 100)
    each = torch.stack([denoise(image, float(s), 100) for image, s in zip(g, strengths, strict=True)])
    torch.testing.assert_close(together, each)


def test_dual_variable_carries_progress_to_the_next_call() -> None:
    g = random_complex(1, 12, 11)
    difference = FiniteDifference(g.shape)
    dual = torch.zeros(2, *difference.codomain_shape, dtype=torch.float64)
    solution = denoise(g, 1.0)
    errors = []
    for _ in range(3):
        planes, dual = total_variation_proximal(as_planes(g), difference, 1.0, dual=dual, n_iterations=10)
        errors.append(float((as_complex(planes) - solution).abs().max()))
    assert errors[2] < errors[1] < errors[0]
