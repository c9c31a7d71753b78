"""Learning from one scan as reconstruction methods: samples and E in, image out; what came of it is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.scan_specific.budget import Budget, Learned
from pirecon.scan_specific.deep_image_prior import DIP_BUDGET, deep_image_prior
from pirecon.scan_specific.zero_shot import zero_shot
from pirecon.unrolled.network import UnrolledNetwork

ZERO_SHOT_BUDGET = Budget(steps=100, every=10, patience=3)


def deep_image_prior_method(*, budget: Budget = DIP_BUDGET) -> Callable[[Tensor, LinearOperator], Tensor]:
    """:func:`deep_image_prior` of each image by itself; warns where CG-SENSE is used instead."""

    def solve(kspace: Tensor, E: LinearOperator) -> Tensor:
        image, learned = deep_image_prior(kspace, E, budget=budget)
        _say(learned, "deep image prior", "CG-SENSE")
        return image

    return solve


def zero_shot_method(
    network: UnrolledNetwork, *, budget: Budget = ZERO_SHOT_BUDGET
) -> Callable[[Tensor, LinearOperator], Tensor]:
    """:func:`zero_shot` of each image by itself, always from ``network``; warns where that is used unchanged."""

    def solve(kspace: Tensor, E: LinearOperator) -> Tensor:
        image, learned = zero_shot(kspace, E, network=network, budget=budget)
        _say(learned, "zero-shot", "the network as it was")
        return image

    return solve


def _say(learned: Learned, what: str, fallback: str) -> None:
    if not learned.kept:
        warnings.warn(learned.sentence(what, fallback), stacklevel=3)
