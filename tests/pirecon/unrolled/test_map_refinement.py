"""Refined maps stay maps: unit root sum of squares, the old support, any number and order of coils."""

import pytest
import torch
from torch import Tensor, nn

from pirecon.encoding import CartesianSense, Evolution, Evolving, NonCartesianSense
from pirecon.unrolled import Architecture, build_network
from pirecon.unrolled.map_refinement import MapRefinement

GRID = (1, 12, 14)


def maps_of(n_coils: int) -> Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, GRID[1]), torch.linspace(-1, 1, GRID[2]), indexing="ij")
    coils = [torch.polar(2 + torch.cos(c + x + y), c + x * y) for c in range(n_coils)]
    maps = torch.stack(coils)[:, None] * (x.square() + y.square() < 0.8)
    return maps / maps.abs().square().sum(0).sqrt().clamp_min(1e-6)


def trained() -> MapRefinement:
    torch.manual_seed(2)
    refinement = MapRefinement()
    nn.init.normal_(refinement.network.tail.weight, std=0.05)
    return refinement


def test_untrained_it_is_the_identity() -> None:
    maps = maps_of(3)
    torch.testing.assert_close(MapRefinement().refine(maps), maps)


def test_root_sum_of_squares_and_support_stay() -> None:
    maps = maps_of(4)
    refined = trained().refine(maps)
    assert (refined - maps).abs().max() > 0.01
    torch.testing.assert_close(refined.abs().square().sum(0), maps.abs().square().sum(0))


def test_coils_are_refined_each_by_itself() -> None:
    maps, order = maps_of(5)[None], torch.tensor([3, 0, 4, 1, 2])
    refinement = trained()
    torch.testing.assert_close(refinement.refine(maps)[:, order], refinement.refine(maps[:, order]))


def test_off_the_grid_the_new_maps_are_used() -> None:
    generator = torch.Generator().manual_seed(1)
    points = torch.cat([torch.zeros(5, 9, 1), torch.rand(5, 9, 2, generator=generator) * 8 - 4], -1)
    E, refinement = NonCartesianSense(maps_of(3), points), trained()
    refined = refinement(E)
    expected = NonCartesianSense(refinement.refine(E.maps), points)
    x = torch.randn(*GRID, dtype=torch.complex64, generator=generator)
    torch.testing.assert_close(refined.forward(x), expected.forward(x))
    torch.testing.assert_close(refined.normal(x), expected.normal(x))
    torch.testing.assert_close(E.forward(x), NonCartesianSense(maps_of(3), points).forward(x))  # E is left alone


def test_an_untrained_refining_network_changes_nothing() -> None:
    E = CartesianSense(maps_of(3), torch.ones(1, *GRID))
    y = E(torch.randn(*GRID, dtype=torch.complex64))
    small: dict[str, object] = {"widths": [4, 8], "blocks": [1, 1]}
    with torch.no_grad():
        plain, refining = (
            build_network(Architecture(prior_options=small, n_iterations=2, refine_maps=r))(y, E) for r in (False, True)
        )
    torch.testing.assert_close(plain, refining, atol=1e-4, rtol=1e-4)


def test_what_evolves_is_refused() -> None:
    one = torch.ones(1, *GRID, dtype=torch.complex64)
    E = Evolving(CartesianSense(maps_of(2), torch.ones(1, *GRID)), Evolution(one, one, 0.0, "test"))
    with pytest.raises(ValueError, match="needs CartesianSense or NonCartesianSense, found Evolving"):
        trained()(E)
