"""What an unrolling scheme is: the way prior and data take turns."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.unrolled.start import cg_sense_start

FIRST_LAST_WEIGHT = (0.5, 5.0)  # λ grows: the later the image, the less the prior's error


@dataclass(frozen=True)
class Problem:
    """One reconstruction, as a scheme sees it.

    Attributes:
        kspace: y, weighted and whitened samples in SNR units, complex ``(*batch, coil, *samples)``.
        adjoint: E.H(y), complex ``(*batch, z, y, x)``.
        E: forward operator; only ``forward``, ``adjoint`` and ``normal`` may be used.
        start: x₀, shape of ``adjoint``.
        weights: λ_k > 0, real ``(step,)``; with data in SNR units 1/λ is the variance of the prior's error.
        n_iterations: K.
        improve: ``(k, image, noise) -> image``, the prior of iteration k, told ``noise`` times the noise level of x₀.
    """

    kspace: Tensor
    adjoint: Tensor
    E: LinearOperator
    start: Tensor
    weights: Tensor
    n_iterations: int
    improve: Callable[[int, Tensor, Tensor | float], Tensor]


class Scheme(nn.Module, ABC):
    """Takes a problem to its image. Subclasses know nothing of coils, matrix or trajectory: those live in E.

    Attributes:
        repeats: every iteration is the same step, with one λ, one noise scale and one prior.
        learns_weight: λ_k are parameters of the network.
        learns_noise_scale: so are the factors s_k of the noise level that the priors are told.
    """

    repeats: bool = False
    learns_weight: bool = True
    learns_noise_scale: bool = True

    @abstractmethod
    def forward(self, problem: Problem) -> Tensor:
        """The image, complex ``(*batch, z, y, x)`` in SNR units."""

    def start(self, adjoint: Tensor, E: LinearOperator) -> tuple[Tensor, Tensor]:
        """x₀ and its noise level from E.H(y)."""
        return cg_sense_start(adjoint, E)

    def n_steps(self, n_iterations: int) -> int:
        """Steps that have a λ, a noise scale and perhaps a prior of their own."""
        return 1 if self.repeats else n_iterations


def growing_weights(n_steps: int) -> Tensor:
    """ln λ_k of an untrained network, ``(step,)``."""
    if n_steps == 1:
        return torch.zeros(1)
    first, last = (math.log(weight) for weight in FIRST_LAST_WEIGHT)
    return torch.linspace(first, last, n_steps)
