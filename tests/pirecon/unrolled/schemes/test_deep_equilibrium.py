"""The implicit gradient is the gradient of the fixed point, and its memory does not grow with the iterations."""

import pytest
import torch
from torch import Tensor, nn

from pirecon.encoding import CartesianSense
from pirecon.priors import UNet
from pirecon.unrolled import UnrolledNetwork
from pirecon.unrolled.anderson import anderson
from pirecon.unrolled.schemes.deep_equilibrium import DeepEquilibrium
from pirecon.unrolled.schemes.modl import Modl

GRID = (1, 8, 9)


class Shrink(nn.Module):
    """A smooth prior that contracts: two convolutions and a nonlinearity between."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 2, 3, padding=1)
        self.double()

    def forward(self, image: Tensor, noise_level: Tensor) -> Tensor:
        channels = torch.view_as_real(image).movedim(-1, -3)[0]
        change = self.second(torch.tanh(self.first(channels) / 5))
        return 0.7 * image + 0.5 * torch.view_as_complex(change.movedim(-3, -1).contiguous())


def scan() -> tuple[Tensor, CartesianSense]:
    generator = torch.Generator().manual_seed(1)
    maps = torch.randn(3, *GRID, dtype=torch.complex128, generator=generator)
    weights = (torch.rand(1, *GRID, dtype=torch.float64, generator=generator) < 0.6).double()
    E = CartesianSense(maps / maps.abs().square().sum(0).sqrt(), weights)
    return E(3 * torch.randn(*GRID, dtype=torch.complex128, generator=generator)), E


def gradients(network: UnrolledNetwork) -> tuple[Tensor, list[Tensor]]:
    y, E = scan()
    image = network(y, E)
    numbers = [*network.priors.parameters(), *network.scalars()]
    target = torch.linspace(-1, 1, image.numel(), dtype=torch.float64).reshape(GRID)
    found = torch.autograd.grad((image.abs() - target).square().sum(), numbers, allow_unused=True)
    return image, [torch.zeros(1) if g is None else g for g in found]


def test_gradient_equals_that_of_a_long_unrolled_network() -> None:
    prior = Shrink()
    implicit = UnrolledNetwork(prior, scheme=DeepEquilibrium(3, tolerance=1e-10), n_iterations=25).double()
    unrolled = UnrolledNetwork(prior, scheme=Modl(3), n_iterations=25).double()
    nn.init.zeros_(unrolled.log_weight)  # type: ignore[arg-type]
    image, found = gradients(implicit)
    expected_image, expected = gradients(unrolled)
    torch.testing.assert_close(image, expected_image, rtol=1e-4, atol=1e-4)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.sum(), other.sum(), rtol=1e-3, atol=1e-5)  # of λ: over its 25 copies
        if one.shape == other.shape:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def kept_bytes(network: UnrolledNetwork) -> int:
    y, E = scan()
    kept = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network(y, E)
    return kept


def test_memory_does_not_grow_with_the_iterations() -> None:
    few, many = (
        kept_bytes(UnrolledNetwork(Shrink(), scheme=DeepEquilibrium(tolerance=0.0), n_iterations=n).double())
        for n in (2, 20)
    )
    assert few == many > 0
    unrolled = [kept_bytes(UnrolledNetwork(Shrink(), scheme=Modl(), n_iterations=n).double()) for n in (2, 20)]
    assert unrolled[1] > 5 * unrolled[0]  # the measure sees what unrolling keeps


def test_an_untrained_network_has_finite_gradients_and_learns() -> None:
    """The prior that changes nothing contracts nowhere that is not measured."""
    y, E = scan()
    network = UnrolledNetwork(UNet((4, 8), (1, 1)), scheme=DeepEquilibrium(2), n_iterations=6).double()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    truth = E.H(y)
    losses = []
    for _ in range(6):
        loss = (network(y, E) - truth).abs().square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_anderson_solves_a_linear_equation_faster_than_iterating() -> None:
    generator = torch.Generator().manual_seed(2)
    turn = torch.linalg.qr(torch.randn(2, 6, 6, dtype=torch.complex128, generator=generator))[0]
    matrix = turn * torch.linspace(-0.5, 0.97, 6) @ turn.mH
    b = torch.randn(2, 1, 1, 6, dtype=torch.complex128, generator=generator)

    def f(x: Tensor) -> Tensor:
        return (matrix[:, None] @ x.mT).mT + b

    expected = torch.linalg.solve(torch.eye(6) - matrix[:, None], b.mT).mT
    found, plain = anderson(f, b, n_iterations=20, history=8, tolerance=1e-10), b
    for _ in range(20):
        plain = f(plain)
    assert (found - expected).norm() < 0.1 * (plain - expected).norm()


def test_anderson_of_one_residual_is_plain_iteration_and_of_none_is_refused() -> None:
    b = torch.linspace(1, 6, 6, dtype=torch.complex128).reshape(1, 1, 6)

    def f(x: Tensor) -> Tensor:
        return torch.linspace(-0.5, 0.9, 6) * x + b

    plain = b
    for _ in range(6):
        plain = f(plain)
    torch.testing.assert_close(anderson(f, b, n_iterations=6, history=1, tolerance=0.0), plain)
    with pytest.raises(ValueError, match="history is 0; expected at least 1"):
        anderson(f, b, n_iterations=6, history=0)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_anderson_does_no_harm_without_a_fixed_point(shift: float) -> None:
    start = torch.ones(1, 2, 2, dtype=torch.complex128)
    found = anderson(lambda x: x + shift, start, n_iterations=10)
    assert found.isfinite().all()
    assert (found - start).abs().max() <= 11 * shift
