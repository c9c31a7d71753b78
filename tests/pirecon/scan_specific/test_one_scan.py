"""Learning from one scan: better than CG-SENSE, stopped by held-out samples, and never worse than the start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.classical import cg_sense
from pirecon.encoding import CartesianSense
from pirecon.scan_specific import Budget, deep_image_prior, fine_tune, zero_shot
from pirecon.training.scans.procedural import random_image
from pirecon.training.scans.simulation import bandlimited, random_coils, random_lines, random_phase, scan_image
from pirecon.unrolled import Architecture, UnrolledNetwork, build_network


def simulated(
    seed: int, *, snr: float = 8.0, coils: int = 2, acceleration: float = 1.6, matrix: tuple[int, int] = (48, 40)
) -> tuple[Tensor, CartesianSense, Tensor]:
    """Samples, E and the truth of one scan."""
    rng = np.random.default_rng(seed)
    image = bandlimited(torch.from_numpy(random_image(144, rng).astype(np.float32)), matrix) * random_phase(matrix, rng)
    lines = random_lines(matrix[0], acceleration, rng)
    maps = random_coils(coils, matrix, rng)
    scan = scan_image(image, maps, lines, acquired_columns=matrix[1], snr=snr, rng=rng)
    return scan.kspace, CartesianSense(scan.maps, scan.weights), scan.truth


def psnr(image: Tensor, truth: Tensor) -> float:
    error = (image.abs() - truth.abs()).square().mean()
    return float(10 * torch.log10(truth.abs().max() ** 2 / error))


@pytest.fixture
def network() -> UnrolledNetwork:
    torch.manual_seed(0)
    options: dict[str, object] = {"widths": (8, 16), "blocks": (1, 1)}
    return build_network(Architecture(prior_options=options, n_iterations=2))


def test_deep_image_prior_is_nearer_to_the_truth_than_cg_sense() -> None:
    kspace, E, truth = simulated(2, matrix=(40, 36))
    image, learned = deep_image_prior(kspace, E, budget=Budget(steps=200, every=20, patience=4))
    assert learned.kept
    assert learned.best < learned.start
    assert psnr(image, truth) > psnr(cg_sense(kspace, E), truth) + 0.5


def test_nothing_is_drawn_where_no_coil_sees() -> None:
    kspace, E, _ = simulated(5, matrix=(32, 32))
    seen = torch.zeros(1, 32, 32)
    seen[:, 4:, :24] = 1
    E = CartesianSense(E.maps * seen, E.weights)
    image, learned = deep_image_prior(kspace, E, budget=Budget(steps=100, every=20))
    assert learned.kept
    assert not image[seen == 0].any()
    assert image[seen == 1].all()


def test_deep_image_prior_stops_before_it_fits_the_noise() -> None:
    kspace, E, _ = simulated(3, snr=3.0, matrix=(32, 32))
    _, learned = deep_image_prior(kspace, E, budget=Budget(steps=2000, every=20, patience=4))
    assert learned.steps < 2000


def test_zero_shot_is_nearer_to_the_truth_than_cg_sense_and_its_start(network: UnrolledNetwork) -> None:
    kspace, E, truth = simulated(1)
    with torch.no_grad():
        start = network(kspace, E)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    budget = Budget(steps=40, every=10, patience=3)
    image, learned = zero_shot(kspace, E, network=network, budget=budget, learning_rate=1e-3)
    assert learned.kept
    assert psnr(image, truth) > max(psnr(start, truth), psnr(cg_sense(kspace, E), truth)) + 0.2
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, weights[name], msg=f"{name} of the network that was given changed")


@pytest.mark.parametrize("seed", [1, 2])
def test_of_pure_noise_no_structure_is_learned(network: UnrolledNetwork, seed: int) -> None:
    shape = (1, 1, 24, 24)
    noise = torch.view_as_complex(torch.randn(*shape, 2, generator=torch.Generator().manual_seed(seed)))
    E = CartesianSense(torch.ones(shape, dtype=torch.complex64), torch.ones(shape))
    image, _ = deep_image_prior(noise, E, budget=Budget(steps=40, every=10, patience=2))
    tuned, _ = fine_tune(network, [(noise, E)], budget=Budget(steps=10, every=5, patience=2), learning_rate=0.01)
    with torch.no_grad():  # the truth is nothing, so all that an image holds is its error
        assert image.norm() <= cg_sense(noise, E).norm()
        assert tuned(noise, E).norm() <= network(noise, E).norm()


def test_what_does_not_help_is_not_used(network: UnrolledNetwork) -> None:
    kspace, E, _ = simulated(2, matrix=(24, 24))
    tuned, learned = fine_tune(network, [(kspace, E)], budget=Budget(steps=6, every=2), learning_rate=0.3)
    assert not learned.kept
    assert learned.best == learned.start
    assert "fresh" in learned.sentence("zero-shot", "the fresh network")
    for a, b in zip(tuned.state_dict().values(), network.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b)


def test_the_same_seed_gives_the_same_image_and_another_another() -> None:
    kspace, E, _ = simulated(4, matrix=(24, 24), coils=1)
    (first, learned), (again, _), (_, other) = (
        deep_image_prior(kspace, E, budget=Budget(steps=20, every=10, seed=seed)) for seed in (5, 5, 6)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert learned.start != other.start  # other samples were held out


def test_time_runs_out(network: UnrolledNetwork) -> None:
    kspace, E, _ = simulated(4, matrix=(24, 24), coils=1)
    _, learned = fine_tune(network, [(kspace, E)], budget=Budget(steps=10_000, seconds=1e-6))
    assert learned.steps == 1


def test_too_little_to_split_and_budgets_without_steps_are_refused(network: UnrolledNetwork) -> None:
    E = CartesianSense(torch.ones(1, 1, 8, 8, dtype=torch.complex64), torch.ones(1, 1, 8, 8))
    with pytest.raises(ValueError, match=r"a scan has 64 measured samples"):
        deep_image_prior(torch.ones(1, 1, 8, 8, dtype=torch.complex64), E)
    with pytest.raises(ValueError, match=r"no scan to learn from"):
        fine_tune(network, [])
    with pytest.raises(ValueError, match=r"steps, every, patience and seconds must be positive"):
        Budget(steps=0)
