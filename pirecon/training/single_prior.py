"""Train a prior alone: on the network's start image, or to remove white noise."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from pirecon.encoding import CartesianSense
from pirecon.priors import apply_prior
from pirecon.training.losses import build_loss
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork

DEFAULT_LOSS = {"log_squared_error": 1.0}


class OnStartImage(Regime):
    """The first prior makes the truth of the network's start image: a step without data consistency, and cheap.

    At the end of the stage the other priors get its weights (:func:`share_first_prior`).

    Args:
        loss: weights by name in ``pirecon.training.losses.LOSSES``.
    """

    def __init__(self, loss: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.loss = build_loss(loss or DEFAULT_LOSS)

    def check(self, network: UnrolledNetwork, batch: Batch) -> None:
        """See :class:`Regime`."""
        _refuse_without_truth(batch)

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`."""
        self.check(network, batch)
        E = CartesianSense(batch["maps"], batch["weights"])
        image, noise_level = network.start(E.adjoint(batch["kspace"]), E)
        image = apply_prior(network.priors[0], image, noise_level, batch.get("guide"))
        total, parts = self.loss(image, batch["truth"], batch["kspace"], E)
        return RegimeLoss(total, parts=parts)


class Denoiser(Regime):
    """The first prior removes white noise of a known level from the truth: prior(t + σ n, σ) → t.

    σ is drawn log-uniformly for each image, in SNR units: from below the noise of the measurement, which plug and
    play ends at, to above it, where it starts. At the end of the stage the other priors get its weights.

    Args:
        levels: smallest and largest σ.
        loss: weights by name in ``pirecon.training.losses.LOSSES``.

    Source: Zhang K. et al., IEEE Trans Pattern Anal Mach Intell 44:6360 (2022), section 3 (a denoiser that is given σ).
    """

    def __init__(self, levels: tuple[float, float] = (0.2, 5.0), loss: Mapping[str, float] | None = None) -> None:
        super().__init__()
        if len(levels) != 2 or not 0 < levels[0] <= levels[1]:
            raise ValueError(f"levels is {levels}; expected the smallest and the largest noise level, above 0")
        self.levels = levels
        self.loss = build_loss(loss or DEFAULT_LOSS)

    def check(self, network: UnrolledNetwork, batch: Batch) -> None:
        """See :class:`Regime`."""
        _refuse_without_truth(batch)

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`."""
        self.check(network, batch)
        truth = batch["truth"]
        low, high = self.levels
        share = torch.rand(truth.shape[0], *[1] * (truth.ndim - 1), device=truth.device)
        level = low * (high / low) ** share
        noise = torch.view_as_complex(torch.randn(*truth.shape, 2, device=truth.device))
        image = apply_prior(network.priors[0], truth + level * noise, level.expand(truth.shape), batch.get("guide"))
        total, parts = self.loss(image, truth, batch["kspace"], CartesianSense(batch["maps"], batch["weights"]))
        return RegimeLoss(total, parts=parts)


def share_first_prior(network: UnrolledNetwork) -> None:
    """Give the weights of the first prior to all others, which a stage of the prior alone did not reach."""
    first = network.priors[0].state_dict()
    for other in network.priors[1:]:
        other.load_state_dict(first)


def _refuse_without_truth(batch: Batch) -> None:
    if "truth" not in batch:
        raise ValueError(
            f"a prior alone learns from the truth, but the batch has {', '.join(sorted(batch))}; train on simulated "
            'scans, or set train = "unrolled" with a self-supervised regime'
        )
