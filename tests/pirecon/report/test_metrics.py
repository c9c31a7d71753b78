"""PSNR, SSIM and NRMSE against cases that can be solved by hand, and against torchmetrics."""

from __future__ import annotations

import math

import pytest
import torch

from pirecon.report.metrics import edge_sharpness, image_metrics, nrmse, psnr, ssim

SHAPE = (3, 1, 33, 40)


@pytest.fixture
def truth(generator: torch.Generator) -> torch.Tensor:
    rough = torch.rand(SHAPE, generator=generator, dtype=torch.float64)
    smooth = torch.nn.functional.avg_pool2d(rough[:, 0], 5, stride=1, padding=2)[:, None]
    return smooth * torch.tensor([1.0, 2.0, 4.0])[:, None, None, None]  # planes of different brightness


def test_constant_error(truth: torch.Tensor) -> None:
    peak = float(truth.max())
    image = truth + 0.01 * peak
    assert psnr(image, truth) == pytest.approx(40.0)
    assert nrmse(image, truth) == pytest.approx(0.01 * peak * math.sqrt(truth.numel()) / float(truth.norm()))


def test_scaled_image(truth: torch.Tensor) -> None:
    assert nrmse(1.1 * truth, truth) == pytest.approx(0.1)
    assert nrmse(0 * truth, truth) == pytest.approx(1.0)


def test_a_perfect_image_in_any_phase(truth: torch.Tensor) -> None:
    image = torch.polar(truth, torch.linspace(0, 50, truth.numel(), dtype=torch.float64).reshape(SHAPE))
    metrics = image_metrics(image, truth)
    assert metrics.psnr > 250
    assert metrics.ssim == pytest.approx(1.0)
    assert metrics.nrmse == pytest.approx(0.0, abs=1e-12)
    assert psnr(truth, truth) == math.inf


def test_only_the_unit_changes_nothing(truth: torch.Tensor, generator: torch.Generator) -> None:
    image = truth + 0.05 * torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    small, large = image_metrics(image, truth), image_metrics(1e6 * image, 1e6 * truth)
    assert (small.psnr, small.ssim, small.nrmse) == pytest.approx((large.psnr, large.ssim, large.nrmse))


def test_ssim_of_two_flat_planes() -> None:
    """Without variance SSIM is the luminance term (2ab + (0.01 L)²) / (a² + b² + (0.01 L)²)."""
    a, b = 1.0, 0.5
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    assert ssim(b * torch.ones(11, 13), a * torch.ones(11, 13)) == pytest.approx(expected)


def test_ssim_agrees_with_torchmetrics(truth: torch.Tensor, generator: torch.Generator) -> None:
    functional = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics comes with lightning")
    image = (truth + 0.1 * torch.randn(SHAPE, generator=generator, dtype=torch.float64)).abs()
    _, theirs = functional.structural_similarity_index_measure(
        image, truth, sigma=1.5, kernel_size=11, data_range=float(truth.max()), return_full_image=True
    )
    inner = theirs[..., 5:-5, 5:-5]  # torchmetrics counts the border too, continued by reflection
    assert ssim(image, truth) == pytest.approx(float(inner.mean()), abs=1e-9)


def test_the_mask_hides_everything_outside(truth: torch.Tensor, generator: torch.Generator) -> None:
    mask = torch.zeros(33, 40, dtype=torch.bool)
    mask[8:25, 10:30] = True
    image = truth + 0.05 * torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    far = torch.ones(33, 40, dtype=torch.bool)
    far[2:31, 4:36] = False  # further than the SSIM window from the mask
    spoiled_image, spoiled_truth = image.clone(), truth.clone()
    spoiled_image[..., far] = 1e3
    spoiled_truth[..., far] = 2e3
    clean = image_metrics(image, truth, mask=mask)
    spoiled = image_metrics(spoiled_image, spoiled_truth, mask=mask)
    assert clean == spoiled
    assert psnr(image, truth, mask=mask) == pytest.approx(psnr(image[..., mask], truth[..., mask]))
    assert nrmse(image, truth, mask=mask) == pytest.approx(nrmse(image[..., mask], truth[..., mask]))


@pytest.mark.parametrize("metric", [psnr, ssim, nrmse, image_metrics])
def test_what_has_no_meaning_is_refused(metric, truth: torch.Tensor) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="same grid"):
        metric(truth[..., :-1], truth)
    with pytest.raises(ValueError, match="zero throughout"):
        metric(truth, 0 * truth)
    with pytest.raises(ValueError, match="mask is empty"):
        metric(truth, truth, mask=torch.zeros(33, 40, dtype=torch.bool))


def test_planes_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 11 × 11"):
        ssim(torch.ones(5, 10, 30), torch.ones(5, 10, 30))


def test_sharpness_is_the_slope_of_edges() -> None:
    x = torch.linspace(-4, 4, 129, dtype=torch.float64)
    steep, gentle = (1 + torch.erf(x / width).expand(33, -1) for width in (0.5, 1.0))
    noise = 0.02 * torch.randn(33, 129, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert edge_sharpness(0.7 * steep + 3, steep) == pytest.approx(0.7)
    # Within the truth's steepest 5 % both slopes are near their maximum, which goes with 1/width.
    assert edge_sharpness(gentle, steep) == pytest.approx(0.5, abs=0.08)
    assert edge_sharpness(steep + noise, steep) == pytest.approx(1, abs=0.03)
    assert edge_sharpness(steep.flip(-1), steep) == pytest.approx(-1)
    assert math.isnan(edge_sharpness(steep, torch.ones_like(steep)))
