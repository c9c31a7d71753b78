"""Learn from scans whose truth is known."""

from __future__ import annotations

from pirecon.encoding import CartesianSense
from pirecon.training.losses import log_squared_error
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork


class Supervised(Regime):
    """Distance of the network's image to the truth."""

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`."""
        image = network(batch["kspace"], CartesianSense(batch["maps"], batch["weights"]))
        loss = log_squared_error(image, batch["truth"])
        return RegimeLoss(loss, parts={"log squared error": loss.detach()})
