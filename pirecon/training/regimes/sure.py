"""Learn from single noisy scans by Stein's unbiased risk estimate."""

from __future__ import annotations

from torch import Tensor

from pirecon.encoding import CartesianSense
from pirecon.scan_specific import stein_risk
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork


class SURE(Regime):
    """The error of E x(y) against the noise-free samples, estimated without knowing them.

    E‖E x(y) − E x‖² / 2n = E SURE(y) / 2n with SURE(y) = ‖E x(y) − y‖² − 2n + 2 div_y E x(y), n the number of measured
    samples of all coils. It teaches the network to remove noise; an image's part that was not measured does not count,
    for which there is :class:`~pirecon.training.regimes.ensure.ENSURE`.

    Args:
        step: ε of the Monte-Carlo divergence in standard deviations of the noise: small against 1, and large enough for
            the differences of single-precision numbers.

    Source: Stein C. M., Ann Stat 9:1135 (1981); Ramani S. et al., IEEE Trans Image Process 17:1540 (2008); networks:
    Metzler C. A. et al., arXiv:1805.10531 (2018).
    """

    def __init__(self, step: float = 0.1) -> None:
        super().__init__()
        if not step > 0:
            raise ValueError(f"the step of the divergence is {step}, but it must be positive; 0.1 suits most networks")
        self.step = step

    def density(self, batch: Batch) -> Tensor:
        """d of :func:`stein_risk`: all measured samples alike."""
        return (batch["weights"] != 0).to(batch["weights"].dtype)

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`."""
        E = CartesianSense(batch["maps"], batch["weights"])
        kspace, density = batch["kspace"], self.density(batch)
        prediction = E(network(kspace, E))
        risk = stein_risk(
            lambda y: E(network(y, E)), kspace, prediction=prediction, density=density, step=self.step
        ).mean()
        return RegimeLoss(risk, parts={"estimated error per noise": risk.detach()})
