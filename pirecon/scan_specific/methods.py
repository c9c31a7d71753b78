"""Learning from one scan as reconstruction methods: samples and E in, image out; what came of it is said."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.scan_specific.budget import Budget, Learned
from pirecon.scan_specific.deep_image_prior import DIP_BUDGET, deep_image_prior
from pirecon.scan_specific.zero_shot import zero_shot
from pirecon.unrolled.network import UnrolledNetwork

ZERO_SHOT_BUDGET = Budget(steps=100, every=10, patience=3)


@dataclass(frozen=True)
class Learning:
    """How a method may learn from the image at hand.

    Attributes:
        seconds: of each image, after which it stops.
        seed: of everything random.
        progress: called with (steps done, most steps) of the image.
        report: called with a sentence on what came of each image; None warns where nothing was gained.
    """

    seconds: float = math.inf
    seed: int = 0
    progress: Callable[[int, int], None] | None = None
    report: Callable[[str], None] | None = None

    def within(self, budget: Budget) -> Budget:
        """``budget`` with this time limit and seed."""
        return replace(budget, seconds=self.seconds, seed=self.seed)

    def say(self, learned: Learned, what: str, fallback: str) -> None:
        """Report or warn."""
        sentence = learned.sentence(what, fallback)
        if self.report is not None:
            self.report(sentence)
        elif not learned.kept:
            warnings.warn(sentence, stacklevel=3)


def deep_image_prior_method(learning: Learning | None = None) -> Callable[[Tensor, LinearOperator], Tensor]:
    """:func:`deep_image_prior` of each image by itself; warns where CG-SENSE is used instead."""
    learning = learning or Learning()
    budget = learning.within(DIP_BUDGET)

    def solve(kspace: Tensor, E: LinearOperator) -> Tensor:
        image, learned = deep_image_prior(kspace, E, budget=budget, progress=learning.progress)
        learning.say(learned, "deep image prior", "CG-SENSE")
        return image

    return solve


def zero_shot_method(
    network: UnrolledNetwork, learning: Learning | None = None
) -> Callable[[Tensor, LinearOperator], Tensor]:
    """:func:`zero_shot` of each image by itself, always from ``network``; warns where that is used unchanged."""
    learning = learning or Learning()
    budget = learning.within(ZERO_SHOT_BUDGET)

    def solve(kspace: Tensor, E: LinearOperator) -> Tensor:
        image, learned = zero_shot(kspace, E, network=network, budget=budget, progress=learning.progress)
        learning.say(learned, "zero-shot", "the network as it was")
        return image

    return solve
