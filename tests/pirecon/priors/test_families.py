"""Laws that every family of priors obeys whatever its weights; one that joins PRIORS is tested without a line here."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pirecon.priors import PRIORS, apply_prior, build_prior, measure_equivariance
from pirecon.training.scans.procedural import random_image

# Small enough for a test; a family without an entry is tested at its default size.
SMALL: dict[str, dict[str, object]] = {
    "srcnn": {"widths": [12, 8]},
    "vdsr": {"depth": 4, "width": 8},
    "edsr": {"n_blocks": 2, "width": 8},
    "dncnn": {"depth": 4, "width": 8},
    "unet": {"widths": [8, 12, 16], "blocks": [1, 1, 1]},
    "guided_unet": {"widths": [8, 12, 16], "blocks": [1, 1, 1]},
    "rrdb": {"n_blocks": 1, "width": 8, "growth": 4},
    "srresnet": {"n_blocks": 2, "width": 8},
    "vit": {"width": 24, "depth": 2, "positions": 4},
    "swin": {"depths": [2], "width": 24, "heads": 3, "window": 4},
}
CLASSICAL = ("wavelet", "tv", "bm3d", "bm4d")
IN_3D = ("srcnn", "vdsr", "edsr", "dncnn", "unet", "rrdb", "srresnet", "wavelet", "tv")
WHOLE_IMAGE = (61, 68)


def fresh(name: str, **more: object) -> nn.Module:
    torch.manual_seed(11)
    try:
        return build_prior(name, SMALL.get(name, {}) | more).eval()
    except ImportError as error:
        pytest.skip(str(error))


def shaken(name: str, **more: object) -> nn.Module:
    """With random weights in the last layer too, so that the image changes by a tenth, as a trained prior does."""
    prior = fresh(name, **more)
    image = head_like(40, 44)
    last = [module for module in prior.modules() if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.Linear))]
    if last:
        layer = next((m for m in last if not m.weight.any()), last[-1])
        nn.init.normal_(layer.weight, std=0.1)
        with torch.no_grad():
            change = apply_prior(prior, image.expand(2, 3, -1, -1), torch.tensor(1.0)) - image
            layer.weight *= 0.1 * image.norm() * math.sqrt(6) / change.norm()
    return prior


def head_like(ny: int, nx: int, *, snr: float = 20.0, noise: float = 1.0) -> Tensor:
    """A procedural image with air around it, a gentle phase and noise, ``(1, y, x)``."""
    rng = np.random.default_rng(8)
    fine = torch.from_numpy(random_image(128, rng))
    y, x = torch.meshgrid(torch.linspace(-1, 1, 128), torch.linspace(-1, 1, 128), indexing="ij")
    fine = (0.2 + fine) * (torch.hypot(y / 0.9, x / 0.8) < 1)
    image = nn.functional.interpolate(fine[None, None], (ny, nx), mode="area")[0]
    phase = 0.5 * nn.functional.interpolate((y * x + x)[None, None], (ny, nx), mode="bilinear")[0]
    clean = torch.polar(snr * image / image.max(), phase)
    generator = torch.Generator().manual_seed(2)
    return clean + noise * math.sqrt(2) * torch.randn(clean.shape, dtype=torch.complex64, generator=generator)


def smooth_phases(ny: int, nx: int) -> dict[str, Tensor]:
    y, x = torch.meshgrid(torch.linspace(-1, 1, ny), torch.linspace(-1, 1, nx), indexing="ij")
    turns = {
        "global": 0.37 + 0 * y,
        "peak far off the centre": 4.1 * y - 3.3 * x,
        "field of second order": 1.5 * (y**2 + 0.5 * x * y) - 2 * x**2,
        "field of third order": 0.8 * (y**3 - x * x * y) + 2.2 * x,
        "wave": 0.6 * torch.sin(2.2 * x + 1.5 * y),
    }
    return {name: torch.polar(torch.ones_like(turn), 2 * math.pi * turn) for name, turn in turns.items()}


def body(ny: int, nx: int) -> Tensor:
    """Where there is an object, and a margin."""
    clean = head_like(ny, nx, noise=0.0)[0].abs() > 0
    return nn.functional.max_pool2d(clean[None, None].float(), 5, 1, 2)[0, 0] > 0


@pytest.mark.parametrize("name", PRIORS)
def test_a_smooth_phase_of_several_turns_changes_no_magnitude(name: str) -> None:
    prior, image, inside = shaken(name), head_like(*WHOLE_IMAGE), body(*WHOLE_IMAGE)
    with torch.no_grad():
        expected = apply_prior(prior, image, torch.tensor(1.0)).abs()
        assert (expected - image.abs())[:, inside].abs().max() > 0.02 * expected.max()  # it does something
        for phase, phasor in smooth_phases(*WHOLE_IMAGE).items():
            found = apply_prior(prior, image * phasor, torch.tensor(1.0)).abs()
            deviation = (found - expected)[:, inside].abs().max() / expected.max()
            assert deviation < 0.01, f"{phase}: {100 * float(deviation):.2f} %"


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_scales_with_image_and_noise_together(name: str, factor: float) -> None:
    prior, image = shaken(name), head_like(37, 42)
    with torch.no_grad():
        expected = apply_prior(prior, image, torch.tensor(1.0))
        found = apply_prior(prior, factor * image, torch.tensor(factor)) / factor
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("name", PRIORS)
def test_any_grid_and_batch_comes_back(name: str) -> None:
    prior = shaken(name)
    for shape in ((1, 19, 26), (2, 1, 17, 9), (2, 5, 13, 24)):
        image = head_like(*shape[-2:]).expand(shape)
        assert apply_prior(prior, image, torch.ones(shape)).isfinite().all()


@pytest.mark.parametrize("name", [name for name in PRIORS if name not in CLASSICAL])
def test_a_fresh_prior_is_the_identity_and_every_weight_can_learn(name: str) -> None:
    prior, image = fresh(name), head_like(20, 25)
    torch.testing.assert_close(apply_prior(prior, image, torch.tensor(1.0)), image, rtol=1e-5, atol=1e-4)
    shaken_prior = shaken(name)
    apply_prior(shaken_prior, image, torch.tensor(1.0)).abs().square().sum().backward()
    silent = [key for key, p in shaken_prior.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == [] or name == "guided_unet"  # without a guide its guide's weights are not used


@pytest.mark.parametrize("name", IN_3D)
def test_volumes_are_taken_as_a_whole(name: str) -> None:
    prior = shaken(name, n_axes=3)
    volume = torch.stack(
        [head_like(21, 26)[0] * torch.polar(torch.tensor(1.0), torch.tensor(0.9 * z)) for z in range(5)]
    )
    with torch.no_grad():
        before = apply_prior(prior, volume, torch.tensor(1.0))
        volume[2, 8:14, 8:14] *= 0.2  # what happens in one slice is seen by its neighbour
        after = apply_prior(prior, volume, torch.tensor(1.0))
    assert before.shape == volume.shape
    assert (after - before)[3].abs().max() > 1e-3


@pytest.mark.parametrize("name", ["wavelet", "tv"])
def test_classical_priors_denoise_and_their_strength_can_learn(name: str) -> None:
    noisy, clean = head_like(64, 71, snr=10), head_like(64, 71, snr=10, noise=0.0)
    prior = fresh(name)
    denoised = apply_prior(prior, noisy, torch.tensor(1.0))
    assert (denoised - clean).norm() < 0.7 * (noisy - clean).norm()
    # A volume whose outer slices are empty must not make the gradient undefined.
    empty = nn.functional.pad(noisy, (0, 0, 0, 0, 1, 1)).requires_grad_()
    (apply_prior(prior, empty, torch.tensor(1.0)) - 1).abs().square().sum().backward()
    assert empty.grad is not None
    assert empty.grad.isfinite().all()
    assert prior.log_strength.grad.isfinite()
    assert prior.log_strength.grad != 0


@pytest.mark.parametrize(("name", "n_slices"), [("bm3d", 1), ("bm4d", 1), ("bm4d", 3), ("bm4d", 6)])
def test_block_matching_denoises(name: str, n_slices: int) -> None:
    clean = head_like(40, 45, snr=10, noise=0.0).expand(n_slices, -1, -1)
    noisy = clean + math.sqrt(2) * torch.randn(clean.shape, dtype=clean.dtype, generator=torch.manual_seed(1))
    denoised = apply_prior(fresh(name), noisy, torch.tensor(1.0))
    assert (denoised - clean).norm() < 0.6 * (noisy - clean).norm()


@pytest.mark.parametrize("name", ["bm3d", "bm4d"])
def test_an_image_smaller_than_a_block_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="needs 8 × 8 voxels in the plane, but the image has 7 × 12"):
        apply_prior(fresh(name), head_like(7, 12), torch.tensor(1.0))


@pytest.mark.parametrize("name", ["wavelet", "tv"])
def test_classical_priors_are_the_proximal_maps_they_name(name: str) -> None:
    """x = prox_f(g) of a convex f is unique: no point nearby has a lower ½‖x − g‖² + f(x)."""
    options: dict[str, object] = {"n_shifts": 1} if name == "wavelet" else {"n_iterations": 400}
    prior = build_prior(name, {"strength": 0.8, **options}).double()
    g = head_like(24, 29).to(torch.complex128)[None]

    def energy(x: Tensor) -> float:
        if name == "tv":
            dy, dx = (nn.functional.pad(torch.diff(x, dim=a), p) for a, p in ((-2, (0, 0, 0, 1)), (-1, (0, 1))))
            penalty = (dy.abs().square() + dx.abs().square()).sqrt().sum()
        else:
            from pirecon.algebra.wavelet import Wavelet

            W = Wavelet((1, 24, 29), dtype=torch.float64)
            penalty = (W(x).abs() * W.detail_mask()).sum()
        return float(0.5 * (x - g).abs().square().sum() + 0.8 * penalty)

    with torch.no_grad():
        x = prior.denoise(g, torch.tensor(0.8, dtype=torch.float64))
        lowest = energy(x)
        generator = torch.Generator().manual_seed(1)
        for _ in range(20):
            step = torch.randn(x.shape, dtype=x.dtype, generator=generator)
            assert energy(x + 0.01 * step) > lowest
        assert energy(x + 0.01 * (g - x)) > lowest
        assert energy(0.99 * x) > lowest - 1e-3 * abs(lowest)


def test_batch_normalisation_is_there_for_who_wants_the_paper() -> None:
    for name in ("dncnn", "srresnet"):
        for n_axes, kind in ((2, nn.BatchNorm2d), (3, nn.BatchNorm3d)):
            prior = build_prior(name, SMALL[name] | {"batch_norm": True, "n_axes": n_axes})
            assert any(isinstance(module, kind) for module in prior.modules())
            assert apply_prior(prior, head_like(12, 14).expand(3, -1, -1), torch.tensor(1.0)).isfinite().all()


def test_a_window_shift_lets_no_edge_see_the_opposite_one() -> None:
    from pirecon.priors.window_attention import shift_mask

    mask = shift_mask(8, 12, 4, like=torch.zeros(1))
    assert mask.shape == (6, 16, 16)
    assert not mask[0].any()  # an inner window is whole
    assert (mask[5] == 0).sum() == 4 * 4**2  # the last one holds four corners of 2 × 2 voxels that do not meet


def test_rotations_and_flips_are_measured() -> None:
    """An average over the plane's symmetries is equivariant; a shear of weights is not."""
    image = head_like(24, 29)
    found = measure_equivariance(Blur(), image, torch.tensor(1.0))
    assert set(found) == {"global phase", "linear phase", "quadratic phase", "scale", "rotation", "flip"}
    assert found["rotation"] < 1e-5
    assert found["flip"] < 1e-5
    assert found["scale"] < 1e-5
    assert found["linear phase"] > 0.05  # a plain blur knows nothing of phases
    assert measure_equivariance(Blur(lopsided=1.0), image, torch.tensor(1.0))["flip"] > 0.05


class Blur(nn.Module):
    """A prior of the test: mean with the four neighbours, one of them perhaps heavier."""

    def __init__(self, lopsided: float = 0.0) -> None:
        super().__init__()
        self.lopsided = lopsided

    def forward(self, image: Tensor, noise_level: Tensor) -> Tensor:
        neighbours = sum(image.roll(shift, axis) for shift in (-1, 1) for axis in (-2, -1))
        return (image + neighbours + self.lopsided * image.roll(1, -1)) / 5
