"""Learn to look like the truth: a discriminator tells reconstructions from truths, and the network deceives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pirecon.encoding import CartesianSense
from pirecon.training.losses import build_loss
from pirecon.training.losses.pixelwise import peak
from pirecon.training.regimes.discriminator import Discriminator
from pirecon.training.regimes.needs import require
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.unrolled.network import UnrolledNetwork

# ESRGAN, section 4.1: L = perceptual + λ adversarial + η L1 with λ = 5e-3 and η = 1e-2, L1 of images within 0–1.
ESRGAN_LOSS = {"perceptual": 1.0, "l1_relative": 1e-2}
ESRGAN_ADVERSARIAL = 5e-3
softplus = nn.functional.softplus


class Adversarial(Regime):
    """Σ w_k L_k + λ L_adversarial, against a discriminator of magnitudes.

    The network is the generator, its data-consistency steps included: what was measured is pulled back after every
    prior, and only the rest is free to be made up. **Texture that looks real is not texture that is there**; no
    published number says that an adversarial image is safe to read. Start from a supervised network (a stage before
    this one, or ``warm_start``), as both papers do. The weights are the papers' own; the perceptual term is not VGG's,
    so their balance is not the papers' to the letter.

    relativistic, C the discriminator's logit and D(a, b) = σ(C(a) − mean C(b)), t truths and x images:
        L_critic = −mean ln D(t, x) − mean ln(1 − D(x, t)),  L_adversarial = −mean ln(1 − D(t, x)) − mean ln D(x, t)
    standard:
        L_critic = −mean ln σ(C(t)) − mean ln(1 − σ(C(x))),  L_adversarial = −mean ln σ(C(x))

    Args:
        loss: weights of the other terms by name in ``pirecon.training.losses.LOSSES``; ESRGAN's where not given.
        adversarial: λ; ESRGAN has 5e-3, SRGAN (not relativistic) 1e-3.
        relativistic: judge truths against the mean of images and images against the mean of truths.
        widths: channels of the discriminator at each resolution.
        spectral: with spectral normalisation.

    Source: Wang X. et al., ECCV Workshops (2018), Eq. 1–3 (ESRGAN); Ledig et al., CVPR (2017), Eq. 2, 3 and 6 (SRGAN);
    Jolicoeur-Martineau, ICLR (2019), the relativistic average discriminator.
    """

    critic: Discriminator

    def __init__(
        self,
        loss: Mapping[str, float] | None = None,
        *,
        adversarial: float = ESRGAN_ADVERSARIAL,
        relativistic: bool = True,
        widths: Sequence[int] = (16, 32, 64, 128),
        spectral: bool = False,
    ) -> None:
        super().__init__()
        if not adversarial >= 0:
            raise ValueError(f"the adversarial weight is {adversarial}; give a number of at least 0")
        self.loss = build_loss(ESRGAN_LOSS if loss is None else loss)
        self.adversarial, self.relativistic = adversarial, relativistic
        self.critic = Discriminator(widths, spectral=spectral)

    def check(self, network: UnrolledNetwork, batch: Batch) -> None:
        """See :class:`Regime`."""
        require(batch, "truth", "adversarial", "train on simulated scans, whose truth is known")

    def forward(self, network: UnrolledNetwork, batch: Batch) -> RegimeLoss:
        """See :class:`Regime`."""
        self.check(network, batch)
        E = CartesianSense(batch["maps"], batch["weights"])
        image, truth = network(batch["kspace"], E), batch["truth"]
        total, parts = self.loss(image, truth, batch["kspace"], E)
        # Both over the truth's peak, in one call: a brightness of its own would give an image away.
        fake, real = ((a.abs() / peak(truth)).reshape(-1, 1, *a.shape[-2:]) for a in (image, truth))
        on_fake, on_real = self._judge(torch.cat((fake.detach(), real))).chunk(2)
        deceived = self._deceived(self._judge_frozen(fake), on_real.detach())
        critic = self._critic_loss(on_fake, on_real)
        found = {"adversarial": deceived.detach(), "critic_margin": (on_real.mean() - on_fake.mean()).detach()}
        return RegimeLoss(total + self.adversarial * deceived, critic, parts | found)

    def _judge(self, magnitude: Tensor) -> Tensor:
        return self.critic(magnitude).float()

    def _judge_frozen(self, magnitude: Tensor) -> Tensor:
        """The same logits, through which no gradient reaches the discriminator's weights."""
        weights = {name: weight.detach() for name, weight in self.critic.named_parameters()}
        return torch.func.functional_call(self.critic, weights, (magnitude,)).float()

    def _critic_loss(self, fake: Tensor, real: Tensor) -> Tensor:
        if self.relativistic:
            real, fake = real - fake.mean(), fake - real.mean()
        return softplus(-real).mean() + softplus(fake).mean()  # −ln σ(a) = softplus(−a), −ln(1 − σ(a)) = softplus(a)

    def _deceived(self, fake: Tensor, real: Tensor) -> Tensor:
        if not self.relativistic:
            return softplus(-fake).mean()
        return softplus(real - fake.mean()).mean() + softplus(real.mean() - fake).mean()
