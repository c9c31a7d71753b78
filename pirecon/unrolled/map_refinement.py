"""Learned refinement of sensitivity maps."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense, NonCartesianSense
from pirecon.priors import UNet

WIDTHS, BLOCKS = (8, 16, 32), (1, 1, 1)


class MapRefinement(nn.Module):
    """S'_c = N(S)_c · r / r(N(S)), where N is a small network that looks at one coil at a time and r = √(Σ_c |S_c|²).

    So any number of coils in any order will do, the maps keep their root sum of squares, and nothing appears outside
    their support. Untrained, N is the identity.

    Source: Sriram et al., MICCAI (2020), section 3.2.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = UNet(WIDTHS, BLOCKS)

    def forward(self, E: LinearOperator) -> LinearOperator:
        """E with refined maps.

        Raises:
            ValueError: E has no maps of its own to refine.
        """
        if isinstance(E, CartesianSense):
            return CartesianSense(self.refine(E.maps), E.weights)
        if isinstance(E, NonCartesianSense):
            refined = copy.copy(E)  # shares transform and kernel, which do not depend on the maps
            refined.maps = self.refine(E.maps)
            return refined
        raise ValueError(
            f"a network with refined maps needs CartesianSense or NonCartesianSense, found {type(E).__name__}: what "
            "moves or evolves between samples is not estimated together with maps; choose a checkpoint without "
            "refine_maps"
        )

    def refine(self, maps: Tensor) -> Tensor:
        """Refined maps of the shape of ``maps``, complex ``(*batch, coil, z, y, x)``."""
        level = _root_sum_of_squares(maps)
        refined = self.network(maps, maps.real.new_zeros(()))
        return refined * (level / _root_sum_of_squares(refined).clamp_min(torch.finfo(level.dtype).tiny))


def _root_sum_of_squares(maps: Tensor) -> Tensor:
    # The norm of nothing has no gradient but zero, which is what torch gives.
    return torch.linalg.vector_norm(maps, dim=-4, keepdim=True)
