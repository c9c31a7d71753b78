"""The supervised regime: every loss, trained for a few steps, falls on scans that were not trained on."""

from functools import cache

import numpy as np
import pytest
import torch

from pirecon.encoding import CartesianSense
from pirecon.training.losses import LOSSES, build_loss
from pirecon.training.regimes import build_regime
from pirecon.training.scans.procedural import random_image
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.stream import ScanStream, Source
from pirecon.unrolled import Architecture, UnrolledNetwork, build_network


@cache
def stream() -> ScanStream:
    images = np.stack([random_image(48, np.random.default_rng(seed)) for seed in range(8)])
    scans = ScanRange(matrices=(32,), coils=(1, 2), snr=(3.0, 10.0))
    return ScanStream([Source("procedural", images, 1.0)], scans, voxels=2048, seed=1)


@cache
def batch(index: int) -> dict[str, torch.Tensor]:
    return stream().batch(index)


def tiny_network() -> UnrolledNetwork:
    torch.manual_seed(2)
    return build_network(Architecture(prior_options={"widths": [8, 16], "blocks": [1, 1]}, n_iterations=1))


@torch.no_grad()
def fresh_loss(network: UnrolledNetwork, name: str) -> float:
    loss, found = build_loss({name: 1.0}), []
    for index in range(1000, 1004):
        scan = batch(index)
        E = CartesianSense(scan["maps"], scan["weights"])
        found.append(loss(network(scan["kspace"], E), scan["truth"], scan["kspace"], E)[0].item())
    return float(np.mean(found))


@pytest.mark.parametrize("name", LOSSES)
def test_a_short_training_lowers_its_loss_on_fresh_scans(name: str) -> None:
    network, regime = tiny_network(), build_regime("supervised", {"loss": {name: 1.0}})
    before = fresh_loss(network, name)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for index in range(25):
        loss = regime(network, batch(index)).network
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    assert fresh_loss(network, name) < before


def test_the_default_is_the_log_squared_error() -> None:
    network = tiny_network()
    default, named = (build_regime("supervised", o) for o in ({}, {"loss": {"log_squared_error": 1}}))
    assert default(network, batch(0)).network.item() == named(network, batch(0)).network.item()
    assert set(default(network, batch(0)).parts) == {"log_squared_error"}
    assert default.critic is None


def test_the_regime_adds_no_parameters_and_no_state() -> None:
    regime = build_regime("supervised", {"loss": {"perceptual": 1.0, "ssim": 1.0}})
    assert not list(regime.parameters())
    assert not regime.state_dict()


def test_a_batch_without_truth_and_an_unknown_loss_are_refused() -> None:
    scan = {key: value for key, value in batch(0).items() if key != "truth"}
    with pytest.raises(ValueError, match=r"supervised.*'truth'.*kspace"):
        build_regime("supervised", {})(tiny_network(), scan)
    with pytest.raises(ValueError, match=r"no loss called 'sssim'; did you mean"):
        build_regime("supervised", {"loss": {"sssim": 1.0}})
