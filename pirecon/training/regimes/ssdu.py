"""Learn from undersampled scans: some of the measured samples judge what the network makes of the others."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.encoding import CartesianSense
from pirecon.scan_specific import chi_square, split_samples, stein_risk
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork

STEP = 0.1  # of SURE's divergence, in standard deviations of the noise


class SSDU(Regime):
    """Self-supervision by data undersampling: Σ_k L(y_Λk, E_Λk x_k) / K, x_k = x(y_Θk, E_Θk), Ω = Θ_k ∪ Λ_k disjoint.

    L is χ² = Σ|·|² / 2n, whose expectation is 1 + ‖E_Λ(x_k − truth)‖² / 2n because noise on Λ is independent of x_k; or
    the papers' normalised ‖u − v‖₂/‖u‖₂ + ‖u − v‖₁/‖u‖₁, which weighs scans of all SNRs alike.

    L says nothing of x_k on Θ, which the papers fix by data consistency. So here their error counts as well, by Stein's
    unbiased estimate, since the noise is known: |Λ|/|Ω| · χ²(Λ) + |Θ|/|Ω| · SURE(Θ), which is the error on Ω up to a
    constant, and which teaches the network to denoise what it was given.

    Without it (``given = False``) only hard data consistency, λ_k ≪ 1 in SNR units, holds Θ. A prior that sees an image
    without the energy of Λ learns to be too loud everywhere, and the λ_k of 0.5 to 5 that networks start with let that
    through: after 80 steps of a small network Θ was 2.2 times too large with one coil (SNR 4 to 12, R up to 4) and 8 %
    with 8 coils (SNR 25 to 40, R = 3), although what no sample had measured was predicted better. With λ_k held at 0.01
    the true error fell in both cases; with one coil Θ then keeps all of its noise. The fault shrinks with training (3
    to 5 % after 300 steps in experiments/self_supervision), each step costs half, and at equal
    time that was better there.

    Args:
        share: |Λ| / |Ω|; the papers have 0.4, small shares keep Θ as dense as what is reconstructed later.
        gaussian: Λ by Gaussian instead of uniform selection, see :func:`~pirecon.scan_specific.split.split_samples`.
        centre: samples along each axis in the middle of k-space that the network always sees.
        masks: K; several, as in multi-mask SSDU, are less variance for more work.
        normalised: the papers' L in place of χ².
        given: whether the error of the samples given to the network counts, by SURE; False is the papers' loss.

    Source: Yaman B. et al., Magn Reson Med 84:3172 (2020); K masks: Yaman B. et al., NMR Biomed 35:e4798 (2022). That
    the noise of Θ needs a term of its own (theirs is Noisier2Noise): Millard C. and Chiew M., Bioengineering 11:1305
    (2024).
    """

    def __init__(
        self,
        share: float = 0.2,
        *,
        gaussian: bool = False,
        centre: int = 4,
        masks: int = 1,
        normalised: bool = False,
        given: bool = True,
    ) -> None:
        super().__init__()
        if not 0 < share < 1:
            raise ValueError(f"the share of held-out samples is {share}, but it must lie above 0 and below 1")
        if masks < 1:
            raise ValueError(f"SSDU needs at least one mask, not {masks}")
        self.share, self.gaussian, self.centre, self.masks = share, gaussian, centre, masks
        self.normalised, self.given = normalised, given

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`."""
        E = CartesianSense(batch["maps"], batch["weights"])
        terms = [self._one_split(network, batch, E) for _ in range(self.masks)]
        loss, held_out, given = (torch.stack(values).mean() for values in zip(*terms, strict=True))
        parts = {"chi square of held-out samples": held_out.detach()}
        return RegimeLoss(loss, parts=parts | ({"estimated error per noise": given.detach()} if self.given else {}))

    def _one_split(self, network: UnrolledNetwork, batch: Batch, E: CartesianSense) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, χ² on Λ and SURE on Θ of one draw."""
        kspace, measured = batch["kspace"], batch["weights"] != 0
        held_out = split_samples(measured, self.share, gaussian=self.gaussian, centre=self.centre)
        rest = measured & ~held_out
        seen, E_seen = kspace * rest, CartesianSense(batch["maps"], batch["weights"] * rest)
        predicted = E(network(seen, E_seen))
        chi = chi_square(predicted - kspace, held_out).mean()
        loss = normalised_l1_l2(kspace * held_out, predicted * held_out).mean() if self.normalised else chi
        if not self.given:
            return loss, chi, torch.zeros_like(chi)
        risk = stein_risk(
            lambda y: E(network(y, E_seen)), seen, prediction=predicted, density=rest.to(kspace.real.dtype), step=STEP
        ).mean()
        return self.share * loss + (1 - self.share) * risk, chi, risk


def normalised_l1_l2(u: Tensor, v: Tensor) -> Tensor:
    """‖u − v‖₂ / ‖u‖₂ + ‖u − v‖₁ / ‖u‖₁ of each scan.

    Args:
        u: measured, complex ``(batch, coil, kz, ky, kx)``.
        v: predicted, same shape.

    Returns:
        Real ``(batch,)``.

    Source: Yaman B. et al., Magn Reson Med 84:3172 (2020).
    """
    u, v = u.flatten(1), v.flatten(1)
    tiny = torch.finfo(u.real.dtype).tiny
    return sum(
        torch.linalg.vector_norm(u - v, order, dim=1) / torch.linalg.vector_norm(u, order, dim=1).clamp_min(tiny)
        for order in (2, 1)
    )
