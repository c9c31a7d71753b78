"""Learn from scans whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

from pirecon.encoding import CartesianSense
from pirecon.training.losses import build_loss
from pirecon.training.regimes.contrast_axis import each_contrast
from pirecon.training.regimes.needs import require
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork


class Supervised(Regime):
    """Distance of the network's image to the truth; contrasts of an examination are scans like others.

    Args:
        loss: weights by name in ``pirecon.training.losses.LOSSES``; the log squared error where not given.

    Raises:
        ValueError: as :func:`pirecon.training.losses.build_loss`.
    """

    def __init__(self, loss: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.loss = build_loss({"log_squared_error": 1.0} if loss is None else loss)

    def check(self, network: UnrolledNetwork, batch: Batch) -> None:
        """See :class:`Regime`."""
        require(batch, "truth", "supervised", "train on simulated scans, or choose a self-supervised regime")

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`."""
        self.check(network, batch)
        batch = each_contrast(batch)
        E = CartesianSense(batch["maps"], batch["weights"])
        total, parts = self.loss(network(batch["kspace"], E), batch["truth"], batch["kspace"], E)
        return RegimeLoss(total, parts=parts)
