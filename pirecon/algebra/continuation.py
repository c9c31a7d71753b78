"""Regularisation that starts strong and sinks to its aim, so that a solver fills missing data fast."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

# Of the brightest voxel: above noise at any SNR, below the structures that matter.
START = 0.03
# Deepest ratio of aim to start; an aim of zero is reached with a last jump.
FLOOR = 1e-4


def continuation(aim: Tensor, image: Tensor, *, n_sinking: int) -> Iterator[Tensor]:
    """λ_k = λ₀ (λ/λ₀)^(k/K) for the first K iterations, λ from then on; λ₀ = max(λ, 0.03 max|E.H y|).

    A proximal step moves the image by about λ. Data of high SNR want a small λ, with which missing samples would
    take hundreds of iterations to fill in; data of low SNR start at their λ and notice nothing.

    Args:
        aim: λ ≥ 0, ``(*batch or 1s, 1, 1, 1)``.
        image: E.H y, complex ``(*batch, z, y, x)``.
        n_sinking: K.

    Yields:
        λ_k without end, shape that ``aim`` and ``image`` broadcast to.

    Source: Hale, Yin and Zhang, SIAM J Optim 19:1107 (2008), section 4.2.
    """
    start = torch.maximum(aim, START * image.abs().amax(dim=(-3, -2, -1), keepdim=True))
    ratio = torch.where(start > 0, aim / start, 1.0).clamp_min(FLOOR)
    for k in range(n_sinking):
        yield start * ratio ** (k / n_sinking)
    while True:
        yield aim.expand_as(start)
