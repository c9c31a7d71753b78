"""A denoiser that has never heard of k-space helps to reconstruct from too few samples."""

import pytest
import torch
from torch import Tensor, nn

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.encoding import CartesianSense
from pirecon.unrolled import plug_and_play
from pirecon.unrolled.schemes.plug_and_play import SPLITTINGS


class SoftThreshold(nn.Module):
    """What a denoiser of images with few bright points does: the proximal map of ‖x‖₁ (Donoho, 1995)."""

    def forward(self, image: Tensor, noise_level: Tensor) -> Tensor:
        return image * (1 - noise_level / image.abs().clamp_min(1e-6)).clamp_min(0)


@pytest.mark.parametrize("splitting", SPLITTINGS)
def test_it_finds_few_bright_points_from_few_samples(splitting: str) -> None:
    generator = torch.Generator().manual_seed(4)
    truth = torch.zeros(1, 24, 25, dtype=torch.complex64)
    for y, x in torch.randint(24, (12, 2), generator=generator).tolist():
        truth[0, y, x] = 30
    maps = torch.randn(2, 1, 24, 25, dtype=torch.complex64, generator=generator)
    weights = (torch.rand(1, 1, 24, 25, generator=generator) < 0.4).float()
    E = CartesianSense(maps / maps.abs().square().sum(0).sqrt(), weights)
    noise = 2**0.5 * torch.randn(2, 1, 24, 25, dtype=torch.complex64, generator=generator)
    y = E(truth) + weights * noise
    linear = conjugate_gradient(E.normal, E.H(y), regularisation=0.1, n_iterations=30)
    image = plug_and_play(y, E, SoftThreshold(), splitting=splitting, n_iterations=30)
    assert (image - truth).norm() < 0.75 * (linear - truth).norm()
