"""One stage of training: losses, optimisers, the learning rate's course, and what a resume point must hold."""

from __future__ import annotations

import math
import time
from itertools import chain
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from pirecon.training.config import Stage
from pirecon.training.processes import average_gradients, of_first, rank
from pirecon.training.regimes import Regime
from pirecon.training.regimes.regime import RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork

WARM_UP = 100  # steps, or
WARM_UP_SHARE = 0.05  # of the stage, where that is shorter


class Training(pl.LightningModule):
    """A regime's losses lowered step by step, the network's and, after it, the critic's.

    Everything random in a step follows from the seed and the step's number, so a run that was interrupted goes on as
    if it had not been.

    Args:
        network: what is trained.
        regime: the losses; its ``critic`` has an optimiser of its own, its ``network_parameters()`` go with the
            network's.
        stage: rates and length.
        seed: of what the regime draws.
        number: of the stage, for messages.
    """

    def __init__(self, network: UnrolledNetwork, regime: Regime, stage: Stage, *, seed: int, number: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network, self.regime, self.stage, self.seed, self.number = network, regime, stage, seed, number
        self.seconds = 0.0  # trained, over all interruptions
        self.latest: dict[str, float] = {}  # numbers of the last step, for the log
        self._clock = 0.0

    def configure_optimizers(self) -> list[Optimizer]:
        """AdamW for the network's side and, where the regime has a critic, another for that."""
        rate = self.stage.learning_rate
        groups: list[dict[str, Any]] = [
            {"params": [*self.network.kernels(), *network_parameters(self.regime)], "peak": rate},
            # Logarithms of λ and of the noise scale have far to go in steps of the learning rate, and never decay.
            {"params": self.network.scalars(), "peak": 20 * rate, "weight_decay": 0.0},
        ]
        # A stage of the prior alone has no use for the scalars, and a scheme may have none.
        optimizers: list[Optimizer] = [AdamW([g for g in groups if g["params"]], weight_decay=1e-4, betas=(0.9, 0.99))]
        if self.regime.critic is not None:
            peak = self.stage.critic_learning_rate or rate
            group = {"params": list(self.regime.critic.parameters()), "peak": peak}
            optimizers.append(AdamW([group], weight_decay=1e-4, betas=(0.9, 0.99)))
        return optimizers

    def on_train_start(self) -> None:
        """Start the clock; a stage that had its last step before it was interrupted has none now."""
        self._clock = time.monotonic()
        self.trainer.should_stop = self.progress >= 1

    def training_step(self, batch: dict[str, Tensor], index: int) -> None:
        """One step of the network, and one of the critic on what the network made before it."""
        step = self.trainer.global_step
        torch.manual_seed(step_seed(self.seed, self.number, rank(), step))
        losses: RegimeLoss = self.regime(self.network, batch)
        self._check(losses, step)
        factor = learning_rate_course(self.progress, step)
        self.manual_backward(losses.network, retain_graph=losses.critic is not None)
        self._step(0, factor)
        if losses.critic is not None and self.regime.critic is not None:
            self.regime.critic.zero_grad()  # what the network's loss left there
            self.manual_backward(losses.critic)
            self._step(1, factor)
        self._record(losses, factor)

    @property
    def progress(self) -> float:
        """Share of the stage that is done, 0 to 1: by steps or by the clock, whichever is further."""
        steps, seconds = self.stage.steps, 60 * self.stage.minutes
        shares = [self.trainer.global_step / steps if steps else 0.0, self.seconds / seconds if seconds else 0.0]
        return min(1.0, max(shares))

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradient, unscaled by now, and refuse one that is not finite."""
        parameters = list(chain.from_iterable(group["params"] for group in optimizer.param_groups))
        norm = nn.utils.clip_grad_norm_(parameters, self.stage.gradient_clip or math.inf)
        scaled = self.trainer.precision == "16-mixed"  # its scaler leaves out such a step and lowers the scale
        if not scaled and not torch.isfinite(norm):
            self._refuse("the norm of the gradient", float(norm), self.trainer.global_step)

    def _step(self, which: int, factor: float) -> None:
        optimizer = self._optimizer(which)
        for group in optimizer.param_groups:
            group["lr"] = factor * group["peak"]
        average_gradients(chain.from_iterable(group["params"] for group in optimizer.param_groups))
        if which == 0:
            self._wrapped(0).step()
        else:  # not through Lightning's wrapper, which would count this as another step of the training
            self.trainer.strategy.optimizer_step(optimizer, lambda: None, self)
        optimizer.zero_grad()

    def _wrapped(self, which: int) -> Any:
        optimizers = self.optimizers()
        return optimizers[which] if isinstance(optimizers, list) else optimizers

    def _optimizer(self, which: int) -> Optimizer:
        optimizer: Optimizer = self._wrapped(which).optimizer
        return optimizer

    def _record(self, losses: RegimeLoss, factor: float) -> None:
        now = time.monotonic()
        self.seconds = of_first(self.seconds + now - self._clock)
        self._clock = now
        rates = {"learning_rate": factor * self.stage.learning_rate}
        terms = {"loss": losses.network, **({} if losses.critic is None else {"critic": losses.critic}), **losses.parts}
        self.latest = {name: float(value.detach()) for name, value in terms.items()} | rates
        self.log_dict(self.latest)
        self.trainer.should_stop = self.progress >= 1

    def _check(self, losses: RegimeLoss, step: int) -> None:
        for name, value in (("the loss", losses.network), ("the critic's loss", losses.critic)):
            if value is not None and not torch.isfinite(value):
                self._refuse(name, float(value), step)

    def _refuse(self, what: str, value: float, step: int) -> None:
        raise FloatingPointError(
            f"{what} is {value} in batch {step} of stage {self.number} ({self.stage.train}, {self.stage.regime}); the "
            f"resume point before it is kept in {self.trainer.default_root_dir}, if there was one. Lower "
            'learning_rate or gradient_clip, or use precision = "32-true", and go on with pirecon train --resume'
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The clock belongs to a resume point."""
        checkpoint["seconds"] = self.seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Set the clock to what was trained before."""
        self.seconds = checkpoint["seconds"]


def step_seed(*numbers: int) -> int:
    """One seed from those of the run, stage, process and step."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def learning_rate_course(progress: float, step: int) -> float:
    """Share of the peak: a linear warm-up, then a cosine from 1 to 0.01.

    Args:
        progress: share of the stage that is done.
        step: number of the step; the first hundred warm up, or the first twentieth of a stage that has few.
    """
    warm_up = min(1.0, max((step + 1) / WARM_UP, progress / WARM_UP_SHARE))
    return warm_up * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def network_parameters(regime: Regime) -> list[nn.Parameter]:
    """The regime's parameters that are trained with the network, such as a head that makes maps of its features."""
    own = getattr(regime, "network_parameters", None)
    return [] if own is None else list(own())
