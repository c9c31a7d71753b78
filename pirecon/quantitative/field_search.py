"""The field map when the residual has many minima: discrete optimisation from coarse to fine."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d, interpolate

from pirecon.quantitative.islands import move_islands
from pirecon.quantitative.minimum_cut import Pairs, best_jumps, grid_pairs

MOST_NODES = 80_000
"""Voxels of a graph; finer levels of large volumes follow the next coarser one."""
SMALLEST_EDGE = 8
MOST_ROUNDS = 12


def search_field(cost: Tensor, weights: tuple[float, float, float], jumps: tuple[int, ...]) -> Tensor:
    """argmin over labels f of Σ_v D_v(f_v) + Σ_pairs w (f_v − f_u)², to where no jump of many voxels lowers it.

    From coarse blocks of voxels, whose costs add up, to single voxels. At each level the voxels are offered: the next
    local minimum of their own cost above or below, or a common step, and a minimum cut decides for all together. Then
    parts with gaps between them are offered the first of the steps each.

    Args:
        cost: D, float ``(label, z, y, x)``.
        weights: w of pairs along z, y, x, for labels as units.
        jumps: common steps to offer in both directions, in labels.

    Returns:
        Labels, int64 ``(z, y, x)``.

    Source: Hernando et al., Magn Reson Med 63:79 (2010); from coarse to fine as Lu and Hargreaves, Magn Reson Med
    60:236 (2008).
    """
    levels = [(cost, (1, 1, 1))]
    while max(levels[-1][0].shape[1:]) > SMALLEST_EDGE:
        finer, blocks = levels[-1]
        halve = tuple(2 if n > SMALLEST_EDGE else 1 for n in finer.shape[1:])
        edges = (blocks[0] * halve[0], blocks[1] * halve[1], blocks[2] * halve[2])
        pooled = avg_pool3d(finer.unsqueeze(1), halve, ceil_mode=True, divisor_override=1).squeeze(1)
        levels.append((pooled, edges))
    labels: Tensor | None = None
    for level, edges in reversed(levels):
        size = math.prod(edges)
        scaled = tuple(w * size / edge**2 for w, edge in zip(weights, edges, strict=True))
        labels = _at_level(level, scaled, labels, jumps)
    assert labels is not None  # there is at least one level
    return labels


def _at_level(cost: Tensor, weights: tuple[float, ...], coarse: Tensor | None, jumps: tuple[int, ...]) -> Tensor:
    shape = cost.shape[1:]
    if coarse is None:
        start = cost.argmin(0)
    else:
        size = list(shape)
        smooth = interpolate(coarse.to(cost)[None, None], size=size, mode="trilinear", align_corners=False)[0, 0]
        label = torch.arange(len(cost), dtype=cost.dtype, device=cost.device)[:, None, None, None]
        start = (cost + 2 * sum(weights) * (label - smooth).square()).argmin(0)
    if math.prod(shape) > MOST_NODES:
        return start
    values = cost.flatten(1).cpu().double().numpy()
    pairs = grid_pairs(tuple(shape), tuple(weights))
    found = _descend(values, start.flatten().cpu().numpy(), pairs, jumps)
    found = _descend(values, move_islands(values, found, pairs, tuple(shape), jumps[0]), pairs, jumps)
    return torch.from_numpy(found).reshape(shape).to(cost.device)


def _descend(cost: np.ndarray, labels: np.ndarray, pairs: Pairs, jumps: tuple[int, ...]) -> np.ndarray:
    """Offer every kind of jump in turn until none is taken."""
    above, below = next_minima(cost)
    nodes, last = np.arange(cost.shape[1]), len(cost) - 1
    refused, turn, kinds = 0, 0, 2 + 2 * len(jumps)
    while refused < kinds and turn < kinds * MOST_ROUNDS:
        kind = turn % kinds
        if kind < 2:
            proposal = (above, below)[kind][labels, nodes].astype(np.int64)
        else:
            step = jumps[kind // 2 - 1] * (1 if kind % 2 else -1)
            proposal = np.clip(labels + step, 0, last)
        gain = cost[proposal, nodes] - cost[labels, nodes]
        jumping = best_jumps(gain, labels.astype(float), proposal.astype(float), pairs)
        better = np.where(jumping, proposal, labels)
        lowered = _energy(cost, better, pairs) < _energy(cost, labels, pairs) - 1e-6
        labels, refused, turn = (better if lowered else labels), (0 if lowered else refused + 1), turn + 1
    return labels


def _energy(cost: np.ndarray, labels: np.ndarray, pairs: Pairs) -> float:
    return float(cost[labels, np.arange(cost.shape[1])].sum()) + pairs.energy(labels.astype(float))


def next_minima(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every label the next local minimum above and below, the label itself where there is none.

    Args:
        cost: ``(label, node)``.

    Returns:
        Two int32 arrays ``(label, node)``.
    """
    n = len(cost)
    own = np.broadcast_to(np.arange(n, dtype=np.int32)[:, None], cost.shape)
    lower_left = np.concatenate([np.ones((1, cost.shape[1]), bool), cost[1:] < cost[:-1]])
    lower_right = np.concatenate([cost[:-1] <= cost[1:], np.ones((1, cost.shape[1]), bool)])
    minimum = lower_left & lower_right
    rising = np.where(minimum, own, n)
    first_from = np.minimum.accumulate(rising[::-1])[::-1]
    above = np.concatenate([first_from[1:], np.full((1, cost.shape[1]), n, np.int32)])
    falling = np.where(minimum, own, -1)
    last_to = np.maximum.accumulate(falling)
    below = np.concatenate([np.full((1, cost.shape[1]), -1, np.int32), last_to[:-1]])
    return np.where(above == n, own, above), np.where(below == -1, own, below)
