"""Which lines share a pose."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_STATES = 16
FEWEST_LINES = 4
"""Of a state: three numbers (six in 3D) have to be found from it."""


def states_of(shots: Tensor, *, most: int = MOST_STATES, fewest_lines: int = FEWEST_LINES) -> tuple[Tensor, Tensor]:
    """Put neighbouring shots together until there are few states, each with enough lines.

    Args:
        shots: number of the shot of each line, growing with time, −1 where nothing was measured; integer, any shape.
        most: states.
        fewest_lines: of a state.

    Returns:
        State of each line, same shape, −1 where nothing was measured; and the first shot of each state, ``(state,)``.

    Raises:
        ValueError: no line was measured.
    """
    numbers, line_counts = torch.unique(shots[shots >= 0], return_counts=True)
    if not len(numbers):
        raise ValueError("none of the lines belongs to a shot (all are −1): nothing was measured")
    n = max(1, min(most, len(numbers), int(line_counts.sum()) // fewest_lines))
    # A shot belongs to the state that its middle line falls into when all lines are shared out evenly.
    middle = line_counts.cumsum(0) - line_counts / 2
    state = (middle * n / line_counts.sum()).long().clamp_max(n - 1)
    _, state = torch.unique(state, return_inverse=True)
    table = torch.full((int(numbers.max()) + 1,), -1, dtype=torch.long, device=shots.device)
    table[numbers] = state
    first = torch.stack([numbers[state == s][0] for s in range(int(state.max()) + 1)])
    return torch.where(shots >= 0, table[shots.clamp_min(0)], -1), first
