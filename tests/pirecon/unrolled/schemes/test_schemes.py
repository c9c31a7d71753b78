"""Every scheme solves the same problem: with a prior that changes nothing, it ends at the least-squares image."""

import pytest
import torch
from torch import Tensor, nn

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense, Evolution, Evolving, NonCartesianSense
from pirecon.priors import UNet
from pirecon.unrolled import Architecture, UnrolledNetwork, build_network
from pirecon.unrolled.schemes import SCHEMES, build_scheme
from pirecon.unrolled.start import cg_sense_start

# Options, and iterations that are enough: small penalties make the splittings fast.
ITERATIVE: dict[str, tuple[dict[str, object], int]] = {
    "proximal-gradient": ({}, 150),
    "modl": ({"cg_iterations": 10}, 15),
    "hqs": ({"cg_iterations": 10}, 15),
    "admm": ({"cg_iterations": 10}, 15),
    "primal-dual": ({}, 150),
    "deep-equilibrium": ({"cg_iterations": 10, "tolerance": 1e-9}, 15),
}
GRID = (1, 7, 9)


class Keep(nn.Module):
    def forward(self, image: Tensor, noise_level: Tensor) -> Tensor:
        return image


def random_complex(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def unit_maps(n_coils: int, grid: tuple[int, ...] = GRID) -> Tensor:
    maps = random_complex(n_coils, *grid, seed=n_coils)
    return maps / maps.abs().square().sum(0).sqrt()


def cartesian(n_coils: int = 5) -> CartesianSense:
    weights = torch.ones(1, *GRID, dtype=torch.float64)
    weights[..., ::3, :] = 0
    weights[..., 1, :] = 0.5
    return CartesianSense(unit_maps(n_coils), weights)


def radial() -> NonCartesianSense:
    angle, radius = torch.arange(13, dtype=torch.float64) * 2.4, torch.linspace(-3, 3, 13, dtype=torch.float64)
    points = torch.stack([torch.zeros(13, 13), angle.sin()[:, None] * radius, angle.cos()[:, None] * radius], -1)
    return NonCartesianSense(unit_maps(4), points, accuracy=1e-9)


def decaying() -> Evolving:
    time = torch.linspace(0, 1, GRID[1], dtype=torch.float64)[None, :, None]
    basis = torch.stack([torch.ones_like(time), time]).to(torch.complex128)
    coefficients = torch.stack([torch.ones(GRID, dtype=torch.complex128), 0.1 * random_complex(*GRID, seed=3)])
    return Evolving(cartesian(), Evolution(basis, coefficients, 0.0, "test"))


@pytest.mark.parametrize("scheme", ITERATIVE)
@pytest.mark.parametrize("make", [cartesian, radial, decaying])
def test_without_a_prior_every_scheme_finds_the_least_squares_image(scheme: str, make: type) -> None:
    E = make()
    y = E(random_complex(*GRID, seed=1)) + 0.1 * random_complex(*E.codomain_shape, seed=2)
    expected = conjugate_gradient(E.normal, E.H(y), n_iterations=300, tolerance=1e-12)
    options, n_iterations = ITERATIVE[scheme]
    network = UnrolledNetwork(Keep(), scheme=build_scheme(scheme, options), n_iterations=n_iterations).double()
    nn.init.constant_(network.log_weight, -2.0)  # type: ignore[arg-type]
    with torch.no_grad():
        found = network(y, E)
    assert torch.linalg.vector_norm(found - expected) < 2e-3 * torch.linalg.vector_norm(expected)


@pytest.mark.parametrize("start", ["cg-sense", "zero-filled"])
def test_image_to_image_without_a_prior_is_its_start(start: str) -> None:
    E = cartesian()
    y = E(random_complex(*GRID, seed=1))
    image = UnrolledNetwork(Keep(), scheme=build_scheme("image-to-image", {"start": start}))(y, E)
    if start == "cg-sense":
        torch.testing.assert_close(image, cg_sense_start(E.H(y), E)[0])
    else:  # the factor that explains the samples best leaves a residual at right angles to the image
        residual = E(image) - y
        assert abs(torch.vdot(E(image).flatten(), residual.flatten()).real) < 1e-9 * torch.linalg.vector_norm(y) ** 2


@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_coil_count_order_and_trajectory(scheme: str) -> None:
    torch.manual_seed(1)
    prior = UNet((4, 8), (1, 1))
    nn.init.normal_(prior.tail.weight, std=0.05)
    network = UnrolledNetwork(prior, scheme=build_scheme(scheme, {}), n_iterations=3).double()
    # An object with a smooth phase: white noise has none, and what is fitted to it follows the smallest change.
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, n, dtype=torch.float64) for n in GRID[-2:]), indexing="ij")
    disc = 20 / (1 + (8 * (y**2 + x**2 - 0.5)).exp())
    x = torch.polar(disc + 3 * torch.sin(9 * x) * torch.cos(7 * y) * (disc > 5), 2 * y - x).expand(GRID)
    with torch.no_grad():
        for E in (cartesian(1), cartesian(5), radial(), decaying()):
            assert network(E(x), E).isfinite().all()
        E = cartesian(4)
        order = torch.tensor([2, 0, 3, 1])
        permuted = CartesianSense(E.maps[order], E.weights)
        image, again = network(E(x), E), network(E(x)[order], permuted)
    # The noise replica is drawn anew for the new order, so the noise level differs a little.
    assert (image - again).norm() < 0.02 * image.norm()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("n_priors", [0, 1])
