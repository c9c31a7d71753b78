"""Post-processing: the prior once, after a reconstruction; most published work does it, and k-space is forgotten."""

from __future__ import annotations

from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.unrolled.schemes.scheme import Problem, Scheme
from pirecon.unrolled.start import cg_sense_start, zero_filled_start

STARTS = {"zero-filled": zero_filled_start, "cg-sense": cg_sense_start}


class ImageToImage(Scheme):
    """x = prior(x₀, s σ).

    Args:
        start: key of ``STARTS``: what the prior is given.

    Source: Jin et al., IEEE Trans Image Process 26:4509 (2017), section IV.
    """

    repeats = True
    learns_weight = False

    def __init__(self, start: str = "zero-filled") -> None:
        super().__init__()
        if start not in STARTS:
            raise ValueError(f"there is no start {start!r} for image-to-image; choose one of {', '.join(STARTS)}")
        self._start = STARTS[start]

    def start(self, adjoint: Tensor, E: LinearOperator) -> tuple[Tensor, Tensor]:
        """x₀ and its noise level from E.H(y)."""
        return self._start(adjoint, E)

    def forward(self, problem: Problem) -> Tensor:
        """See :meth:`Scheme.forward`."""
        return problem.improve(0, problem.start, 1.0)
