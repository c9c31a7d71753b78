"""Laws that the U-Net prior obeys whatever its weights."""

import math

import pytest
import torch

from pirecon.priors import UNet, build_prior
from pirecon.priors.smooth_phase import smooth_phase


@pytest.fixture
def prior() -> UNet:
    torch.manual_seed(3)
    prior = UNet(widths=(8, 16, 16), blocks=(1, 1, 1)).eval()
    torch.nn.init.normal_(prior.tail.weight, std=0.05)
    return prior


def random_image(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    smooth = torch.nn.functional.interpolate(torch.randn(1, 2, 4, 4, generator=generator), shape[-2:], mode="bicubic")[
        0
    ]
    return 10 * torch.complex(smooth[0].abs() + 1, 0.3 * smooth[1]) + torch.randn(
        *shape, dtype=torch.complex64, generator=generator
    )


def linear_phase(image: torch.Tensor, wraps_y: float, wraps_x: float) -> torch.Tensor:
    y = torch.arange(image.shape[-2])[:, None] / image.shape[-2]
    x = torch.arange(image.shape[-1])[None, :] / image.shape[-1]
    turns = 2 * math.pi * (wraps_y * y + wraps_x * x)
    return torch.polar(torch.ones_like(turns), turns)


@pytest.mark.parametrize("shape", [(1, 19, 26), (2, 3, 17, 24)])
def test_any_grid_comes_back(prior: UNet, shape: tuple[int, ...]) -> None:
    image = random_image(*shape)
    assert prior(image, torch.tensor(1.0)).shape == image.shape


def test_a_new_prior_is_the_identity() -> None:
    image = random_image(1, 20, 22)
    torch.testing.assert_close(UNet((4, 8), (1, 1))(image, torch.tensor(1.0)), image)


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e4])
def test_scales_with_image_and_noise_together(prior: UNet, factor: float) -> None:
    image = random_image(1, 21, 24)
    expected = factor * prior(image, torch.tensor(1.0))
    torch.testing.assert_close(prior(factor * image, torch.tensor(factor)), expected, rtol=1e-4, atol=1e-4 * factor)


@pytest.mark.parametrize("wraps", [(0.3, 0.0), (-4.0, 2.5), (7.3, -6.1)])
def test_a_linear_phase_passes_through(prior: UNet, wraps: tuple[float, float]) -> None:
    image = random_image(1, 45, 52)
    phasor = linear_phase(image, *wraps) * torch.polar(torch.tensor(1.0), torch.tensor(1.1))
    changed, expected = prior(image * phasor, torch.tensor(1.0)), prior(image, torch.tensor(1.0))
    assert (changed - expected * phasor).norm() < 1e-3 * (expected - image).norm()


def test_smooth_phase_is_found_despite_noise() -> None:
    y, x = torch.meshgrid(torch.linspace(-1, 1, 60), torch.linspace(-1, 1, 70), indexing="ij")
    phase = 12 * y - 7 * x + 0.8 * x * y + 0.5 * y**2
    noise = torch.randn(60, 70, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    noisy = 5 * torch.polar(torch.ones_like(phase), phase) + math.sqrt(2) * noise
    error = (smooth_phase(noisy) * torch.polar(torch.ones_like(phase), -phase)).angle()[8:-8, 8:-8]
    assert error.square().mean().sqrt() < 0.06


def test_zero_image_stays_finite(prior: UNet) -> None:
    image = torch.zeros(1, 16, 16, dtype=torch.complex64)
    assert torch.equal(prior(image, torch.tensor(1.0)).isfinite(), torch.ones(1, 16, 16, dtype=torch.bool))


def test_unknown_family_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'unit'.*choose one of.*unet"):
        build_prior("unit", {})
    with pytest.raises(ValueError, match=r"does not take these options"):
        build_prior("unet", {"depth": 3})


def test_an_image_that_is_not_a_number_stays_one() -> None:
    # The training stops at a loss that is not finite and names the batch; nothing may fail before that.
    image = torch.full((1, 1, 24, 20), float("nan"), dtype=torch.complex64)
    assert bool(UNet(widths=(4, 8), blocks=(1, 1))(image, torch.ones(1)).isnan().all())
