"""Few values that stand for many: histograms in several dimensions, and the rows that span a basis."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

BINS_PER_CYCLE = (24, 12, 6)
"""Values that differ by less than this part of a cycle over the whole readout count as one; coarser where needed."""
FEWEST_BINS = 8
"""Of a term, however little it does; a term that does less than ``NEGLIGIBLE`` cycles has one."""
NEGLIGIBLE = 1e-5
UNIFORM = 0.3
"""Part of the weight that all bins share alike, so that the largest error is bounded too and not the mean alone."""


def histogram(values: Tensor, spread: Tensor, *, n_most: int, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Bins of equal values, each with its mean and its share; where there are too many, evenly drawn ones.

    Args:
        values: ``(term, item)``, real or complex.
        spread: of what the values are multiplied with, ``(term,)``; sets the width of the bins.
        n_most: bins.
        weight: of every item, ``(item,)``; None for 1.

    Returns:
        Values ``(term, bin)`` and shares ``(bin,)``, which add to 1.
    """
    for fineness in BINS_PER_CYCLE:
        _, which = torch.unique(_bin_number(values, spread * fineness), return_inverse=True)
        n = int(which.max()) + 1
        if n <= n_most:
            break
    one = torch.ones(values.shape[1], dtype=torch.float64, device=values.device)
    count = torch.zeros(n, dtype=torch.float64, device=values.device).index_add_(0, which, one)
    share = count if weight is None else torch.zeros_like(count).index_add_(0, which, weight)
    mean = torch.zeros(len(values), n, dtype=values.dtype, device=values.device).index_add_(1, which, values) / count
    # Rare values must not be forgotten: they are few voxels, but whole ones.
    share = (1 - UNIFORM) * share / share.sum().clamp_min(1e-300) + UNIFORM / n
    if n > n_most:
        until = share.cumsum(0) / share.sum()
        places = (torch.arange(n_most, dtype=torch.float64, device=values.device) + 0.5) / n_most
        chosen = torch.unique(torch.searchsorted(until, places).clamp(max=n - 1))
        chosen = torch.unique(torch.cat([chosen, torch.tensor([0, n - 1], device=values.device)]))
        mean, share = mean[:, chosen], torch.ones(len(chosen), dtype=torch.float64, device=values.device)
    return mean, share / share.sum()


def first_nodes(rows: Tensor, n: int) -> Tensor:
    """Columns of a basis whose values tell its coefficients best, by QR with pivots, twice if more are wanted.

    Args:
        rows: ``(component, column)``.
        n: wanted columns.

    Returns:
        int64 ``(node,)``, at most ``n`` and at most as many as there are columns.
    """
    left: np.ndarray = np.arange(rows.shape[1])
    matrix = rows.cpu().numpy()
    found: list[np.ndarray] = []
    while len(left) and sum(len(pivots) for pivots in found) < n:
        pivots = scipy.linalg.qr(matrix[:, left], mode="r", pivoting=True)[1][: len(matrix)]
        found.append(left[pivots])
        left = np.delete(left, pivots)
    return torch.from_numpy(np.concatenate(found)[:n]).to(rows.device)


def _bin_number(values: Tensor, spread: Tensor) -> Tensor:
    """One number for the bin in all dimensions, int64 ``(item,)``; neighbours in the last term are neighbours."""
    axes = list(values.real) + (list(values.imag) if values.is_complex() else [])
    widths = torch.cat([spread, spread]) if values.is_complex() else spread
    key = torch.zeros(values.shape[1], dtype=torch.int64, device=values.device)
    for axis, width in zip(axes, widths, strict=True):
        extent = axis.amax() - axis.amin()
        steps = extent * width
        steps = torch.where(steps > NEGLIGIBLE, steps.clamp_min(FEWEST_BINS), 0.0)
        index = ((axis - axis.amin()) / extent.clamp_min(1e-300) * steps).round().long()
        key = key * (index.amax() + 1) + index
    return key
