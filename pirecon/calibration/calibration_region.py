"""The fully sampled block around the centre of k-space."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.rawdata.kspace import KSpace

LARGEST_REGION = 24  # samples on each axis: more of them hold noise, not coil information


def find_calibration_region(kspace: KSpace, *, largest: int = LARGEST_REGION) -> tuple[slice, slice, slice] | None:
    """The largest block, up to ``largest`` on each axis, that holds the peak of k-space and no gap.

    It is grown from the strongest measured sample (all coils and batch entries together, smoothed over neighbours),
    which need not be where the header puts the centre.

    Returns:
        Slices of ``(kz, ky, kx)``, one sample wide on an axis whose neighbours were not measured; ``None`` if no sample
        was measured in all batch entries.
    """
    measured = (kspace.weights > 0).reshape(-1, *kspace.weights.shape[-3:]).all(dim=0)
    if not bool(measured.any()):
        return None
    low = list(_strongest(kspace, measured))
    high = [i + 1 for i in low]
    growing = True
    while growing:
        growing = False
        for axis in range(3):
            for side in (0, 1):
                growing |= _grow(measured, low, high, axis, side, largest)
    z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
    return z, y, x


def find_peak(kspace: KSpace) -> tuple[int, int, int]:
    """Index ``(kz, ky, kx)`` of the strongest sample of all coils and batch entries, smoothed over its neighbours."""
    return _strongest(kspace, torch.ones(kspace.data.shape[-3:], dtype=torch.bool, device=kspace.data.device))


def _strongest(kspace: KSpace, among: Tensor) -> tuple[int, int, int]:
    data = kspace.data.abs()
    relative = data / data.max().clamp(min=torch.finfo(data.dtype).tiny)
    energy = relative.square().reshape(-1, *data.shape[-3:]).sum(dim=0)
    width = [3 if n > 2 else 1 for n in energy.shape]  # a spike of interference is one sample wide
    smooth = torch.nn.functional.avg_pool3d(energy[None, None], width, stride=1, padding=[w // 2 for w in width])[0, 0]
    index = torch.where(among, smooth, -torch.ones_like(smooth)).argmax()
    z, y, x = (int(i) for i in torch.unravel_index(index, among.shape))
    return z, y, x


def _grow(measured: Tensor, low: list[int], high: list[int], axis: int, side: int, largest: int) -> bool:
    """Move one face of the block outwards if all the samples of the new face were measured."""
    new = low[axis] - 1 if side == 0 else high[axis]
    if high[axis] - low[axis] >= largest or not 0 <= new < measured.shape[axis]:
        return False
    face = [slice(a, b) for a, b in zip(low, high, strict=True)]
    face[axis] = slice(new, new + 1)
    if not bool(measured[tuple(face)].all()):
        return False
    if side == 0:
        low[axis] = new
    else:
        high[axis] = new + 1
    return True
