"""A loss from a config's table of names and weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.priors.registry import nearest
from pirecon.training.losses.kspace import measured_misfit, true_misfit
from pirecon.training.losses.perceptual import Perceptual
from pirecon.training.losses.pixelwise import l1, l1_relative, l2, log_squared_error
from pirecon.training.losses.structural_similarity import ssim_loss

Loss = Callable[[Tensor, Tensor, Tensor, LinearOperator], Tensor]


def _of_images(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    return lambda image, truth, kspace, E: loss(image, truth)


# Each entry makes its loss when asked, so that features are read only where they are used.
LOSSES: dict[str, Callable[[], Loss]] = {
    "log_squared_error": lambda: _of_images(log_squared_error),
    "l1": lambda: _of_images(l1),
    "l2": lambda: _of_images(l2),
    "l1_relative": lambda: _of_images(l1_relative),
    "ssim": lambda: _of_images(ssim_loss),
    "perceptual": lambda: _of_images(Perceptual()),
    "kspace_measured": lambda: lambda image, truth, kspace, E: measured_misfit(image, kspace, E),
    "kspace_true": lambda: lambda image, truth, kspace, E: true_misfit(image, truth, E),
}


class WeightedSum(nn.Module):
    """Σ w_k L_k over the named losses.

    Args:
        terms: weight by name; a weight of 0 leaves the term out.
    """

    def __init__(self, terms: Mapping[str, float]) -> None:
        super().__init__()
        self.terms = dict(terms)
        self._losses = {name: LOSSES[name]() for name, weight in terms.items() if weight}

    def forward(
        self, image: Tensor, truth: Tensor, kspace: Tensor, E: LinearOperator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum and its unweighted terms by name, detached, for the log.

        Args:
            image: complex ``(batch, z, y, x)``, SNR units.
            truth: complex, same shape.
            kspace: measured samples, complex ``(batch, coil, *samples)``, 0 where nothing was measured.
            E: forward operator of the scans.
        """
        # Mixed precision has three digits in bfloat16: too few for differences of nearly equal images.
        with torch.autocast(image.device.type, enabled=False):
            found = {name: loss(image, truth, kspace, E) for name, loss in self._losses.items()}
        total = sum((self.terms[name] * value for name, value in found.items()), image.real.new_zeros(()))
        return total, {name: value.detach() for name, value in found.items()}


def build_loss(terms: Mapping[str, float]) -> WeightedSum:
    """A weighted sum of losses.

    Args:
        terms: weight ≥ 0 by name in ``LOSSES``, as ``{"l1": 1.0, "ssim": 0.5}``.

    Raises:
        ValueError: no table, an unknown name (the nearest known one is named), a weight that is no number ≥ 0, or no
            weight above 0.
    """
    if not isinstance(terms, Mapping):
        raise ValueError(f"a loss is a table of weights by name, as {{ l1 = 1.0, ssim = 0.5 }}, but found {terms!r}")
    for name, weight in terms.items():
        if name not in LOSSES:
            raise ValueError(f"there is no loss called {name!r}; {nearest(name, LOSSES)}")
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight) or weight < 0:
            raise ValueError(f"the weight of the loss {name!r} is {weight!r}; give a number of at least 0")
    if not any(terms.values()):
        raise ValueError(f"no loss has a weight above 0: {dict(terms)}; with nothing to lower, nothing is learned")
    return WeightedSum(terms)
