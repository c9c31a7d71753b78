"""The unrolled network and its data-consistency steps."""

import pytest
import torch
from torch import nn

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.encoding import CartesianSense
from pirecon.priors import UNet
from pirecon.unrolled import UnrolledNetwork
from pirecon.unrolled.data_consistency import ProximalStep, gradient_step
from pirecon.unrolled.schemes import build_scheme
from pirecon.unrolled.start import FIRST_ITERATIONS, FIRST_WEIGHT


class Keep(nn.Module):
    """A prior that changes nothing."""

    def forward(self, image: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
        return image


def encoding(
    n_coils: int, grid: tuple[int, int, int], *, acquired: tuple[int, int, int] | None = None, batch: int = 1
) -> CartesianSense:
    generator = torch.Generator().manual_seed(n_coils)
    maps = torch.randn(batch, n_coils, *grid, dtype=torch.complex64, generator=generator)
    maps = maps / maps.abs().square().sum(1, keepdim=True).sqrt()
    weights = (torch.rand(batch, 1, *(acquired or grid), generator=generator) < 0.6).float()
    return CartesianSense(maps, weights)


def small_network(**options: object) -> UnrolledNetwork:
    torch.manual_seed(1)
    prior = UNet((4, 8), (1, 1))
    nn.init.normal_(prior.tail.weight, std=0.05)
    return UnrolledNetwork(prior, n_iterations=2, **options)  # type: ignore[arg-type]


def test_proximal_step_solves_its_equation() -> None:
    E = encoding(3, (1, 9, 10))
    y = E(torch.randn(1, 1, 9, 10, dtype=torch.complex64))
    z, weight = torch.randn(1, 1, 9, 10, dtype=torch.complex64), torch.tensor(0.7)
    x = ProximalStep(60)(z, E.H(y), E, weight)
    torch.testing.assert_close(E.N(x) - E.H(y), weight * (z - x), atol=1e-4, rtol=1e-4)


def test_gradient_step_never_increases_the_misfit() -> None:
    E = encoding(3, (1, 9, 10))
    y, z = torch.randn(1, 3, 1, 9, 10, dtype=torch.complex64), torch.randn(1, 1, 9, 10, dtype=torch.complex64)
    for weight in (1e-3, 1.0, 50.0):
        x = gradient_step(z, E.H(y), E, weight=torch.tensor(weight), bound=1.0)
        assert (E(x) - y).norm() <= (E(z) - y).norm()


@pytest.mark.parametrize("scheme", ["modl", "proximal-gradient"])
def test_without_a_prior_it_stays_near_cg_sense(scheme: str) -> None:
    E = encoding(4, (1, 12, 11))
    y = E(20 * torch.randn(1, 1, 12, 11, dtype=torch.complex64))
    start = conjugate_gradient(E.normal, E.H(y), regularisation=FIRST_WEIGHT, n_iterations=FIRST_ITERATIONS)
    x = UnrolledNetwork(Keep(), n_iterations=3, scheme=build_scheme(scheme, {}))(y, E)
    assert (E(x) - y).norm() <= (E(start) - y).norm()


@pytest.mark.parametrize(
    ("n_coils", "grid", "acquired"),
    [(1, (1, 17, 22), (1, 11, 22)), (5, (1, 24, 13), (1, 24, 13)), (2, (3, 10, 12), (2, 9, 12))],
)
def test_one_set_of_weights_serves_any_coils_and_matrix(n_coils: int, grid: tuple, acquired: tuple) -> None:
    E = encoding(n_coils, grid, acquired=acquired, batch=2)
    y = E(10 * torch.randn(2, *grid, dtype=torch.complex64))
    image = small_network()(y, E)
    assert image.shape == (2, *grid)
    assert image.isfinite().all()


def test_a_batch_equals_its_scans_one_by_one() -> None:
    E = encoding(3, (1, 16, 20), batch=3)
    # Objects with a smooth phase: white noise has none, and what is fitted to it follows the smallest change.
    v, u = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 20), indexing="ij")
    scale = torch.tensor([10.0, 20.0, 40.0])[:, None, None, None]
    y = E(scale * torch.polar(1 / (1 + (6 * (v**2 + u**2 - 0.5)).exp()), 2 * v - u))
    network = small_network()
    together = network(y, E)
    # The noise replica differs between a batch and a single scan, so the noise level is fed equal here.
    for i in range(3):
        alone = network(y[i], CartesianSense(E.maps[i], E.weights[i]))
        assert (alone - together[i]).norm() < 0.05 * together[i].norm()


