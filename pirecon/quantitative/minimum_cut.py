"""The better of two proposals for every voxel at once: a minimum cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

LARGEST_FLOW = 2**30  # scipy counts in 32 bit


@dataclass(frozen=True)
class Pairs:
    """Neighbours that are to be alike: the energy of a pair is weight · (label difference)².

    Attributes:
        one, other: indices of nodes, int ``(pair,)``.
        weight: float ``(pair,)``, at least 0.
    """

    one: np.ndarray
    other: np.ndarray
    weight: np.ndarray

    def energy(self, labels: np.ndarray) -> float:
        """Of all pairs together."""
        return float((self.weight * np.square(labels[self.one] - labels[self.other])).sum())


def grid_pairs(shape: tuple[int, ...], weights: tuple[float, ...]) -> Pairs:
    """Neighbours along every axis of a grid, whose nodes are numbered in C order.

    Args:
        shape: of the grid.
        weights: of the pairs along each axis.

    Returns:
        Pairs.
    """
    nodes = np.arange(int(np.prod(shape))).reshape(shape)
    ones, others, values = [], [], []
    for axis, weight in enumerate(weights):
        one = np.take(nodes, range(shape[axis] - 1), axis).ravel()
        ones.append(one)
        others.append(np.take(nodes, range(1, shape[axis]), axis).ravel())
        values.append(np.full(len(one), weight))
    return Pairs(np.concatenate(ones), np.concatenate(others), np.concatenate(values))


def best_jumps(gain: np.ndarray, labels: np.ndarray, jumped: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Which nodes jump, in the minimum over all 2^n choices of Σ_v D_v + Σ_pairs w (f_v − f_u)².

    With (f_v − f_u)² and jumps that all go up or all go down, E01 + E10 − E00 − E11 = 2 w Δ_v Δ_u ≥ 0: the energy is
    submodular, and a minimum cut is its global minimum.

    Args:
        gain: D_v(jumped) − D_v(label), float ``(node,)``.
        labels: f, float ``(node,)``.
        jumped: where each would jump, all ≥ or all ≤ ``labels``.
        pairs: neighbours.

    Returns:
        bool ``(node,)``.

    Source: Kolmogorov and Zabih, IEEE Trans Pattern Anal Mach Intell 26:147 (2004), theorem 4.1; Hernando et al., Magn
    Reson Med 63:79 (2010), for the jumps of a field map.
    """
    one, other, weight = pairs.one, pairs.other, pairs.weight
    stay = weight * np.square(labels[one] - labels[other])
    only_other = weight * np.square(labels[one] - jumped[other])
    only_one = weight * np.square(jumped[one] - labels[other])
    both = weight * np.square(jumped[one] - jumped[other])
    price = gain.astype(float).copy()
    np.add.at(price, one, only_one - stay)
    np.add.at(price, other, both - only_one)
    return _cut(price, one, other, np.maximum(only_other + only_one - stay - both, 0))


def _cut(price: np.ndarray, one: np.ndarray, other: np.ndarray, link: np.ndarray) -> np.ndarray:
    """argmin over x in {0, 1}ⁿ of Σ price x + Σ link (1 − x_one) x_other: those beyond the cut."""
    n = len(price)
    source, sink = n, n + 1
    up, down = np.flatnonzero(price > 0), np.flatnonzero(price < 0)
    if not len(down):
        return np.zeros(n, bool)
    rows = np.concatenate([one, np.full(len(up), source), down])
    columns = np.concatenate([other, up, np.full(len(down), sink)])
    capacity = np.concatenate([link, price[up], -price[down]])
    scale = min(1e6 / capacity.max(), LARGEST_FLOW / max(price[up].sum(), 1e-30))
    whole = np.minimum(np.rint(capacity * scale), LARGEST_FLOW).astype(np.int32)
    graph = csr_array((whole, (rows, columns)), shape=(n + 2, n + 2))
    left = graph - maximum_flow(graph, source, sink).flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    reached = np.zeros(n + 2, bool)
    reached[breadth_first_order(left, source, return_predecessors=False)] = True
    return ~reached[:n]
