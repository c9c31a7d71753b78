"""A phantom: which tissue fills how much of each voxel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

LESIONS = ("tumour", "necrosis", "oedema", "acute_stroke", "chronic_stroke", "ms_plaque")


@dataclass(frozen=True)
class Phantom:
    """Tissue fractions on a grid; what is missing to 1 in a voxel is air.

    Attributes:
        fractions: volume fraction of each tissue, shape ``(tissue, z, y, x)``, float32, each in [0, 1].
        tissues: name of each tissue, keys of ``tissues_at``.
        voxel_size: edge lengths ``(z, y, x)``, m.
    """

    fractions: Tensor
    tissues: tuple[str, ...]
    voxel_size: tuple[float, float, float]

    def __post_init__(self) -> None:
        if self.fractions.ndim != 4 or self.fractions.shape[0] != len(self.tissues):
            raise ValueError(
                f"Fractions have shape {tuple(self.fractions.shape)} for {len(self.tissues)} tissues; "
                "expected (tissue, z, y, x) with one entry per tissue."
            )

    @property
    def matrix(self) -> tuple[int, int, int]:
        """Voxels ``(z, y, x)``."""
        z, y, x = self.fractions.shape[1:]
        return z, y, x


def tissue_fraction(phantom: Phantom, *names: str) -> Tensor:
    """How much of each voxel the named tissues fill together.

    Args:
        phantom: any.
        names: tissues; those absent from the phantom count as zero.

    Returns:
        Fraction ``(z, y, x)``, float32.
    """
    rows = [i for i, name in enumerate(phantom.tissues) if name in names]
    return phantom.fractions[rows].sum(0)


def lesion_mask(phantom: Phantom, threshold: float = 0.5) -> Tensor:
    """Voxels filled by lesion to more than the threshold.

    Args:
        phantom: any.
        threshold: fraction, dimensionless.

    Returns:
        Mask ``(z, y, x)``, bool.
    """
    return tissue_fraction(phantom, *LESIONS) > threshold


def to_device(phantom: Phantom, device: torch.device) -> Phantom:
    """The same phantom with its fractions on another device."""
    return replace(phantom, fractions=phantom.fractions.to(device))
