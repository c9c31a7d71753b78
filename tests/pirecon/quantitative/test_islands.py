"""Islands of signal that are wrong as a whole come back, through gaps that follow."""

from __future__ import annotations

import numpy as np

from pirecon.quantitative.islands import move_islands
from pirecon.quantitative.minimum_cut import grid_pairs

N_LABELS, STEP, SHAPE = 41, 12, (1, 5, 30)


def test_two_islands_that_hold_each_other_in_the_wrong_place_move_together() -> None:
    """Minima at the truth and, slightly worse, a step above; four islands of three columns, the first two are wrong."""
    label = np.arange(N_LABELS)[:, None]
    cost = np.zeros((N_LABELS, *SHAPE[1:]))
    truth = np.zeros(SHAPE[1:])
    for i, level in enumerate((8, 8, 14, 18)):
        here = slice(2 + 7 * i, 5 + 7 * i)
        minima = np.minimum((label - level) ** 2, (label - level - STEP) ** 2 + 0.5)
        cost[:, :, here], truth[:, here] = np.minimum(40, minima)[:, :, None], level
    pairs = grid_pairs(SHAPE, (0.02,) * 3)
    values = cost.reshape(N_LABELS, -1)
    start = truth.copy()
    start[:, :13] += STEP * (truth[:, :13] > 0)
    found = move_islands(values, start.astype(int).ravel(), pairs, SHAPE, STEP).reshape(SHAPE[1:])
    assert np.array_equal(found[truth > 0], truth[truth > 0].astype(int))
    gap = found[2, 19:23]
    assert np.all(np.diff(gap) >= 0)
    assert 14 <= gap[0] <= gap[-1] <= 18


def test_one_island_stays_where_it_is() -> None:
    cost = np.tile(np.square(np.arange(9.0) - 4)[:, None], (1, 6)) * 10
    labels = np.full(6, 4)
    assert move_islands(cost, labels, grid_pairs((1, 1, 6), (1.0,) * 3), (1, 1, 6), 3) is labels
