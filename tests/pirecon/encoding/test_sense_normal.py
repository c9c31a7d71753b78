"""The normal operator that skips transforms, against forward and adjoint, which do them all."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.encoding import CartesianSense, sense_normal

GRID = (3, 7, 10)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def weights(constant: tuple[int, ...], batch: tuple[int, ...] = (), grid: tuple[int, ...] = GRID) -> Tensor:
    """Random weights, a third of them zero, that do not change along the axes ``constant`` (trailing, negative)."""
    shape = [1 if axis - 3 in constant else n for axis, n in enumerate(grid)]
    values = torch.rand(*batch, 1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return torch.where(values < 0.33, 0.0, values).expand(*batch, 1, *grid).clone()


@pytest.mark.parametrize("constant", [(), (-1,), (-2,), (-3,), (-3, -1), (-2, -1), (-3, -2, -1)])
@pytest.mark.parametrize("grid", [GRID, (3, 9, 10), (4, 7, 15)])
@pytest.mark.parametrize("cache", [1, 5000, 10**9])
def test_it_is_forward_and_adjoint_whatever_is_constant(monkeypatch, constant, grid, cache):
    monkeypatch.setattr(sense_normal, "CACHE", cache)
    E = CartesianSense(random(5, *grid, seed=1), weights(constant))
    x = random(2, *grid, seed=2)
    torch.testing.assert_close(E.normal(x), E.adjoint(E.forward(x)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch", [(), (4,)])
@pytest.mark.parametrize("constant", [(), (-1,), (-3, -2, -1)])
def test_batches_of_maps_weights_and_images_broadcast(batch, constant):
    for maps_batch, weights_batch in [((4,), ()), ((), (4,)), ((4,), (4,)), ((1,), (4,))]:
        E = CartesianSense(random(*maps_batch, 3, *GRID, seed=1), weights(constant, weights_batch))
        x = random(*batch, *GRID, seed=2)
        torch.testing.assert_close(E.normal(x), E.adjoint(E.forward(x)), rtol=1e-12, atol=1e-12)


def test_a_readout_that_is_constant_in_one_slice_only_is_transformed():
    both = torch.stack([weights((-1,)), weights(())])
    E = CartesianSense(random(2, 3, *GRID, seed=1), both)
    x = random(2, *GRID, seed=2)
    torch.testing.assert_close(E.normal(x), E.adjoint(E.forward(x)), rtol=1e-12, atol=1e-12)


def test_gradients_reach_image_maps_and_weights():
    maps, w, x = random(2, 1, 3, 4, seed=1), weights((-1,), grid=(1, 3, 4)), random(1, 3, 4, seed=2)
    arguments = tuple(a.requires_grad_() for a in (maps, w, x))
    assert torch.autograd.gradcheck(lambda m, w, x: CartesianSense(m, w).normal(x), arguments)
    assert torch.autograd.gradcheck(lambda m, x: CartesianSense(m, w.detach()).normal(x), (maps, x))


def test_conjugate_gradients_leave_their_arguments_alone_and_give_the_same_with_gradients():
    E = CartesianSense(random(4, *GRID, seed=1), weights((-1,)))
    b, start = E.adjoint(random(4, *GRID, seed=2)), random(*GRID, seed=3)
    kept = b.clone(), start.clone()
    plain = conjugate_gradient(E.normal, b, regularisation=0.1, n_iterations=6, x0=start)
    assert torch.equal(b, kept[0])
    assert torch.equal(start, kept[1])
    strength = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    recorded = conjugate_gradient(E.normal, b.requires_grad_(), regularisation=strength, n_iterations=6, x0=start)
    torch.testing.assert_close(recorded, plain, rtol=1e-12, atol=1e-12)
    gradient = torch.autograd.grad(recorded.abs().square().sum(), strength)[0]
    norms = [
        float(conjugate_gradient(E.normal, kept[0], regularisation=0.1 + d, n_iterations=6, x0=start).norm() ** 2)
        for d in (1e-5, -1e-5)
    ]
    assert float(gradient) == pytest.approx((norms[0] - norms[1]) / 2e-5, rel=1e-5)
