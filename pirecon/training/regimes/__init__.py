"""Training regimes by name: supervised, adversarial, self-supervised, physics-informed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pirecon.priors.registry import build_named
from pirecon.training.regimes.adversarial import Adversarial
from pirecon.training.regimes.bloch_consistency import BlochConsistency
from pirecon.training.regimes.ensure import ENSURE
from pirecon.training.regimes.equivariant import Equivariant
from pirecon.training.regimes.guided import Guided
from pirecon.training.regimes.noise2noise import Noise2Noise
from pirecon.training.regimes.regime import Batch, Regime, RegimeLoss
from pirecon.training.regimes.ssdu import SSDU
from pirecon.training.regimes.supervised import Supervised
from pirecon.training.regimes.sure import SURE

REGIMES: dict[str, Callable[..., Regime]] = {
    "supervised": Supervised,
    "adversarial": Adversarial,
    "bloch_consistency": BlochConsistency,
    "guided": Guided,
    "noise2noise": Noise2Noise,
    "ssdu": SSDU,
    "multi_mask_ssdu": partial(SSDU, masks=4),
    "sure": SURE,
    "ensure": ENSURE,
    "equivariant": Equivariant,
}


def build_regime(name: str, options: dict[str, object]) -> Regime:
    """A regime of the kind ``name``.

    Args:
        name: key of ``REGIMES``.
        options: arguments of its constructor.

    Raises:
        ValueError: unknown regime (the nearest is named), or options that its constructor does not take.
    """
    return build_named(REGIMES, name, options, "training regime")


__all__ = ["REGIMES", "Batch", "Regime", "RegimeLoss", "Supervised", "build_regime"]
