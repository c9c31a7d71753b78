"""The adversarial regime: who is taught by which loss, and that both learn."""

import math
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.training.regimes import build_regime
from pirecon.training.regimes.adversarial import Adversarial
from pirecon.training.regimes.discriminator import Discriminator
from pirecon.training.scans.procedural import random_image
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.stream import ScanStream, Source
from pirecon.unrolled import Architecture, UnrolledNetwork, build_network

SMALL = (4, 8)


@cache
def stream() -> ScanStream:
    images = np.stack([random_image(48, np.random.default_rng(seed)) for seed in range(6)])
    scans = ScanRange(matrices=(32,), coils=(1,), snr=(3.0, 10.0))
    return ScanStream([Source("procedural", images, 1.0)], scans, voxels=4096, seed=1)


@cache
def batch(index: int = 0) -> dict[str, Tensor]:
    return stream().batch(index)


def tiny_network() -> UnrolledNetwork:
    torch.manual_seed(2)
    options: dict[str, object] = {"widths": [8, 16], "blocks": [1, 1]}
    return build_network(Architecture(prior_options=options, n_iterations=1))


def adversarial(**options: object) -> Adversarial:
    torch.manual_seed(3)
    regime = build_regime("adversarial", {"widths": SMALL, "loss": {"l1_relative": 1.0}} | options)
    assert isinstance(regime, Adversarial)
    return regime


def gradients(module: torch.nn.Module) -> list[Tensor]:
    return [p.grad for p in module.parameters() if p.grad is not None]


@pytest.mark.parametrize("relativistic", [True, False])
@pytest.mark.parametrize("spectral", [True, False])
def test_each_side_is_taught_by_its_own_loss_only(relativistic: bool, spectral: bool) -> None:
    network, regime = tiny_network(), adversarial(relativistic=relativistic, spectral=spectral)
    losses = regime(network, batch())
    assert losses.critic is not None
    losses.network.backward()
    assert not gradients(regime.critic)
    assert any(g.abs().sum() > 0 for g in gradients(network))
    network.zero_grad()
    losses.critic.backward()
    assert not gradients(network)
    assert any(g.abs().sum() > 0 for g in gradients(regime.critic))


def test_the_network_is_called_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network, calls = tiny_network(), []
    forward = network.forward
    monkeypatch.setattr(network, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k))
    adversarial()(network, batch())
    assert len(calls) == 1


def test_with_zero_weight_the_network_learns_as_if_supervised() -> None:
    found = []
    for name, options in (("adversarial", {"adversarial": 0.0, "widths": SMALL}), ("supervised", {})):
        network = tiny_network()
        loss = build_regime(name, {"loss": {"l1": 1.0, "ssim": 0.5}} | options)(network, batch()).network
        loss.backward()
        found.append([loss.detach(), *gradients(network)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_critic_without_opinion_costs_what_the_papers_say() -> None:
    """Equal logits: σ = ½ everywhere, −ln ½ for each term."""
    for relativistic, terms in ((True, 2), (False, 1)):
        regime = adversarial(relativistic=relativistic)
        torch.nn.init.zeros_(regime.critic.layers[-1].weight)
        losses = regime(tiny_network(), batch())
        assert losses.critic is not None
        assert losses.critic.item() == pytest.approx(2 * math.log(2))
        assert losses.parts["adversarial"].item() == pytest.approx(terms * math.log(2))


def test_relativistic_logits_are_compared_with_the_mean_of_the_others() -> None:
    """A bias of the critic says nothing of either side; the standard critic does mind it."""
    for relativistic in (True, False):
        found = []
        for bias in (0.0, 5.0):
            regime = adversarial(relativistic=relativistic)
            torch.nn.init.constant_(regime.critic.layers[-1].bias, bias)
            losses = regime(tiny_network(), batch())
            assert losses.critic is not None
            found.append((losses.network.item(), losses.critic.item()))
        assert (found[0] == pytest.approx(found[1], abs=1e-5)) == relativistic


@pytest.mark.parametrize("relativistic", [True, False])
def test_the_critic_learns_to_tell_reconstructions_from_truths(relativistic: bool) -> None:
    network, regime = tiny_network(), adversarial(relativistic=relativistic)
    optimizer = torch.optim.Adam(regime.critic.parameters(), lr=2e-3)
    for index in range(30):
        loss = regime(network, batch(index)).critic
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # On scans that neither saw: noisy CG-SENSE images against truths.
    margins = [regime(network, batch(1000 + k)).parts["critic_margin"].item() for k in range(4)]
    assert min(margins) > 0


def test_both_stay_finite_and_the_network_answers_the_critic() -> None:
    network, regime = tiny_network(), adversarial(adversarial=0.5, loss={"l1_relative": 1.0})
    ours, theirs = (torch.optim.Adam(m.parameters(), lr=2e-3) for m in (network, regime.critic))
    for index in range(20):
        losses = regime(network, batch(index))
        assert losses.critic is not None
        for optimizer, loss in ((ours, losses.network), (theirs, losses.critic)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert all(torch.isfinite(p).all() for p in (*network.parameters(), *regime.parameters()))
    # Against a critic that stands still now, the network lowers its adversarial term.
    before = regime(network, batch(500)).parts["adversarial"].item()
    for _ in range(10):
        ours.zero_grad()
        regime(network, batch(500)).network.backward()
        ours.step()
    assert regime(network, batch(500)).parts["adversarial"].item() < before


@pytest.mark.parametrize("shape", [(1, 1, 17, 23), (2, 1, 64, 48), (1, 1, 3, 5)])
def test_the_discriminator_judges_images_of_any_size(shape: tuple[int, ...]) -> None:
    logits = Discriminator(SMALL, spectral=True)(torch.rand(shape))
    assert logits.shape == (shape[0], 1, *(math.ceil(n / 4) for n in shape[2:]))


def test_spectral_normalisation_bounds_every_weight() -> None:
    torch.manual_seed(1)
    critic = Discriminator(SMALL, spectral=True)
    for _ in range(30):  # power iterations
        critic(torch.rand(1, 1, 8, 8))
    for layer in critic.layers:
        if isinstance(layer, torch.nn.Conv2d):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_bad_options_and_batches_are_refused() -> None:
    with pytest.raises(ValueError, match=r"adversarial weight is -1"):
        adversarial(adversarial=-1.0)
    with pytest.raises(ValueError, match=r"widths are \(\); give at least one"):
        adversarial(widths=())
    with pytest.raises(ValueError, match=r"no loss called 'l11'; did you mean 'l1'"):
        adversarial(loss={"l11": 1.0})
    with pytest.raises(ValueError, match=r"'adversarial' needs 'truth'"):
        adversarial()(tiny_network(), {key: value for key, value in batch().items() if key != "truth"})
