"""Painting tissues over each other with hard, anti-aliased edges."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bloch.phantom.phantom import Phantom
from bloch.phantom.random_field import Shape


class Canvas:
    """Tissue fractions under construction: each paint covers what lies below it.

    Args:
        shape: voxels ``(z, y, x)``.
        edge: width of the transition at a surface, mm; about a voxel.
    """

    def __init__(self, shape: Shape, edge: float) -> None:
        self.shape = shape
        self.edge = edge
        self.layers: dict[str, Tensor] = {}

    def inside(self, distance: Tensor, softness: Tensor | None = None) -> Tensor:
        """Coverage of a body.

        Args:
            distance: to its surface, mm, negative inside, ``(z, y, x)``.
            softness: width of the transition in units of the edge, broadcasts; None for 1.

        Returns:
            Coverage from 0 to 1, ``(z, y, x)``.
        """
        scaled = distance / self.edge
        return (0.5 - (scaled if softness is None else scaled / softness)).clamp(0, 1)

    def layer(self, tissue: str) -> Tensor:
        """Coverage by a tissue, ``(z, y, x)``; zero where nothing of it was painted."""
        return self.layers.get(tissue, torch.zeros(self.shape))

    def paint(self, tissue: str | None, coverage: Tensor) -> None:
        """Cover with a tissue, or with air where tissue is None.

        Args:
            tissue: name, or None for air.
            coverage: from 0 to 1, ``(z, y, x)``.
        """
        if not bool(coverage.any()):
            return
        keep = 1 - coverage
        for layer in self.layers.values():
            layer.mul_(keep)
        if tissue is None:
            return
        if tissue in self.layers:
            self.layers[tissue].add_(coverage)
        else:
            self.layers[tissue] = coverage.clone()

    def convert(self, tissue: str, coverage: Tensor, sources: Sequence[str]) -> None:
        """Turn a part of some tissues into another one; everything else in the voxel stays.

        Args:
            tissue: what they become.
            coverage: part that is turned, from 0 to 1, ``(z, y, x)``.
            sources: names of the tissues that are turned.
        """
        taken = torch.zeros(self.shape)
        for name in sources:
            if name in self.layers and name != tissue:
                part = self.layers[name] * coverage
                self.layers[name] = self.layers[name] - part
                taken = taken + part
        self.layers[tissue] = self.layer(tissue) + taken

    def phantom(self, voxel: tuple[float, float, float]) -> Phantom:
        """The finished fractions; ``voxel`` in mm."""
        fractions = torch.stack(list(self.layers.values())).clamp(0, 1)
        z, y, x = (size * 1e-3 for size in voxel)
        return Phantom(fractions, tuple(self.layers), (z, y, x))
