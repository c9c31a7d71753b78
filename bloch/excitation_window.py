"""Which pulses and which spins take part in a slice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation.spins import Spins, select
from bloch.sequence import Block, Encoding, Sequence

PROFILE_REACH = 1.6
"""How far a slice profile reaches, as a multiple of half the slice thickness."""


def sequence_of_slice(sequence: Sequence, s: int) -> Sequence:
    """The sequence as the spins of one slice see it: other slices' blocks are pauses.

    Args:
        sequence: all slices.
        s: index of the slice.

    Returns:
        Sequence of the same duration, whose readouts are those of the slice.
    """
    blocks = [b if b.slice in (None, s) else Block(b.duration, spoiler=b.spoiler) for b in sequence.blocks]
    return replace(sequence, blocks=tuple(blocks))


def is_selective(sequence: Sequence) -> bool:
    """Whether an excitation plays under a slice gradient."""
    return any(
        b.rf is not None
        and b.rf.use == "excitation"
        and b.rf.raster > 0
        and b.gz is not None
        and float(np.interp(b.rf.delay + b.rf.duration / 2, b.gz.times, b.gz.amplitudes)) != 0
        for b in sequence.blocks
    )


def spins_of_slice(spins: Spins, encoding: Encoding, s: int, *, selective: bool, is_cylinder: bool) -> Spins:
    """The spins that give the slice its signal.

    A selective pulse excites what lies within its profile. Without one, a 2D scan is taken as of an ideal slice: what
    lies beyond its thickness is left out. In a 3D scan without selection everything is excited.

    Args:
        spins: of the phantom.
        encoding: slices.
        s: index of the slice or slab.
        selective: the excitation selects.
        is_cylinder: the phantom has one plane, which stands for a cylinder without end along z.

    Returns:
        Spins; none where the phantom does not reach.

    Raises:
        ValueError: a cylinder cannot be cut along its axis.
    """
    normal = torch.as_tensor(encoding.directions[0]).to(spins.position)
    centre = torch.as_tensor(encoding.centres[s]).to(spins.position)
    half = encoding.field_of_view[0] / 2 * (PROFILE_REACH if selective else 1.0)
    if is_cylinder:
        return _cut_cylinder(spins, normal, centre, half)
    if encoding.matrix[0] > 1 and not selective:
        return spins
    return select(spins, ((spins.position - centre) @ normal).abs() < half * (1 - 1e-6))


def _cut_cylinder(spins: Spins, normal: Tensor, centre: Tensor, half: float) -> Spins:
    """Each spin's column, from one side of the slice to the other."""
    slope = float(normal[2])
    if abs(slope) < 0.2:
        raise ValueError(
            "a phantom of one plane stands for a cylinder along z and cannot be cut along that; use a 3D phantom"
        )
    x, y, _ = spins.position.unbind(1)
    z = (centre @ normal - x * normal[0] - y * normal[1]) / slope
    dx, dy, dz = spins.extent
    column = 2 * half / abs(slope)
    position = torch.stack((x, y, z), dim=1)
    return replace(spins, position=position, extent=(dx, dy, column), equilibrium=spins.equilibrium * (column / dz))


def check_in_view(spins: Spins, encoding: Encoding, *, is_cylinder: bool) -> None:
    """Refuse a phantom that lies outside the field of view of every slice or slab.

    Args:
        spins: of the whole phantom.
        encoding: slices.
        is_cylinder: the phantom goes on along z.

    Raises:
        ValueError: no spin lies in any of them.
    """
    half = torch.tensor(encoding.field_of_view, dtype=torch.float64) / 2
    axes = torch.as_tensor(encoding.directions, dtype=torch.float64)
    for centre in encoding.centres:
        inside = ((spins.position.cpu().double() - torch.as_tensor(centre)) @ axes.T).abs() < half
        if bool(inside[:, is_cylinder:].all(dim=1).any()):
            return
    low, high = (1e3 * edge for edge in (spins.position.amin(0), spins.position.amax(0)))
    raise ValueError(
        f"the phantom lies outside the field of view: it reaches from {low.round().int().tolist()} to "
        f"{high.round().int().tolist()} mm (L, P, S), the slices' centres are "
        f"{(1e3 * encoding.centres).round(1).tolist()} mm, the field of view {encoding.field_of_view} m (z, y, x)"
    )
