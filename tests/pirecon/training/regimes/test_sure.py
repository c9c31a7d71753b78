"""SURE: an unbiased estimate of an error that only the test knows, and a teacher without truth."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense
from pirecon.scan_specific import stein_risk
from pirecon.training.regimes.ensure import ENSURE
from pirecon.training.regimes.sure import SURE
from pirecon.training.scans.simulation import measure
from pirecon.training.scans.stream import ScanStream
from pirecon.unrolled import UnrolledNetwork


def soft(y: Tensor) -> Tensor:
    """Soft thresholding of the magnitude: its divergence is no constant."""
    magnitude = y.abs()
    return y * ((magnitude - 1.5).clamp_min(0) / magnitude.clamp_min(1e-12))


def test_mean_over_noise_is_the_true_error_of_a_nonlinear_estimate(generator: torch.Generator) -> None:
    clean = 3 * torch.randn(1, 2, 1, 9, 7, 2, dtype=torch.float64, generator=generator)
    clean = torch.view_as_complex(clean).expand(4000, 2, 1, 9, 7)
    noise = torch.randn(*clean.shape, 2, dtype=torch.float64, generator=generator)
    density = 3 * torch.rand(1, 1, 1, 9, 7, dtype=torch.float64, generator=generator)
    density[..., ::3] = 0
    y = clean + torch.view_as_complex(noise)
    torch.manual_seed(3)
    risk = stein_risk(soft, y, prediction=soft(y), density=density, step=1e-3)
    error = (density * (soft(y) - clean).abs().square()).sum((1, 2, 3, 4)) / (2 * 2 * density.sum())
    excess = risk - error
    spread = float(excess.std()) / math.sqrt(len(excess))
    assert spread < 0.01
    assert abs(float(excess.mean())) < 4 * spread
    assert float(error.mean()) > 0.3


def test_estimate_for_a_network_is_its_true_error_on_simulated_scans(
    stream: Callable[..., ScanStream], network: UnrolledNetwork
) -> None:
    nn.init.normal_(network.priors[0].tail.weight, std=0.1, generator=torch.Generator().manual_seed(1))  # type: ignore[union-attr, arg-type]
    scans = stream(coils=(2,))
    torch.manual_seed(0)
    excess, errors = [], []
    for number in range(12):
        batch = scans.batch(number)
        E = CartesianSense(batch["maps"], batch["weights"])
        with torch.no_grad():
            risk = SURE()(network, batch).network
            difference = E(network(batch["kspace"], E) - batch["truth"])
        n_real = 2 * batch["maps"].shape[1] * batch["weights"].sum((1, 2, 3, 4))
        errors.append((difference.abs().square().sum((1, 2, 3, 4)) / n_real).mean())
        excess.append(risk - errors[-1])
    differences = torch.stack(excess)
    spread = float(differences.std()) / math.sqrt(len(excess))
    assert abs(float(differences.mean())) < 4 * spread
    assert 4 * spread < 0.2 * float(torch.stack(errors).mean())  # or the test would say nothing


def test_of_the_measurement_itself_is_the_noise_and_of_the_truth_nothing(stream: Callable[..., ScanStream]) -> None:
    batch = stream(coils=(1,), acceleration=(1.0, 1.0), lost_samples=0.0).batch(0)

    class Inverse(nn.Module):
        def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
            return E.adjoint(kspace)

    class Truth(nn.Module):
        def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
            return batch["truth"]

    assert float(SURE()(Inverse(), batch).network) == pytest.approx(1.0, abs=1e-3)
    assert float(SURE()(Truth(), batch).network) == pytest.approx(0.0, abs=0.1)


def test_ensure_counts_samples_that_were_not_measured(generator: torch.Generator) -> None:
    """The mean over patterns and noise is the error in all of k-space, which no pattern has measured."""
    truth = 4 * torch.randn(1, 12, 10, dtype=torch.complex64, generator=generator)
    image = truth + torch.randn(1, 12, 10, dtype=torch.complex64, generator=generator)
    maps = torch.ones(400, 1, 1, 12, 10, dtype=torch.complex64)
    p = torch.linspace(0.2, 1.0, 12)[:, None].expand(400, 1, 1, 12, 10)
    weights = (torch.rand(400, 1, 1, 12, 1, generator=generator).expand_as(p) < p).float()
    kspace = torch.stack([measure(truth, maps[0], w, Rng(generator)) for w in weights])  # type: ignore[arg-type]
    batch = {"kspace": kspace, "maps": maps, "weights": weights, "density": p}

    class Same(nn.Module):
        def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
            return image.expand(400, 1, 12, 10)

    whole = (image - truth).abs().square().mean() / 2
    weighted = (weights / p).sum((1, 2, 3, 4))
    estimate = ENSURE()(Same(), batch)
    assert weighted.mean() == pytest.approx(120, rel=0.02)
    assert float(estimate.network) == pytest.approx(float(whole), rel=0.08)


class Rng:
    """numpy's face of a torch generator, for :func:`measure`."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def standard_normal(self, shape: tuple[int, ...], dtype: object) -> object:
        return torch.randn(shape, generator=self.generator).numpy()


def test_ensure_learns_how_often_samples_are_measured() -> None:
    regime = ENSURE(largest=8.0)
    always = torch.zeros(1, 1, 1, 64, 64)
    always[..., 24:40, :] = 1
    for k in range(8):
        weights = always.clone()
        weights[..., 8 * k : 8 * k + 8, :] = 1
        density = regime.density({"weights": weights})
    assert density[0, 0, 0, 32, 5] == pytest.approx(1.0)
    assert density[0, 0, 0, 60, 5] == pytest.approx(8.0, rel=0.01)  # measured by one pattern of eight
    assert density[0, 0, 0, 4, 5] == 0  # not by this one
    assert "measured" in regime.state_dict()


@pytest.mark.parametrize("regime", [SURE(), ENSURE()], ids=["sure", "ensure"])
def test_lowers_the_true_error(
    stream: Callable[..., ScanStream],
    network: UnrolledNetwork,
    train: Callable[..., None],
    error: Callable[..., float],
    regime: SURE,
) -> None:
    before = error(network)
    train(regime, network, stream(coils=(1,)).batch, steps=25)
    assert error(network) < before - 0.1


def test_steps_and_weights_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"step of the divergence is 0"):
        SURE(0)
    with pytest.raises(ValueError, match=r"largest weight of a sample is 0.5"):
        ENSURE(largest=0.5)
