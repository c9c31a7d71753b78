"""How many isochromats a pool needs, so that what should have dephased does not come back as signal."""

from __future__ import annotations

import math

import torch

from bloch.magnetisation.spins import Spins
from bloch.magnetisation.stretches import separated, stretches
from bloch.magnetisation.timeline import Timeline


def isochromats_needed(spins: Spins, timeline: Timeline) -> int:
    """Isochromats in a pool that keep dephased magnetisation from aliasing."""
    whole = separated(timeline)
    parts = stretches(whole)
    extent = torch.tensor(spins.extent, dtype=torch.float64)
    turns = [0.0]
    for first, last, is_pulse in zip(parts.first, parts.last, parts.is_pulse, strict=True):
        if not is_pulse:
            turns.append(float((whole.moment[first:last].sum(0).abs() * extent).max()))
    return max(math.ceil(2 * max(turns)), 1)
