"""Exact time integrals of piecewise linear gradients, and of their products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bloch.sequence.events import Gradient
from bloch.tissue import GYROMAGNETIC_RATIO

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Which products are kept, in this order: xx, yy, zz, xy, xz, yz."""


def moments(gradients: Sequence[Gradient | None], times: np.ndarray) -> np.ndarray:
    """γ/2π ∫ G dt between the given times.

    Args:
        gradients: on x, y, z.
        times: ``(n + 1,)``, growing, s.

    Returns:
        Float64 ``(n, 3)``, 1/m.
    """
    found = np.zeros((len(times) - 1, 3))
    for axis, gradient in enumerate(gradients):
        if gradient is not None:
            t, G = gradient.times, gradient.amplitudes
            until = np.concatenate(([0.0], np.cumsum(np.diff(t) * (G[1:] + G[:-1]) / 2)))
            inside = np.clip(times, t[0], t[-1])
            i = np.clip(np.searchsorted(t, inside, side="right") - 1, 0, len(t) - 2)
            since = inside - t[i]
            slope = ((G[1:] - G[:-1]) / np.diff(t))[i]
            level = G[i] + slope * since
            area = np.diff(until[i] + since * (G[i] + level) / 2)
            # Within a straight piece without the sum up to it: equal steps have equal moments to the last bit.
            within = (np.diff(i) == 0) & (inside[:-1] == times[:-1]) & (inside[1:] == times[1:])
            direct = np.diff(times).round(12) * (level[:-1] + level[1:]) / 2
            found[:, axis] = GYROMAGNETIC_RATIO * np.where(within, direct, area)
    return found


def mean_products(gradients: Sequence[Gradient | None], times: np.ndarray) -> np.ndarray:
    """γ/2π ∫ G_i G_j dt between the given times, by Simpson's rule, which is exact for these parabolas.

    Args:
        gradients: on x, y, z.
        times: ``(n + 1,)``, growing, s.

    Returns:
        Float64 ``(n, 6)``, order of ``PAIRS``, Hz/T · (T/m)² · s.
    """
    if all(gradient is None for gradient in gradients):
        return np.zeros((len(times) - 1, len(PAIRS)))
    corners = [g.times for g in gradients if g is not None]
    inner = np.concatenate(corners)
    nodes = np.union1d(times, inner[(inner > times[0]) & (inner < times[-1])])
    middle = (nodes[1:] + nodes[:-1]) / 2
    # Just inside the borders: a gradient that ends above zero falls there at once.
    just = 1e-9 * np.diff(nodes)
    at = [_values(gradients, t) for t in (nodes[:-1] + just, middle, nodes[1:] - just)]
    pieces = sum(w * np.stack([G[i] * G[j] for i, j in PAIRS], -1) for w, G in zip((1, 4, 1), at, strict=True))
    until = np.concatenate([np.zeros((1, len(PAIRS))), np.cumsum(pieces * (np.diff(nodes) / 6)[:, None], axis=0)])
    return GYROMAGNETIC_RATIO * np.diff(until[np.searchsorted(nodes, times)], axis=0)


def _values(gradients: Sequence[Gradient | None], times: np.ndarray) -> list[np.ndarray]:
    silent = np.zeros(len(times))
    return [silent if g is None else np.interp(times, g.times, g.amplitudes, left=0.0, right=0.0) for g in gradients]


def turned_products(products: Tensor, axes: Tensor) -> Tensor:
    """Moments of G_i G_j along other axes: A Q Aᵀ.

    Args:
        products: ``(step, 6)``, order of ``PAIRS``.
        axes: A, whose rows are the new axes in the old ones, ``(3, 3)`` or ``(step, 3, 3)``.

    Returns:
        ``(step, 6)``, order of ``PAIRS``.
    """
    xx, yy, zz, xy, xz, yz = products.unbind(-1)
    Q = torch.stack([torch.stack(row, -1) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))], -2)
    Q = axes @ Q @ axes.mT
    return torch.stack([Q[:, i, j] for i, j in PAIRS], dim=1)
