"""The planar way of a convolution gives what the plain sum gives."""

import pytest
import torch
from torch import Tensor, nn

from pirecon.priors.dncnn import DnCNN
from pirecon.priors.planar_convolution import PlanarConvolution, planar_pays, suits_planar

GRID = (131, 126)  # neither a multiple of the 6 × 6 tiles; large enough to be planar


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def close(found: Tensor, exact: Tensor) -> bool:
    return bool((found - exact).norm() < 2e-5 * exact.norm())


@pytest.mark.parametrize(("n_in", "n_out", "bias"), [(64, 64, True), (64, 70, False), (3, 64, True), (64, 2, True)])
def test_it_is_the_sum_in_double_precision(n_in: int, n_out: int, bias: bool) -> None:
    layer = PlanarConvolution(n_in, n_out, bias=bias)
    exact = nn.Conv2d(n_in, n_out, 3, padding=1, bias=bias).double()
    exact.load_state_dict(layer.state_dict())
    x = noise(1, n_in, *GRID)
    with torch.no_grad():
        assert suits_planar(x) == torch._nnpack_available()
        assert close(layer(x), exact(x.double()))


def test_a_prior_gives_the_same_image_with_and_without_gradients() -> None:
    torch.manual_seed(3)
    prior = DnCNN(depth=4, width=64)
    nn.init.normal_(prior.last.weight, std=0.05)  # type: ignore[arg-type]
    image = torch.view_as_complex(noise(1, 1, *GRID, 2))
    assert planar_pays(prior)
    with torch.no_grad():
        planar = prior(image, torch.ones(()))
    assert close(planar - image, prior(image, torch.ones(())).detach() - image)


def test_what_is_not_faster_keeps_the_plain_way() -> None:
    large = noise(1, 64, *GRID)
    assert not suits_planar(large)  # gradients are recorded
    with torch.no_grad():
        for x in (noise(2, 64, *GRID), large.double(), noise(1, 64, 20, 20)):
            assert not suits_planar(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not suits_planar(large)
    assert not planar_pays(DnCNN(depth=4, width=32))