def test_every_parameter_is_trained(scheme: str, n_priors: int) -> None:
    torch.manual_seed(1)
    options: dict[str, object] = {"relative_error": 0.1} if hasattr(SCHEMES[scheme](), "step") else {}
    small: dict[str, object] = {"widths": [4, 8], "blocks": [1, 1]}
    refine_maps = SCHEMES[scheme].learns_weight
    network = build_network(Architecture("unet", small, scheme, options, 2, n_priors, refine_maps))
    for module in [*network.priors, *([network.map_refinement.network] if network.map_refinement else [])]:
        nn.init.normal_(module.tail.weight, std=0.05)
    E = CartesianSense(unit_maps(3).to(torch.complex64), cartesian().weights.float())
    network(E(10 * random_complex(*GRID, seed=1).to(torch.complex64)), E).abs().square().sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    chosen = {id(p) for p in network.scalars()}
    assert chosen == {id(p) for name, p in network.named_parameters() if "log_" in name}
    assert chosen.isdisjoint(map(id, network.kernels()))
    assert len(chosen) + len(network.kernels()) == len(list(network.parameters()))


def test_starts_are_named() -> None:
    with pytest.raises(ValueError, match="no start 'sense' for image-to-image; choose one of zero-filled, cg-sense"):
        build_scheme("image-to-image", {"start": "sense"})
    with pytest.raises(ValueError, match="no splitting 'hsq'"):
        build_scheme("plug-and-play", {"splitting": "hsq"})
    with pytest.raises(ValueError, match="ImageToImage does not learn from k-space"):
        build_network(Architecture(scheme="image-to-image", refine_maps=True))


def test_the_smallest_forward_is_enough() -> None:
    """No scheme asks E for more than forward, adjoint and normal."""

    class Bare(LinearOperator):
        def _forward(self, x: Tensor) -> Tensor:
            return 0.5 * x.unsqueeze(-4)

        def _adjoint(self, y: Tensor) -> Tensor:
            return 0.5 * y.squeeze(-4)

    E = Bare(GRID, (1, *GRID))
    y = E(random_complex(*GRID, seed=1))
    for scheme in SCHEMES:
        with torch.no_grad():
            image = UnrolledNetwork(Keep(), scheme=build_scheme(scheme, {}), n_iterations=2).double()(y, E)
        assert image.shape == GRID
