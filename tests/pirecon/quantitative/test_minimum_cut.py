"""Minimum cuts against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pirecon.quantitative.field_search import next_minima
from pirecon.quantitative.minimum_cut import best_jumps, grid_pairs


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("direction", [1, -1])
def test_jumps_are_the_best_of_all_choices(seed: int, direction: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = grid_pairs((2, 5), (0.7, 0.2))
    labels = rng.integers(0, 9, 10).astype(float)
    jumped = labels + direction * rng.integers(0, 6, 10)
    gain = rng.normal(scale=5, size=10)
    energies = {}
    for choice in itertools.product((False, True), repeat=10):
        taken = np.array(choice)
        energies[choice] = gain[taken].sum() + pairs.energy(np.where(taken, jumped, labels))
    found = best_jumps(gain, labels, jumped, pairs)
    assert energies[tuple(found.tolist())] == pytest.approx(min(energies.values()), abs=1e-3)


def test_pairs_of_a_grid_are_its_neighbours() -> None:
    pairs = grid_pairs((2, 1, 3), (5.0, 1.0, 2.0))
    found = sorted(zip(pairs.one.tolist(), pairs.other.tolist(), pairs.weight.tolist(), strict=True))
    assert found == [(0, 1, 2.0), (0, 3, 5.0), (1, 2, 2.0), (1, 4, 5.0), (2, 5, 5.0), (3, 4, 2.0), (4, 5, 2.0)]


def test_next_minima_of_a_curve() -> None:
    cost = np.array([2.0, 1.0, 3.0, 0.0, 0.5, 0.2])[:, None]  # minima at 1, 3 and 5
    above, below = next_minima(cost)
    assert above[:, 0].tolist() == [1, 3, 3, 5, 5, 5]
    assert below[:, 0].tolist() == [0, 1, 1, 1, 3, 3]
