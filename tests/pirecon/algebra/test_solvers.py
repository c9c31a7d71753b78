"""Conjugate gradients, FISTA and power iteration reach solutions that are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.fista import fista
from pirecon.algebra.power_iteration import largest_eigenvalue
from pirecon.algebra.proximal import as_complex, as_planes, soft_threshold

SHAPE = (1, 3, 4)


def random_complex(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def random_normal_matrix(rank: int = 12, seed: int = 1) -> Tensor:
    """Hermitian positive semi-definite, 12×12."""
    factor = random_complex(rank, 12, seed=seed)
    return factor.mH @ factor


def applying(matrix: Tensor):
    return lambda x: (x.flatten(-3) @ matrix.mT).unflatten(-1, SHAPE)


def test_conjugate_gradient_solves_in_as_many_steps_as_unknowns() -> None:
    matrix, b = random_normal_matrix(), random_complex(2, *SHAPE)
    x = conjugate_gradient(applying(matrix), b, regularisation=0.1, n_iterations=14)
    expected = torch.linalg.solve(matrix + 0.1 * torch.eye(12), b.flatten(-3).mT).mT.unflatten(-1, SHAPE)
    torch.testing.assert_close(x, expected, rtol=1e-7, atol=1e-9)


def test_conjugate_gradient_solves_each_image_of_a_batch_on_its_own() -> None:
    matrix, b = random_normal_matrix(), random_complex(3, *SHAPE) * torch.tensor([1, 1e4, 0])[:, None, None, None]
    strengths = torch.tensor([0.1, 0.5, 0.0], dtype=torch.float64)[:, None, None, None]
    together = conjugate_gradient(applying(matrix), b, regularisation=strengths, n_iterations=5)
    for image, right, strength in zip(together, b, strengths, strict=True):
        alone = conjugate_gradient(applying(matrix), right, regularisation=float(strength), n_iterations=5)
        torch.testing.assert_close(image, alone, rtol=1e-9, atol=1e-12)
    assert torch.count_nonzero(together[2]) == 0


def test_conjugate_gradient_keeps_a_solution_that_it_is_given() -> None:
    matrix, x = random_normal_matrix(), random_complex(*SHAPE)
    b = applying(matrix)(x) + 0.2 * x
    again = conjugate_gradient(applying(matrix), b, regularisation=0.2, n_iterations=3, x0=x)
    torch.testing.assert_close(again, x, rtol=1e-9, atol=1e-9)


def test_conjugate_gradient_stops_at_the_tolerance() -> None:
    calls = 0
    matrix, b = random_normal_matrix(), random_complex(*SHAPE)

    def counted(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return applying(matrix)(x)

    x = conjugate_gradient(counted, b, regularisation=5.0, n_iterations=1000, tolerance=1e-4)
    assert calls < 20
    residual = torch.linalg.vector_norm(applying(matrix)(x) + 5 * x - b)
    assert residual <= 1.01e-4 * torch.linalg.vector_norm(b)


def test_fista_finds_the_sparse_solution_of_a_diagonal_problem() -> None:
    """min ½ Σ d|x − c|² + t|x| has x = soft(c, t/d), whatever the conditioning."""
    d = torch.logspace(-2, 0, 12, dtype=torch.float64).reshape(SHAPE)
    c, t = 3 * random_complex(2, *SHAPE), 0.02
    x = fista(
        lambda x: d * (x - c),
        lambda v: as_complex(soft_threshold(as_planes(v), t)),
        torch.zeros_like(c),
        step=1.0,
        n_iterations=600,
    )
    torch.testing.assert_close(x, as_complex(soft_threshold(as_planes(c), t / d)), rtol=1e-6, atol=1e-8)


def test_fista_beats_plain_proximal_gradients() -> None:
    d = torch.logspace(-3, 0, 12, dtype=torch.float64).reshape(SHAPE)
    c = random_complex(*SHAPE)
    fast = fista(lambda x: d * (x - c), lambda v: v, torch.zeros_like(c), step=1.0, n_iterations=60)
    plain = torch.zeros_like(c)
    for _ in range(60):
        plain = plain - d * (plain - c)
    assert torch.linalg.vector_norm(fast - c) < 0.5 * torch.linalg.vector_norm(plain - c)


def test_fista_averages_its_last_iterates() -> None:
    iterates: list[Tensor] = []

    def proximal(v: Tensor) -> Tensor:
        iterates.append(v)
        return v

    c = random_complex(*SHAPE)
    mean = fista(lambda x: 0.3 * (x - c), proximal, torch.zeros_like(c), step=1.0, n_iterations=7, n_averaged=3)
    torch.testing.assert_close(mean, torch.stack(iterates[-3:]).mean(dim=0))


def test_fista_without_iterations_returns_its_start_and_reports_each_iteration() -> None:
    c, seen = random_complex(*SHAPE), list[int]()
    assert torch.equal(fista(lambda x: x, lambda v: v, c, step=1.0, n_iterations=0, progress=seen.append), c)
    assert seen == []
    fista(lambda x: x, lambda v: v, c, step=1.0, n_iterations=4, progress=seen.append)
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_power_iteration_bounds_the_spectrum_from_above(seed: int) -> None:
    matrix = random_normal_matrix(seed=seed)
    largest = torch.linalg.eigvalsh(matrix)[-1]
    found = largest_eigenvalue(applying(matrix), random_complex(2, *SHAPE))
    assert found.shape == (2, 1, 1, 1)
    assert bool((found >= largest).all())
    assert bool((found <= 1.06 * largest).all())
