"""Parts of the object with nothing between them: each may be a fat-water distance off as a whole."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

from pirecon.quantitative.minimum_cut import Pairs

SURE = 25.0
"""Costs of labels differ by more than this where there is signal."""
SMALLEST, MOST = 4, 60  # voxels of an island; islands
MOST_NODES = 30_000
REACH = 3  # labels
MOST_ROUNDS = 3


def move_islands(cost: np.ndarray, labels: np.ndarray, pairs: Pairs, shape: tuple[int, ...], step: int) -> np.ndarray:
    """Offer islands, alone and in pairs, a step up and down, with the labels of the gaps between them bending along.

    A common step of an island and no more tears the field at its shore, and a minimum cut refuses it although the
    field on the far side, once bent, would have less energy. In the gaps labels without data are harmonic.

    Args:
        cost: D ``(label, node)``.
        labels: where to start ``(node,)``.
        pairs: neighbours.
        shape: of the grid whose nodes are numbered in C order.
        step: in labels.

    Returns:
        Labels with no more energy.
    """
    sure = np.ptp(cost, axis=0) > SURE
    numbered, n = label(sure.reshape(shape))
    islands = [np.flatnonzero(numbered.ravel() == i) for i in range(1, n + 1)]
    islands = sorted((i for i in islands if len(i) >= SMALLEST), key=len, reverse=True)[:MOST]
    gaps = np.flatnonzero(~sure)
    if len(islands) < 2 or not len(gaps) or len(labels) > MOST_NODES:
        return labels
    L = _laplacian(pairs, len(labels))
    bend, last, nodes = splu(L[gaps][:, gaps]), len(cost) - 1, np.arange(len(labels))

    def energy(f: np.ndarray) -> float:
        return float(cost[f, nodes].sum()) + pairs.energy(f.astype(float))

    least = energy(labels)
    for _ in range(MOST_ROUNDS):
        before = least
        for island in _alone_and_in_pairs(islands, shape):
            for jump in (step, -step):
                moved = labels.astype(float)
                moved[island] = _nearby_minimum(cost[:, island], labels[island] + jump)
                moved[gaps] = 0
                moved[gaps] = bend.solve(-(L @ moved)[gaps])
                offered = np.clip(np.rint(moved), 0, last).astype(np.int64)
                found = energy(offered)
                if found < least - 1e-6:
                    labels, least = offered, found
        if least == before:
            break
    return labels


def _alone_and_in_pairs(islands: list[np.ndarray], shape: tuple[int, ...]) -> list[np.ndarray]:
    """Each island, and each with either of the two nearest: neighbours that are wrong together hold each other."""
    middles = np.array([np.mean(np.unravel_index(island, shape), axis=1) for island in islands])
    distance = np.linalg.norm(middles[:, None] - middles, axis=-1)
    nearest = distance.argsort(axis=1)[:, 1:3]
    pairs = sorted({(min(i, j), max(i, j)) for i, row in enumerate(nearest.tolist()) for j in row})
    return islands + [np.concatenate([islands[i], islands[j]]) for i, j in pairs]


def _nearby_minimum(cost: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The label of least cost within ``REACH`` of a target: fat's distance is no whole number of labels."""
    near = np.clip(target + np.arange(-REACH, REACH + 1)[:, None], 0, len(cost) - 1)
    best = cost[near, np.arange(len(target))].argmin(0)
    return near[best, np.arange(len(target))]


def _laplacian(pairs: Pairs, n: int) -> csc_array:
    """Of the energy of pairs, with a little on the diagonal for gaps that touch no island."""
    rows = np.concatenate([pairs.one, pairs.other])
    columns = np.concatenate([pairs.other, pairs.one])
    weights = np.concatenate([pairs.weight, pairs.weight])
    degree = np.bincount(rows, weights, minlength=n) * (1 + 1e-9)
    diagonal = csc_array((degree, (np.arange(n), np.arange(n))), shape=(n, n))
    return csc_array(diagonal - csc_array((weights, (rows, columns)), shape=(n, n)))
