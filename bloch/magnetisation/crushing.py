"""Which way isochromats have to be spread for what a sequence's gradients dephase."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bloch.magnetisation.spins import Spins
from bloch.magnetisation.stretches import separated, stretches
from bloch.magnetisation.timeline import Timeline
from bloch.sequence import Encoding

FULL_TURN = 0.9
"""Turns of the phase across a slice from which a gradient along its normal dephases by itself."""

HALF_TURN = 0.5
"""Turns across a pool up to which gradients in the plane only encode."""


def lined_up(spins: Spins, timeline: Timeline, encoding: Encoding) -> Spins:
    """Pools as lines along the slice's normal, where gradients along it do all the dephasing.

    Spoilers and crushers along the normal need many isochromats in that direction, and then none in the others: a
    line of n tells n turns apart, while n points spread in three dimensions let combinations of fewer turns alias.
    The lines stand along that axis of the patient which is nearest to the normal.

    Args:
        spins: pools.
        timeline: what plays.
        encoding: thickness and normal of the slices.

    Returns:
        Spins without extent in the plane; unchanged where a stretch between two pulses dephases in the plane alone.
    """
    whole = separated(timeline)
    parts = stretches(whole)
    until = np.concatenate([np.zeros((1, 3)), whole.moment.detach().cpu().numpy().cumsum(0)])
    free = ~np.asarray(parts.is_pulse)
    moments = (until[parts.last] - until[parts.first])[free]
    normal = encoding.directions[0]
    along = abs(moments @ normal) * encoding.voxel_size[0]
    axis = int(np.argmax(abs(normal)))
    across = abs(moments) * np.array(spins.extent)
    across[:, axis] = 0
    if bool(((across.max(axis=1) > HALF_TURN) & (along < FULL_TURN)).any()):
        return spins
    x, y, z = (edge if i == axis else 0.0 for i, edge in enumerate(spins.extent))
    return replace(spins, extent=(x, y, z))
