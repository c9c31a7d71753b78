"""Learn from scans that come with another contrast of the same anatomy."""

from __future__ import annotations

from pirecon.encoding import CartesianSense
from pirecon.training.regimes.needs import require
from pirecon.training.regimes.regime import Batch, RegimeLoss
from pirecon.training.regimes.supervised import Supervised
from pirecon.unrolled.network import UnrolledNetwork


class Guided(Supervised):
    """Distance of the guided network's image to the truth; guides are right, wrong or absent as the data have them.

    That wrong guides count as much as right ones is what teaches the network to leave them alone.

    Args:
        loss: see :class:`Supervised`.
    """

    def check(self, network: UnrolledNetwork, batch: Batch) -> None:
        """See :class:`Regime`."""
        require(batch, "truth", "guided", "train on simulated scans")
        require(batch, "guide", "guided", 'give the config a table [data] with kind = "guided"')
        if not any(getattr(prior, "takes_guide", False) for prior in network.priors):
            names = ", ".join(sorted({type(prior).__name__ for prior in network.priors}))
            raise ValueError(f"the regime 'guided' needs a prior that takes a guide, found {names}; try 'guided_unet'")

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`; the batch also holds "guide", real ``(batch, z, y, x)``, zero where there is none."""
        self.check(network, batch)
        E = CartesianSense(batch["maps"], batch["weights"])
        image = network(batch["kspace"], E, guide=batch["guide"])
        total, parts = self.loss(image, batch["truth"], batch["kspace"], E)
        return RegimeLoss(total, parts=parts)
