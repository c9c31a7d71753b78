"""Losses by name: analytic values, gradients, behaviour under scale, and tables that are wrong."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from pirecon.encoding import CartesianSense
from pirecon.training.losses import LOSSES, build_loss, ssim_loss

BATCH, COILS, GRID, ACQUIRED = 2, 3, (1, 19, 16), (1, 15, 16)


def smooth_maps(dtype: torch.dtype, n_coils: int = COILS) -> Tensor:
    """Maps of unit root-sum-of-squares, ``(batch, coil, z, y, x)``; ones for a single coil."""
    if n_coils == 1:
        return torch.ones(BATCH, 1, *GRID, dtype=dtype)
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randn(BATCH, n_coils, 2, 3, 3, generator=generator, dtype=torch.float64)
    fine = torch.nn.functional.interpolate(coarse.flatten(0, 1), GRID[1:], mode="bilinear", align_corners=True)
    maps = torch.complex(fine[:, 0] + 2, fine[:, 1]).reshape(BATCH, n_coils, *GRID)
    return (maps / maps.abs().square().sum(1, keepdim=True).sqrt()).to(dtype)


def white(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.complex128) -> Tensor:
    real = torch.randn((*shape, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.view_as_complex(real).to(dtype)


def scan(dtype: torch.dtype = torch.complex128) -> tuple[Tensor, Tensor, CartesianSense]:
    """Truth with a peak of about 40, its noisy k-space with every third line missing, and E."""
    truth = 10 * white((BATCH, *GRID), 1, dtype)
    weights = torch.ones(BATCH, 1, *ACQUIRED, dtype=truth.real.dtype)
    weights[..., ::3, :] = 0
    E = CartesianSense(smooth_maps(dtype), weights)
    return truth, E(truth) + weights * white((BATCH, COILS, *ACQUIRED), 2, dtype), E


def plane_wave(k: int) -> Tensor:
    """exp(2πi k y / n), ``(y, 1)``."""
    turns = 2 * math.pi * k / GRID[1] * torch.arange(GRID[1], dtype=torch.float64)
    return torch.polar(torch.ones_like(turns), turns)[:, None]


def value(name: str, image: Tensor, truth: Tensor, kspace: Tensor, E: CartesianSense) -> float:
    return build_loss({name: 1.0})(image, truth, kspace, E)[0].item()


def test_pixelwise_losses_have_their_analytic_values() -> None:
    truth, kspace, E = scan()
    truth[:, 0, 0, 0] = 50  # the peak
    shift = torch.full_like(truth, 3 + 4j)
    assert value("l1", truth + shift, truth, kspace, E) == pytest.approx(5)
    assert value("l2", truth + shift, truth, kspace, E) == pytest.approx(12.5)
    assert value("l1_relative", truth + shift, truth, kspace, E) == pytest.approx(0.1)
    # An error of 3i at a magnitude of 4 leaves one of √(4² + 3²) − 4 = 1 in the magnitude.
    flat = torch.full_like(truth, 4)
    assert value("log_squared_error", flat + 3, flat, kspace, E) == pytest.approx(math.log(9))
    assert value("log_squared_error", flat + 3j, flat, kspace, E) == pytest.approx(
        0.5 * math.log(9) + 0.5 * math.log(1)
    )


def test_noise_of_one_channel_is_the_unit_of_l1_and_l2() -> None:
    truth = torch.zeros(BATCH, 1, 200, 200, dtype=torch.complex128)
    _, kspace, E = scan()
    noise = white(tuple(truth.shape), 5)
    assert value("l2", truth + noise, truth, kspace, E) == pytest.approx(1, abs=0.02)
    assert value("l1", truth + noise, truth, kspace, E) == pytest.approx(math.sqrt(math.pi / 2), abs=0.02)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.complex128, 1e-12), (torch.complex64, 1e-5)])
def test_ssim_agrees_with_scikit_image(dtype: torch.dtype, tolerance: float) -> None:
    truth = (300 * white((2, 3, 23, 31), 7).abs() + 50).to(dtype)
    image = truth + 90 * white((2, 3, 23, 31), 8, dtype)
    expected = [
        structural_similarity(
            *(a[b, z].abs().double().numpy() for a in (image, truth)),
            data_range=float(truth[b].abs().max()),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for b, z in np.ndindex(2, 3)
    ]
    assert 0.1 < np.mean(expected) < 0.95
    assert ssim_loss(image, truth).item() == pytest.approx(1 - np.mean(expected), abs=tolerance)
    assert ssim_loss(truth, truth).item() == pytest.approx(0, abs=tolerance)


def test_ssim_refuses_planes_smaller_than_its_window() -> None:
    small = torch.ones(1, 1, 10, 30, dtype=torch.complex64)
    with pytest.raises(ValueError, match=r"at least 11 × 11.*10, 30"):
        ssim_loss(small, small)


def test_truth_has_a_measured_misfit_of_one_per_sample() -> None:
    truth, _, E = scan()
    draws = []
    for seed in range(60):
        kspace = E(truth) + E.weights * white((BATCH, COILS, *ACQUIRED), 100 + seed)
        draws.append(value("kspace_measured", truth, truth, kspace, E))
    n_samples = BATCH * COILS * 10 * 16
    assert np.mean(draws) == pytest.approx(1, abs=4 / math.sqrt(60 * n_samples))
    assert np.std(draws) == pytest.approx(1 / math.sqrt(n_samples), rel=0.35)
    # Whoever leaves the truth where it was measured pays for it.
    assert value("kspace_measured", 1.1 * truth, truth, kspace, E) > 1.2


@pytest.mark.parametrize("n_coils", [1, 8])
def test_true_misfit_of_one_bad_frequency(n_coils: int) -> None:
    """An error of one plane wave lies at one k: √n in a unitary transform, spread by the coils but not created."""
    truth = torch.zeros(BATCH, *GRID, dtype=torch.complex128)
    wave, fastest = (plane_wave(k) for k in (4, 9))
    weights = torch.ones(BATCH, 1, *ACQUIRED, dtype=torch.float64)
    E = CartesianSense(smooth_maps(truth.dtype, n_coils), weights)
    loss = value("kspace_true", truth + wave, truth, truth, E)
    one = 1 / math.sqrt(GRID[1] * GRID[2])
    assert loss == pytest.approx(one) if n_coils == 1 else one < loss <= 1 + 1e-12
    # The wave of the highest frequencies was never acquired, and counts all the same.
    if n_coils == 1:
        assert value("kspace_true", truth + fastest, truth, truth, E) == pytest.approx(one)
        assert value("kspace_measured", truth + fastest, truth, E(truth) + 1e-30, E) < 1e-20


def test_true_misfit_of_white_noise_hardly_depends_on_the_coils() -> None:
    noise = white((BATCH, *GRID), 9)
    weights = torch.ones(BATCH, 1, *ACQUIRED, dtype=torch.float64)
    found = {}
    for n_coils in (1, 4, 16):
        E = CartesianSense(smooth_maps(noise.dtype, n_coils), weights)
        found[n_coils] = value("kspace_true", noise, torch.zeros_like(noise), noise, E)
    assert found[1] == pytest.approx(math.sqrt(math.pi / 2), abs=0.1)
    assert all(found[1] - 0.02 < found[n] < math.sqrt(2) * 1.05 for n in (4, 16))


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_derivative(name: str) -> None:
    truth, kspace, E = scan()
    image = (truth + white(tuple(truth.shape), 4)).requires_grad_()
    build_loss({name: 1.0})(image, truth, kspace, E)[0].backward()
    assert image.grad is not None
    direction, step = white(tuple(truth.shape), 6), 1e-5
    ahead, behind = (value(name, image.detach() + s * step * direction, truth, kspace, E) for s in (1, -1))
    slope = torch.view_as_real(image.grad).mul(torch.view_as_real(direction)).sum().item()
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_finite_for_an_empty_slice_and_for_the_truth_itself(name: str) -> None:
    truth, kspace, E = scan(torch.complex64)
    for image, target in ((truth, truth), (torch.zeros_like(truth), torch.zeros_like(truth))):
        image = image.clone().requires_grad_()
        build_loss({name: 1.0})(image, target, kspace, E)[0].backward()
        assert image.grad is not None
        if name != "log_squared_error":  # the logarithm of no error at all
            assert torch.isfinite(image.grad.abs()).all()


@pytest.mark.parametrize(("name", "power"), [("l1", 1), ("l2", 2), ("kspace_true", 1), ("kspace_measured", 2)])
def test_losses_in_snr_units_grow_with_the_scale(name: str, power: int) -> None:
    truth, kspace, E = scan()
    image = truth + white(tuple(truth.shape), 4)
    assert value(name, 3 * image, 3 * truth, 3 * kspace, E) == pytest.approx(
        3**power * value(name, image, truth, kspace, E)
    )


@pytest.mark.parametrize("name", ["l1_relative", "ssim", "perceptual"])
def test_relative_losses_do_not_know_the_scale(name: str) -> None:
    truth, kspace, E = scan()
    image = truth + white(tuple(truth.shape), 4)
    assert value(name, 3 * image, 3 * truth, kspace, E) == pytest.approx(value(name, image, truth, kspace, E))


def test_log_loss_counts_relative_errors() -> None:
    truth, kspace, E = scan()
    image = truth + white(tuple(truth.shape), 4)
    grown = value("log_squared_error", 3 * image, 3 * truth, kspace, E)
    assert grown - value("log_squared_error", image, truth, kspace, E) == pytest.approx(math.log(9))


@pytest.mark.parametrize("name", ["ssim", "perceptual"])
def test_losses_of_the_magnitude_do_not_see_a_phase(name: str) -> None:
    truth, kspace, E = scan()
    image = truth + white(tuple(truth.shape), 4)
    turned = image * torch.polar(torch.ones(GRID, dtype=torch.float64), 3 * white(GRID, 11).real)
    assert value(name, turned, truth, kspace, E) == pytest.approx(value(name, image, truth, kspace, E))


def test_a_sum_weighs_its_terms_and_reports_them_unweighted() -> None:
    truth, kspace, E = scan()
    image = truth + white(tuple(truth.shape), 4)
    total, parts = build_loss({"l1": 2, "ssim": 0.5, "l2": 0.0})(image, truth, kspace, E)
    assert set(parts) == {"l1", "ssim"}
    assert total.item() == pytest.approx(2 * parts["l1"].item() + 0.5 * parts["ssim"].item())
    assert parts["l1"].item() == pytest.approx(value("l1", image, truth, kspace, E))


def test_mixed_precision_does_not_reach_the_losses() -> None:
    truth, kspace, E = scan(torch.complex64)
    image = truth + 1e-3 * white(tuple(truth.shape), 4, torch.complex64)
    loss = build_loss({"ssim": 1.0, "perceptual": 1.0})
    plain = loss(image, truth, kspace, E)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(image, truth, kspace, E)[0].item() == pytest.approx(plain.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"sim": 1.0}, r"no loss called 'sim'; did you mean 'ssim'"),
        ({"qqq": 1.0}, r"no loss called 'qqq'; choose one of .*l1"),
        ({"l1": -1.0}, r"weight of the loss 'l1' is -1.0"),
        ({"l1": "much"}, r"weight of the loss 'l1' is 'much'"),
        ({"l1": float("nan")}, r"weight of the loss 'l1' is nan"),
        ({"l1": 0.0}, r"no loss has a weight above 0"),
        ("l1", r"table of weights by name.*found 'l1'"),
    ],
)
def test_wrong_tables_are_refused(terms: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_loss(terms)
