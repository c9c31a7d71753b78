"""How far to trust the prior's image at each spatial frequency."""

from __future__ import annotations

import torch
from torch import Tensor


def spectral_precision(z: Tensor, weight: Tensor, relative_error: Tensor) -> Tensor:
    """Λ(k) = 1 / (1/λ + ε² |ẑ(k)|²): the prior errs by a constant and by a share of what it shows.

    A learned λ is one number for all frequencies; but an image that is off by 2 % somewhere is off by far more than the
    noise of one sample where k-space is strong, which is where the samples know best.

    Args:
        z: the prior's image in SNR units, without its smooth phase, complex ``(*batch, z, y, x)``.
        weight: λ > 0.
        relative_error: ε ≥ 0.

    Returns:
        Real ``(*batch, z, y, x)`` in the order of ``torch.fft.fftn`` (zero frequency first); no gradient reaches ``z``.
    """
    axes = (-3, -2, -1)
    power = torch.fft.fftn(z.detach(), dim=axes, norm="ortho").abs().square()
    for axis in axes:  # smoothed over the neighbours: a zero between two strong samples is no precise zero
        if power.shape[axis] > 2:
            power = (power + power.roll(1, axis) + power.roll(-1, axis)) / 3
    return 1 / (1 / weight + relative_error.square() * power)