def test_all_weights_are_trained() -> None:
    network = small_network()
    E = encoding(2, (1, 16, 16))
    network(E(10 * torch.randn(1, 1, 16, 16, dtype=torch.complex64)), E).abs().square().sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


class Copy(nn.Module):
    """A prior that answers with its guide."""

    takes_guide = True

    def forward(self, image: torch.Tensor, noise_level: torch.Tensor, guide: torch.Tensor | None) -> torch.Tensor:
        return image if guide is None else guide.to(image.dtype)


def test_the_guide_reaches_priors_that_take_one() -> None:
    E = encoding(2, (1, 8, 10))
    y, guide = E(torch.randn(1, 1, 8, 10, dtype=torch.complex64)), torch.rand(1, 1, 8, 10)
    network = UnrolledNetwork(Copy(), n_iterations=1, scheme=build_scheme("modl", {"cg_iterations": 60}))
    weight = network.log_weight[0].exp()  # type: ignore[index]
    x = network(y, E, guide=guide)
    torch.testing.assert_close(E.N(x) + weight * x, E.H(y) + weight * guide, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(x, network(y, E))


@pytest.mark.parametrize("scheme", ["modl", "proximal-gradient", "deep-equilibrium"])
def test_recomputed_features_give_the_same_gradients(scheme: str) -> None:
    E = encoding(2, (1, 12, 16))
    y = E(10 * torch.randn(1, 1, 12, 16, dtype=torch.complex64))
    found = []
    for recompute in (False, True):
        network = small_network(scheme=build_scheme(scheme, {}), recompute=recompute)
        network(y, E).abs().square().sum().backward()
        found.append([p.grad for p in network.parameters()])
    torch.testing.assert_close(*found)


def test_the_noise_level_does_not_depend_on_the_samples() -> None:
    E = encoding(3, (1, 16, 20))
    network = small_network()
    levels = [network.start(E.H(scale * E(torch.randn(1, 1, 16, 20, dtype=torch.complex64))), E)[1] for scale in (1, 9)]
    torch.testing.assert_close(*levels)


def test_state_holds_learned_weights_only() -> None:
    assert set(small_network().state_dict()) == {name for name, _ in small_network().named_parameters()}


def test_noise_level_of_fully_sampled_data_is_one() -> None:
    E = CartesianSense(torch.ones(1, 1, 1, 64, 48, dtype=torch.complex64), torch.ones(1, 1, 1, 64, 48))
    _, level = small_network().start(torch.zeros(1, 1, 64, 48, dtype=torch.complex64), E)
    assert level.mean().item() == pytest.approx(1 / (1 + FIRST_WEIGHT), rel=0.03)


def test_wrong_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="no scheme called 'model'; did you mean 'modl'"):
        build_scheme("model", {})
    with pytest.raises(ValueError, match=r"'modl' does not take these options: \{'steps': 3\}"):
        build_scheme("modl", {"steps": 3})
    with pytest.raises(ValueError, match="4 priors for 3 iterations"):
        UnrolledNetwork([Keep() for _ in range(4)], n_iterations=3)


def test_first_iterations_have_priors_of_their_own_and_the_others_share_the_last() -> None:
    called = []

    class Named(Keep):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, image: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
            called.append(self.name)
            return super().forward(image, noise_level)

    E = CartesianSense(torch.ones(1, 1, 1, 9, 7, dtype=torch.complex64), torch.ones(1, 1, 1, 9, 7))
    UnrolledNetwork([Named("first"), Named("second")], n_iterations=4)(E(torch.ones(1, 1, 9, 7) + 0j), E)
    assert called == ["first", "second", "second", "second"]
