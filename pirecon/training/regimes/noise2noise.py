"""Learn from two averages of the same scan: the noise of one cannot be told from the other."""

from __future__ import annotations

import torch

from pirecon.encoding import CartesianSense
from pirecon.scan_specific import chi_square
from pirecon.training.regimes.needs import require
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork


class Noise2Noise(Regime):
    """χ² of each average against the image of the other, in k-space.

    ½ χ²(E₂ x(y₁) − y₂) + ½ χ²(E₁ x(y₂) − y₁) with χ² = Σ|·|² / 2n. Since the noise of y₂ is independent of x(y₁), its
    expectation is 1 + ‖E(x − truth)‖² / 2n: 1 for the truth, whatever the noise.

    Only samples that one average has measured teach something. Where the averages were sampled alike, "weights2" is
    absent and what lies between the lines is left to the network's prior; with other lines in the second
    average ("weights2") it is learned as well.

    Source: Lehtinen J. et al., ICML (2018), whose section on MRI takes two undersampled scans as well.
    """

    def check(self, network: UnrolledNetwork, batch: Batch) -> None:
        """See :class:`Regime`."""
        require(batch, "kspace2", "noise2noise", "set averages = 2 in [scans], or give data with two averages")

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`; needs "kspace2", the second average, shaped and weighted as "kspace"."""
        self.check(network, batch)
        first, second = batch["kspace"], batch["kspace2"]
        weights = batch["weights"], batch.get("weights2", batch["weights"])
        E = [CartesianSense(batch["maps"], w) for w in weights]
        forth = chi_square(E[1](network(first, E[0])) - second, weights[1] != 0)
        back = chi_square(E[0](network(second, E[1])) - first, weights[0] != 0)
        loss = 0.5 * torch.stack((forth, back)).mean(-1).sum()
        return RegimeLoss(loss, parts={"chi square of the other average": loss.detach()})
