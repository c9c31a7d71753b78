"""What a training regime is: a loss of a network on a batch, and perhaps an opponent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from torch import Tensor, nn

from pirecon.unrolled.network import UnrolledNetwork

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class RegimeLoss:
    """Losses of one batch.

    Attributes:
        network: scalar that the network's parameters lower.
        critic: scalar that the critic's parameters lower; None without a critic.
        parts: terms by name, for the log, detached.
    """

    network: Tensor
    critic: Tensor | None = None
    parts: dict[str, Tensor] = field(default_factory=dict)


class Regime(nn.Module, ABC):
    """How a network learns from a batch of scans; ``critic`` holds what is trained against it, if anything."""

    critic: nn.Module | None

    def __init__(self) -> None:
        super().__init__()
        self.critic = None  # of the instance: a class's None would hide the module that a subclass sets

    def check(self, network: UnrolledNetwork, batch: Batch) -> None:
        """Refuse what this regime cannot learn from, without computing: asked for every stage before the first step.

        Args:
            network: what is to be trained.
            batch: as of :meth:`forward`.

        Raises:
            ValueError: the batch lacks what this regime needs, or the network cannot use it.
        """

    @abstractmethod
    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """Losses of ``network`` on ``batch``.

        Args:
            network: called as ``network(kspace, E)``.
            batch: "kspace" ``(batch, coil, kz, ky, kx)``, "maps" ``(batch, coil, z, y, x)``, "weights"
                ``(batch, 1, kz, ky, kx)``, and "truth" ``(batch, z, y, x)`` where it is known; SNR units.

        Raises:
            ValueError: as :meth:`check`.
        """
