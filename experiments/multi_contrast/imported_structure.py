"""Did a guide leave edges in a result that are the guide's own?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.priors.guide_alignment import agreement, edge_field

MIRRORS = ((-1,), (-2,), (-1, -2))
"""Axes along which a guide is mirrored to become one of the same outline and of other anatomy."""


@dataclass(frozen=True)
class ImportedStructure:
    """What a guide changed, for each of n images.

    Attributes:
        change: ‖|result| − |unguided|‖ / ‖unguided‖, ``(n,)``.
        agreement: of the change's edges with the guide's, ``(n,)``: 0 on average for unrelated edges, 1 for the same.
        chance: the largest agreement with the mirrored guide, which was not shown, ``(n,)``. Structure was imported
            where the change is not small and the agreement is clearly above chance.
    """

    change: Tensor
    agreement: Tensor
    chance: Tensor


@torch.no_grad()
def imported_structure(result: Tensor, unguided: Tensor, guide: Tensor) -> ImportedStructure:
    """Size of the change by a guide, and whether its edges are the guide's.

    A right guide sharpens edges that are its own, too: this measure is for guides of another anatomy.

    Args:
        result: with the guide, complex or real ``(*batch, y, x)``.
        unguided: of the same network without it, same shape.
        guide: real, same shape.
    """
    result, unguided, guide = (x.reshape(-1, *x.shape[-2:]) for x in (result, unguided, guide))
    change = result.abs() - unguided.abs()
    size = change.square().mean((1, 2)).sqrt() / unguided.abs().square().mean((1, 2)).sqrt().clamp_min(1e-12)
    edges = edge_field(change)
    found = agreement(edges, edge_field(guide))
    mirrored = [agreement(edges, edge_field(guide.flip(axes))) for axes in MIRRORS]
    return ImportedStructure(size, found, torch.stack(mirrored).amax(0))
