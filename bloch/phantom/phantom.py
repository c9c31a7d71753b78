"""A phantom: which tissue fills how much of each voxel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bloch.phantom.map_checks import (
    check_everywhere,
    check_optional_maps,
    check_shape,
    check_voxel_size,
)
from bloch.phantom.motion import Motion, RespiratoryMotion, motion_to_device

LESIONS = ("tumour", "necrosis", "oedema", "acute_stroke", "chronic_stroke", "ms_plaque", "haemorrhage")
ROUNDING = 1e-3  # by which fractions may leave [0, 1]


@dataclass(frozen=True, eq=False)
class Phantom:
    """Tissue fractions on a grid; what is missing to 1 in a voxel is air.

    Attributes:
        fractions: volume fraction of each tissue, shape ``(tissue, z, y, x)``, float32, each in [0, 1].
        tissues: name of each tissue, keys of ``tissues_at``.
        voxel_size: edge lengths ``(z, y, x)``, m.
        field_offset: deviation of the field from B0, from the magnet and from susceptibility, without chemical shift;
            positive is a stronger field; ``(z, y, x)``, ppm of B0. None for none.
        transmit_field: B1+ relative to the nominal one, real or complex, ``(z, y, x)``. None for 1.
        motion: how the object moves. None for rest.
    """

    fractions: Tensor
    tissues: tuple[str, ...]
    voxel_size: tuple[float, float, float]
    field_offset: Tensor | None = None
    transmit_field: Tensor | None = None
    motion: Motion | None = None

    def __post_init__(self) -> None:
        if self.fractions.ndim != 4 or self.fractions.shape[0] != len(self.tissues):
            raise ValueError(
                f"Fractions have shape {tuple(self.fractions.shape)} for {len(self.tissues)} tissues; "
                "expected (tissue, z, y, x) with one entry per tissue."
            )
        check_voxel_size(self.voxel_size)
        _check_fractions(self.fractions)
        check_optional_maps({"field_offset": self.field_offset, "transmit_field": self.transmit_field}, self.matrix)
        check_motion(self.motion, self.matrix)

    @property
    def matrix(self) -> tuple[int, int, int]:
        """Voxels ``(z, y, x)``."""
        z, y, x = self.fractions.shape[1:]
        return z, y, x


def check_motion(motion: Motion | None, matrix: tuple[int, int, int]) -> None:
    """Refuse breathing on another grid than the phantom's.

    Raises:
        ValueError: the displacement has another grid.
    """
    if isinstance(motion, RespiratoryMotion):
        check_shape("The displacement of the motion", motion.displacement[0], matrix)


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
    """The same phantom with its tensors on another device."""
    return replace(
        phantom,
        fractions=phantom.fractions.to(device),
        field_offset=None if phantom.field_offset is None else phantom.field_offset.to(device),
        transmit_field=None if phantom.transmit_field is None else phantom.transmit_field.to(device),
        motion=motion_to_device(phantom.motion, device),
    )


def _check_fractions(fractions: Tensor) -> None:
    """Only the extremes are looked at first: a training set makes many phantoms. NaN fails every comparison."""
    if fractions.numel() == 0:
        return
    low, high = fractions.aminmax()
    if not (float(low) >= -ROUNDING and float(high) <= 1 + ROUNDING):
        good = (fractions >= -ROUNDING) & (fractions <= 1 + ROUNDING)
        expected = "volume fractions from 0 to 1; if they are percentages, divide by 100."
        check_everywhere("fractions (tissue, z, y, x)", fractions, good, expected=expected)
    total = fractions.sum(0)
    if float(total.max()) > 1 + ROUNDING:
        expected = "at most 1, since tissues do not overlap; divide by the sum where it exceeds 1."
        check_everywhere("The sum of the fractions", total, total <= 1 + ROUNDING, expected=expected)
