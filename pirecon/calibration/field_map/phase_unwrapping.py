"""Phase without its jumps of 2π."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import distance_transform_edt, generate_binary_structure, label
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

TURN = 2 * math.pi
FEWEST_VOXELS = 4  # of an island that decides its own number of turns


def unwrap_phase(phase: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Unwrap a phase along its most trustworthy paths.

        φ_unwrapped = φ + 2π n,  n integer

    Neighbours are joined by the spanning tree of the largest quality (each edge has that of its worse voxel), so a path
    goes round noise instead of through it. Islands without signal between them are set, the largest first, to the
    number of turns that makes the smallest step to the nearest voxel of what is unwrapped already; as a whole, the
    median of the result, weighted by quality, lies in (−π, π].

    Args:
        phase: ``(z, y, x)``, or any number of axes, rad.
        quality: same shape, at least 0; voxels of quality 0 hold no signal and are left as they are.

    Returns:
        float64, congruent to ``phase``.

    Raises:
        ValueError: the shapes differ, or a quality is negative or not finite.

    Source: Ching N. H. et al., IEEE Trans Image Process 1:355 (1992), minimum spanning trees; quality-guided paths
        as in Ghiglia D. C., Pritt M. D., Two-Dimensional Phase Unwrapping (1998), section 4.3.
    """
    if phase.shape != quality.shape or not np.isfinite(quality).all() or (quality < 0).any():
        raise ValueError(
            f"unwrapping needs a quality of at least 0 for every voxel; found phase of shape {phase.shape} and quality "
            f"of shape {quality.shape}, {int((~(quality >= 0)).sum())} of them negative or NaN"
        )
    unwrapped = np.array(phase, dtype=np.float64)
    signal = quality > 0
    islands, n_islands = label(signal, structure=generate_binary_structure(phase.ndim, 1))
    if n_islands == 0:
        return unwrapped
    unwrapped[signal] += TURN * _turns_along_tree(unwrapped, quality)[signal]
    _join_islands(unwrapped, islands, quality)
    middle = _weighted_median(unwrapped[signal], quality[signal])
    unwrapped[signal] -= TURN * np.ceil((middle - math.pi) / TURN)
    return unwrapped


def _turns_along_tree(phase: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Turns to add to each voxel so that no edge of the best spanning tree steps by more than π."""
    index = np.arange(phase.size).reshape(phase.shape)
    starts, ends = [], []
    for axis in range(phase.ndim):
        a, b = np.delete(index, -1, axis).ravel(), np.delete(index, 0, axis).ravel()
        both = (quality.flat[a] > 0) & (quality.flat[b] > 0)
        starts.append(a[both])
        ends.append(b[both])
    a, b = np.concatenate(starts), np.concatenate(ends)
    worse = np.minimum(quality.flat[a], quality.flat[b])
    cost = 2 - worse / max(float(quality.max()), np.finfo(float).tiny)  # positive: zero is no edge
    tree = minimum_spanning_tree(csr_array((cost, (a, b)), shape=(phase.size, phase.size)))
    rows, columns = tree.nonzero()
    # One more node touches a voxel of every island: a single walk reaches all.
    roots = _roots(tree, quality)
    n = phase.size
    rows, columns = np.concatenate([rows, np.full(len(roots), n)]), np.concatenate([columns, roots])
    graph = csr_array((np.ones(len(rows)), (rows, columns)), shape=(n + 1, n + 1))
    order, before = breadth_first_order(graph, n, directed=False)
    return _sum_to_root(phase, order, before)


def _roots(tree: csr_array, quality: np.ndarray) -> np.ndarray:
    """The best voxel of each island."""
    _, part = connected_components(tree, directed=False)
    voxels = np.flatnonzero(quality.ravel() > 0)
    by_quality = voxels[np.argsort(-quality.ravel()[voxels], kind="stable")]
    _, first = np.unique(part[by_quality], return_index=True)
    return np.asarray(by_quality[first])


def _sum_to_root(phase: np.ndarray, order: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Sum the turns of all edges from each voxel to the root, doubling the length of the path in every step."""
    n = phase.size
    values = np.append(phase.ravel(), 0.0)
    parent = np.full(n + 1, n)
    parent[order[1:]] = before[order[1:]]
    turns = -np.round((values - values[parent]) / TURN)
    turns[(parent == n)] = 0
    while (parent != n).any():
        turns, parent = turns + turns[parent], parent[parent]
    return np.asarray(turns[:n].reshape(phase.shape))


def _join_islands(unwrapped: np.ndarray, islands: np.ndarray, quality: np.ndarray) -> None:
    """Turn whole islands, in place."""
    sizes = np.bincount(islands.ravel())[1:]
    order = np.argsort(-sizes, kind="stable") + 1
    joined = islands == order[0]
    for island in order[1:]:
        if sizes[island - 1] < FEWEST_VOXELS:
            break
        here = islands == island
        distance, nearest = distance_transform_edt(~joined, return_indices=True)
        closest = here & (distance <= distance[here].min() + 1)
        step = unwrapped[closest] - unwrapped[tuple(nearest[:, closest])]
        unwrapped[here] -= TURN * np.round(_weighted_median(step, quality[closest]) / TURN)
        joined |= here


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
