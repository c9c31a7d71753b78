"""Split the measured samples into disjoint sets: to learn from one and to be judged by the other."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 16  # samples in the smaller part: fewer say nothing
SPREAD = 0.25  # standard deviation of the Gaussian selection over the matrix


def split_samples(
    measured: Tensor,
    share: float,
    *,
    gaussian: bool = False,
    centre: int = 4,
    n_axes: int = 3,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw Λ ⊂ Ω with |Λ| = share · |Ω|, without replacement; Θ = Ω \\ Λ is the rest.

    A uniform selection draws all samples alike, a Gaussian one those near the centre of k-space more often. The middle
    ``centre`` × ``centre`` stays in Θ, since an image without its strongest samples is none. All coils share one split,
    because their samples were taken together.

    Args:
        measured: Ω, bool ``(*batch, 1, *samples)``.
        share: |Λ| / |Ω|, above 0 and below 1.
        gaussian: Gaussian selection, whose standard deviation is a quarter of the matrix along each axis.
        centre: samples along each axis, around index n // 2, that are never drawn; 0 for none.
        n_axes: of the samples: 3 for (kz, ky, kx), 2 for (readout, sample).
        generator: of the draw, on the CPU; None for torch's own.

    Returns:
        Λ, bool of the shape of ``measured``.

    Raises:
        ValueError: a share outside (0, 1), or so few samples that a part would have less than 16.

    Source: Yaman B. et al., Magn Reson Med 84:3172 (2020). Weighted draw without replacement by the largest
    of log-weights plus Gumbel noise, which orders as in Efraimidis and Spirakis, Inf Process Lett 97:181 (2006).
    """
    if not 0 < share < 1:
        raise ValueError(f"the share of held-out samples is {share}, but it must lie above 0 and below 1")
    offsets = _offsets(measured, n_axes)
    eligible = measured & ~_middle(measured, offsets, centre)
    score = torch.zeros(measured.shape[-n_axes:], device=measured.device)
    if gaussian:
        for offset in offsets:
            score = score - 0.5 * (offset / SPREAD).square()
    uniform = torch.rand(measured.shape, generator=generator).to(measured.device)
    score = score - torch.log(-torch.log(uniform.clamp(1e-12, 1 - 1e-7)))
    score = torch.where(eligible, score, -torch.inf).flatten(-n_axes)
    n_measured, n_eligible = (flags.flatten(-n_axes).sum(-1, keepdim=True) for flags in (measured, eligible))
    n_drawn = torch.minimum((share * n_measured).round(), n_eligible).to(torch.int64)
    _check(n_measured, n_drawn, share)
    rank = score.argsort(-1, descending=True).argsort(-1)
    return (rank < n_drawn).reshape(measured.shape)


def chi_square(residual: Tensor, kept: Tensor, *, n_axes: int = 3) -> Tensor:
    """χ² = Σ |r|² / (2 n) over the kept samples of all coils: 1 where nothing but noise is left, in SNR units.

    Args:
        residual: E x − y, complex ``(*batch, coil, *samples)``.
        kept: which samples count, bool or real ``(*batch, 1, *samples)``.
        n_axes: of the samples.

    Returns:
        Real ``(*batch)``.
    """
    axes = tuple(range(-n_axes - 1, 0))
    kept = kept.to(residual.real.dtype)
    squares = residual.real.square() + residual.imag.square()
    count = kept.sum(axes) * residual.shape[-n_axes - 1]
    return (kept * squares).sum(axes) / (2 * count.clamp_min(1))


def _offsets(measured: Tensor, n_axes: int) -> list[Tensor]:
    """Distance of each sample from the centre over the matrix, along each axis."""
    axes = [(torch.arange(n, device=measured.device) - n // 2) / n for n in measured.shape[-n_axes:]]
    return list(torch.meshgrid(*axes, indexing="ij"))


def _middle(measured: Tensor, offsets: list[Tensor], centre: int) -> Tensor:
    middle = torch.full(measured.shape[-len(offsets) :], centre > 0, device=measured.device)
    for offset, n in zip(offsets, measured.shape[-len(offsets) :], strict=True):
        if n > 1:  # a 2D slice has one plane, which is no reason to keep it
            index = (offset * n).round()
            middle &= (index >= -(centre // 2)) & (index < centre - centre // 2)
    return middle


def _check(n_measured: Tensor, n_drawn: Tensor, share: float) -> None:
    least = torch.minimum(n_drawn, n_measured - n_drawn)
    if int(least.min()) < LEAST:
        worst = int(least.argmin())
        raise ValueError(
            f"a scan has {int(n_measured.flatten()[worst])} measured samples; with a share of {share:g} held out, one "
            f"part would have {int(least.min())}, and less than {LEAST} samples teach or judge nothing; give a share "
            "nearer to a half, or leave such scans out"
        )
