"""Plug and play: a denoiser that was trained alone, in a scheme whose numbers are not learned."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from pirecon.unrolled.schemes.admm import Admm
from pirecon.unrolled.schemes.hqs import Hqs
from pirecon.unrolled.schemes.modl import Modl
from pirecon.unrolled.schemes.primal_dual import PrimalDual
from pirecon.unrolled.schemes.proximal_gradient import ProximalGradient
from pirecon.unrolled.schemes.scheme import Problem, Scheme, growing_weights

SPLITTINGS: dict[str, type[Scheme]] = {
    "hqs": Hqs,
    "admm": Admm,
    "modl": Modl,
    "primal-dual": PrimalDual,
    "proximal-gradient": ProximalGradient,
}


class PlugAndPlay(Scheme):
    """Another scheme with one prior for all iterations and the λ_k that an untrained network starts with.

    Args:
        splitting: key of ``SPLITTINGS``.

    Source: Venkatakrishnan et al., IEEE GlobalSIP (2013); Zhang et al., IEEE Trans Pattern Anal Mach Intell 44:6360
    (2022).
    """

    repeats = True
    learns_weight = False
    learns_noise_scale = False

    def __init__(self, splitting: str = "hqs") -> None:
        super().__init__()
        if splitting not in SPLITTINGS:
            raise ValueError(f"there is no splitting {splitting!r}; choose one of {', '.join(SPLITTINGS)}")
        self.splitting = SPLITTINGS[splitting]()

    def forward(self, problem: Problem) -> Tensor:
        """See :meth:`Scheme.forward`."""
        weights = growing_weights(problem.n_iterations).to(problem.weights).exp()
        image: Tensor = self.splitting(replace(problem, weights=weights))
        return image
