"""Averaged weights: what a stage ends with."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from pirecon.training.lightning_module import Training, network_parameters


class AveragedWeights(pl.Callback):
    """Exponential moving average w̄ ← d w̄ + (1 − d) w of the network's side, not of a critic.

    d is smaller in the first steps n, (1 + n) / (10 + n), so that a short stage does not end with the weights it began
    with. When the stage is over, the average takes the place of the weights.

    Args:
        training: whose weights.
        decay: d of later steps.
    """

    def __init__(self, training: Training, decay: float) -> None:
        self.training, self.decay = training, decay
        self._average: list[Tensor] = []

    def on_train_start(self, *_: Any, **__: Any) -> None:
        """Begin with the weights as they are, or with the average of before the interruption."""
        weights = _weights(self.training)
        if not self._average:
            self._average = [w.detach().clone() for w in weights]
        self._average = [a.to(w.device) for a, w in zip(self._average, weights, strict=True)]

    @torch.no_grad()
    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        """Take in the new weights."""
        step = self.training.trainer.global_step
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, weight in zip(self._average, _weights(self.training), strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(weight.detach(), 1 - decay)
            else:  # counters
                average.copy_(weight)

    @torch.no_grad()
    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Put the average into the network, once the stage is over."""
        if self.training.progress >= 1:
            for average, weight in zip(self._average, _weights(self.training), strict=True):
                weight.copy_(average)

    def state_dict(self) -> dict[str, Any]:
        """For the resume point."""
        return {"average": self._average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the resume point."""
        self._average = state_dict["average"]


def _weights(training: Training) -> list[Tensor]:
    # Buffers with the parameters: running statistics of a prior's normalisation belong to the average's network.
    network = training.network
    return [*network.parameters(), *network.buffers(), *network_parameters(training.regime)]
