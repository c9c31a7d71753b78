"""Tiny scans, a tiny network and a plain loop, for the tests of every regime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.encoding import CartesianSense
from pirecon.training.regimes import Regime
from pirecon.training.scans.procedural import random_image
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.stream import ScanStream, Source
from pirecon.unrolled import Architecture, UnrolledNetwork, build_network

Batches = Callable[[int], dict[str, Tensor]]


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.stack([random_image(96, np.random.default_rng([7, seed])) for seed in range(12)])


@pytest.fixture
def stream(images: np.ndarray) -> Callable[..., ScanStream]:
    """A stream of scans 32 × 32 to 40; keywords as of ScanRange."""

    def make(**scans: object) -> ScanStream:
        chosen = {"matrices": (32,), "coils": (1, 2), "super_resolution": (1.0, 1.0), "snr": (4.0, 12.0)} | scans
        return ScanStream([Source("procedural", images, 1.0)], ScanRange(**chosen), voxels=4096, seed=1)  # type: ignore[arg-type]

    return make


@pytest.fixture
def network() -> UnrolledNetwork:
    torch.manual_seed(0)
    options: dict[str, object] = {"widths": (8, 16), "blocks": (1, 1)}
    return build_network(Architecture(prior_options=options, n_iterations=2))


@pytest.fixture
def train() -> Callable[..., None]:
    """A few dozen steps of Adam."""

    def run(regime: Regime, network: UnrolledNetwork, batches: Batches, *, steps: int = 40, rate: float = 3e-3) -> None:
        torch.manual_seed(1)
        optimiser = torch.optim.Adam(network.parameters(), lr=rate)
        for step in range(steps):
            optimiser.zero_grad()
            # A regime that learns without truth must not be given any.
            batch = {name: value for name, value in batches(step).items() if name != "truth"}
            regime(network, batch).network.backward()
            optimiser.step()

    return run


@pytest.fixture
def error(stream: Callable[..., ScanStream]) -> Callable[..., float]:
    """Mean of ln MSE of the network's images on scans that no training has seen."""

    @torch.no_grad()
    def measure(network: UnrolledNetwork, **scans: object) -> float:
        fresh, errors = stream(**scans), []
        for number in range(1000, 1006):
            batch = fresh.batch(number)
            image = network(batch["kspace"], CartesianSense(batch["maps"], batch["weights"]))
            errors.append((image - batch["truth"]).abs().square().mean((1, 2, 3)).log())
        return float(torch.cat(errors).mean())

    return measure
