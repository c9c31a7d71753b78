"""How much of k-space each sample of a non-Cartesian scan stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.algebra.nufft import Nufft, check_points

ACCURACY = 1e-4
MARGIN = 4
"""Cells between the ends of k-space, which the transform would otherwise join."""


def pipe_menon(
    points: Tensor,
    shape: Sequence[int],
    *,
    measured: Tensor | None = None,
    n_iterations: int = 30,
    tolerance: float = 0.01,
) -> Tensor:
    """w ← w / (C w) until C w = 1 at every sample, with (C w)_j = Σ_i κ(p_j − p_i) w_i.

    κ(u) is the product over the axes of (sin πu / (n sin(πu/n)))², near sinc²: the transform of the autocorrelation of
    the field of view, so that C w = 1 is what makes the point spread function of A.H w A a peak within it. κ is never
    negative, and neither are the weights.

    κ(0) = 1, so w counts cells of the grid: 1 for every sample of a Cartesian scan, 1/2 for those measured twice, about
    π |k| Δk / (number of spokes) along a spoke from edge to edge; the sum is the area of k-space that was covered. The
    adjoint A.H(w y) of :class:`~pirecon.algebra.nufft.Nufft` is therefore an image in the unit of the Cartesian one. Do
    not use w as weights of a least-squares fit: it has nothing to do with noise.

    Args:
        points: float ``(*samples, 3)`` along z, y, x, cycles per field of view.
        shape: of the image, (z, y, x).
        measured: bool or number ``(*samples)``; where it is 0 the weight is 0. None: all.
        n_iterations: at most.
        tolerance: stop when the root mean square of C w − 1 is below it.

    Returns:
        w, float32 ``(*samples)``.

    Raises:
        ValueError: as :class:`~pirecon.algebra.nufft.Nufft`, or ``measured`` has another shape, or is 0 everywhere.

    Source: Pipe J. G., Menon P., Magn Reson Med 41:179 (1999); this kernel: Johnson K. O., Pipe J. G., Magn Reson Med
    61:439 (2009).
    """
    check_points(points, shape)
    mask = _mask(points, measured)
    kept = points.detach()[mask]
    fringe = tuple(n + MARGIN if n > 1 else 1 for n in shape)
    doubled = tuple(2 * n if n > 1 else 1 for n in fringe)
    transform = Nufft(2 * kept.double(), doubled, accuracy=ACCURACY)
    taper = _autocorrelation(fringe, doubled, points.device) * (math.prod(doubled) / math.prod(fringe))
    w = torch.ones(len(kept), dtype=torch.float32, device=points.device)
    for _ in range(n_iterations):
        covered = transform.forward(taper * transform.adjoint(w.to(torch.complex64))).real
        # Rounding of the transform is relative to its largest value.
        covered = covered.clamp_min(ACCURACY * float(covered.max()))
        w = w / covered
        if float((covered - 1).square().mean().sqrt()) < tolerance:
            break
    weights = torch.zeros(points.shape[:-1], dtype=torch.float32, device=points.device)
    weights[mask] = w
    return weights


def _mask(points: Tensor, measured: Tensor | None) -> Tensor:
    if measured is None:
        return torch.ones(points.shape[:-1], dtype=torch.bool, device=points.device)
    if measured.shape != points.shape[:-1] or not bool((measured != 0).any()):
        raise ValueError(
            f"measured must say for each of the samples {tuple(points.shape[:-1])} whether it was measured, and some "
            f"must have been; found {tuple(measured.shape)} with {int((measured != 0).sum())} measured"
        )
    return measured != 0


def _autocorrelation(shape: tuple[int, ...], doubled: tuple[int, ...], device: torch.device) -> Tensor:
    """Overlap of the field of view with itself, moved by r − n voxels, as a fraction; ``doubled``."""
    taper = torch.ones((1, 1, 1), device=device)
    for axis, (n, m) in enumerate(zip(shape, doubled, strict=True)):
        if n > 1:
            distance = (torch.arange(m, device=device) - n).abs()
            taper = taper * (1 - distance / n).reshape([m if a == axis else 1 for a in range(3)])
    return taper
