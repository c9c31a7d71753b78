"""A guided prior believes a guide as far as its edges are the image's, and falls back to the unguided one elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pirecon.priors import build_prior
from pirecon.priors.guide_alignment import moved, place_guide
from pirecon.priors.guided import GuidedUNet, prepare_guide

N = 64


def anatomy(seed: int) -> torch.Tensor:
    """Overlapping ellipses inside a head-like outline, ``(1, y, x)``."""
    rng = np.random.default_rng(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, N), torch.linspace(-1, 1, N), indexing="ij")
    head = (x / 0.7) ** 2 + (y / 0.85) ** 2 < 1
    image = torch.ones(N, N)
    for _ in range(14):
        (a, b), (u, v), turn = rng.uniform(0.08, 0.35, 2), rng.uniform(-0.5, 0.5, 2), rng.uniform(0, math.pi)
        s, t = math.cos(turn) * (x - u) + math.sin(turn) * (y - v), math.cos(turn) * (y - v) - math.sin(turn) * (x - u)
        image = torch.where((s / a) ** 2 + (t / b) ** 2 < 1, float(rng.uniform(0.1, 2)), image)
    return torch.nn.functional.avg_pool2d((image * head)[None, None], 3, stride=1, padding=1)[0]


def other_contrast(image: torch.Tensor) -> torch.Tensor:
    """Bright becomes dark inside of the head."""
    return (2.5 - image) * (image > 0.05)


def noisy(image: torch.Tensor, level: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return image + level * torch.randn(*image.shape, dtype=torch.complex64, generator=generator) * math.sqrt(2)


def change(result: torch.Tensor, unguided: torch.Tensor) -> float:
    return float((result.abs() - unguided.abs()).norm() / unguided.norm())


@pytest.fixture
def prior() -> GuidedUNet:
    torch.manual_seed(1)
    prior = GuidedUNet(widths=(8, 12), blocks=(1, 1)).eval()
    torch.nn.init.normal_(prior.tail.weight, std=0.05)
    return prior.requires_grad_(False)


def test_wrong_and_absent_guides_leave_the_unguided_result(prior: GuidedUNet) -> None:
    level = torch.tensor(0.1)
    by_right, by_wrong = 0.0, 0.0
    for seed in range(6):
        image = noisy(anatomy(seed), 0.1, seed)
        unguided = prior(image, level)
        by_right += change(prior(image, level, other_contrast(anatomy(seed))), unguided) / 6
        by_wrong += change(prior(image, level, anatomy(seed + 50)), unguided) / 6
        assert torch.equal(prior(image, level, torch.zeros(1, N, N)), unguided)
    assert by_right > 1e-3
    assert by_wrong < 0.1 * by_right


@pytest.mark.parametrize("scale", [1e-4, -1.0, 37.0])
def test_unit_and_inversion_of_the_guide_do_not_matter(prior: GuidedUNet, scale: float) -> None:
    image, guide = noisy(anatomy(3), 0.1, 3), anatomy(3)
    first = prior(image, torch.tensor(0.1), guide)
    again = prior(image, torch.tensor(0.1), scale * guide + (0.0 if scale > 0 else 5.0))
    assert torch.allclose(first, again, atol=2e-3 * float(image.abs().max()))
    assert float((first - prior(image, torch.tensor(0.1))).abs().max()) > 0.05


def test_a_moved_guide_is_found_and_moved_back() -> None:
    """3 mm are 0.77 voxels of 64 over 250 mm; here up to 4 voxels and 3°."""
    for seed, (turn, shift) in enumerate([(3.0, (2.3, -3.4)), (-2.0, (-1.5, 0.6)), (0.0, (4.0, 4.0))]):
        image = anatomy(seed)
        guide = moved(image[None], torch.tensor([math.radians(turn)]), torch.tensor([shift]))
        found = place_guide(image[None], guide, most_shift=6)
        back = moved(guide, found.rotation, found.shift)[0]
        assert float((back - image).norm() / image.norm()) < 0.12
        assert float((guide[0] - image).norm() / image.norm()) > 0.2
        assert math.degrees(float(found.rotation)) == pytest.approx(-turn, abs=2.01)


def test_structure_that_only_the_guide_has_is_not_trusted() -> None:
    image, guide = anatomy(8), other_contrast(anatomy(8))
    y, x = torch.meshgrid(torch.arange(N), torch.arange(N), indexing="ij")
    ring = ((y - 22) ** 2 + (x - 38) ** 2 - 36).abs() < 18
    flat = ((y - 22) ** 2 + (x - 38) ** 2) < 121
    image = torch.where(flat, 1.0, image)
    clean = torch.where(flat, 1.5, guide)
    trusted = prepare_guide(noisy(image, 0.02, 1), clean)[0][1]
    assert float(trusted.max()) > 0.9
    with_ring = prepare_guide(noisy(image, 0.02, 1), torch.where(ring, 0.0, clean))[0][1]
    assert float(with_ring[0, 18:27, 34:43].mean()) < 0.1


def test_shapes_batches_and_gradients(prior: GuidedUNet) -> None:
    image = torch.stack([noisy(anatomy(s), 0.1, s)[:, :51, :46] for s in (1, 2)])
    guide = torch.stack([anatomy(1), anatomy(2)])[:, :, :51, :46]
    both = prior.requires_grad_(True)(image, torch.tensor(0.1), guide)
    assert both.shape == image.shape
    assert torch.allclose(both[1], prior(image[1], torch.tensor(0.1), guide[1]), atol=1e-5)
    prepared = prior.prepare_guide(image, guide)
    assert prepared.shape == (2, 2, 1, 51, 46)
    assert torch.allclose(prior(image, torch.tensor(0.1), prepared), both)
    both.abs().sum().backward()
    assert prior.head.weight.grad is not None
    assert float(prior.head.weight.grad[:, 3:].abs().sum()) > 0


def test_mixed_precision_moves_and_trusts_the_guide_as_full_precision_does(prior: GuidedUNet) -> None:
    image, guide = noisy(anatomy(4), 0.1, 4), other_contrast(anatomy(4))
    full, prepared = prior(image, torch.tensor(0.1), guide), prepare_guide(image, guide)[0]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = prior(image, torch.tensor(0.1), guide)
        assert torch.equal(prior.prepare_guide(image, guide), prepared)
    assert mixed.dtype == full.dtype
    assert float((mixed - full).norm() / full.norm()) < 0.02


def test_nothing_in_the_image_or_the_guide_is_no_trust(prior: GuidedUNet) -> None:
    image = noisy(anatomy(4), 0.1, 4)
    for blank in (torch.zeros(1, N, N), torch.full((1, N, N), 3.0)):
        assert torch.isfinite(prior(image, torch.tensor(0.1), blank)).all()
        assert float(prepare_guide(image, blank)[0][1].max()) == 0
    assert torch.isfinite(prior(torch.zeros_like(image), torch.tensor(0.0), anatomy(4))).all()


def test_a_guide_on_another_grid_is_refused(prior: GuidedUNet) -> None:
    with pytest.raises(ValueError, match="resample it first"):
        prior(noisy(anatomy(4), 0.1, 4), torch.tensor(0.1), torch.zeros(1, N, N + 1))


def test_the_registry_knows_it() -> None:
    assert isinstance(build_prior("guided_unet", {"widths": [8, 8], "blocks": [1, 1]}), GuidedUNet)
