"""Noise2Noise: the expectation of its loss, and that it teaches without truth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense
from pirecon.training.regimes.noise2noise import Noise2Noise
from pirecon.training.scans.stream import ScanStream
from pirecon.unrolled import UnrolledNetwork


class Always(nn.Module):
    """A network that gives the same image whatever was measured."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = image

    def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
        return self.image


def test_expectation_is_one_for_the_truth_and_grows_by_the_true_error(stream: Callable[..., ScanStream]) -> None:
    batch = stream(averages=2, coils=(2,)).batch(3)
    E = CartesianSense(batch["maps"], batch["weights"])
    n_real = 2 * 2 * batch["weights"].sum((1, 2, 3, 4))  # 2 coils, real and imaginary part
    spread = float((2 / n_real).sqrt().mean()) / batch["kspace"].shape[0] ** 0.5
    wrong = batch["truth"] * (1 + 0.2j)
    added = (E(wrong - batch["truth"]).abs().square().sum((1, 2, 3, 4)) / n_real).mean()
    assert float(added) > 20 * spread
    for image, expected in ((batch["truth"], 1.0), (wrong, 1 + float(added))):
        loss = float(Noise2Noise()(Always(image), batch).network)
        assert loss == pytest.approx(expected, abs=5 * spread * expected**0.5)


def test_each_average_judges_the_image_of_the_other() -> None:
    batch = {
        "kspace": torch.ones(1, 1, 1, 8, 8, dtype=torch.complex64),
        "kspace2": torch.full((1, 1, 1, 8, 8), 3.0 + 0j),
        "maps": torch.ones(1, 1, 1, 8, 8, dtype=torch.complex64),
        "weights": torch.ones(1, 1, 1, 8, 8),
    }

    class Inverse(nn.Module):
        def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
            return E.adjoint(kspace)

    # Each exact image explains its own average; the other lies 2 away in the real part: 4 / 2.
    assert float(Noise2Noise()(Inverse(), batch).network) == pytest.approx(2.0)


def test_lowers_the_true_error(
    stream: Callable[..., ScanStream], network: UnrolledNetwork, train: Callable[..., None], error: Callable[..., float]
) -> None:
    scans = stream(averages=2)
    before = error(network)
    train(Noise2Noise(), network, scans.batch)
    assert error(network) < before - 0.1


def test_one_average_is_refused(stream: Callable[..., ScanStream], network: UnrolledNetwork) -> None:
    with pytest.raises(ValueError, match=r"'noise2noise' needs 'kspace2' in every batch.*averages = 2"):
        Noise2Noise()(network, stream().batch(0))
