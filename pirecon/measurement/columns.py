"""Columns of the image that are noisier than others: narrow-band interference without a coil that hears it alone."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.calibration import ReadoutNoise, SensitivityMaps
from pirecon.rawdata import KSpace


def whiten_columns(kspace: KSpace, noise: ReadoutNoise) -> KSpace:
    """Divide every column along the readout by its noise.

        y' = F_x w F_xᴴ y,   w(x) = 1/√power(x)

    w commutes with the transforms along y and z, so with the maps of :func:`weigh_columns` noise is white in y' = E' x:
    nothing is removed, disturbed columns are merely believed less.

    Args:
        kspace: prewhitened, with the readout sampled in full.
        noise: of the columns.

    Returns:
        k-space.
    """
    w = noise.power.rsqrt().to(kspace.data.real)
    data = centred_fft(w * centred_ifft(kspace.data, (-1,)), (-1,))
    return replace(kspace, data=torch.where(kspace.weights > 0, data, 0))


def weigh_columns(maps: SensitivityMaps, noise: ReadoutNoise) -> SensitivityMaps:
    """S' = w S, the maps that go with :func:`whiten_columns`, on a grid at least as fine."""
    w = noise.power.rsqrt().to(maps.maps.real)
    return replace(maps, maps=maps.maps * _on_grid(w, maps.maps.shape[-1]))


def _on_grid(w: Tensor, n: int) -> Tensor:
    """The column of the acquired grid that each of ``n`` columns over the same field of view lies in."""
    position = (torch.arange(n, device=w.device) - n // 2) * len(w) / n + len(w) // 2
    return w[position.round().long().clamp(0, len(w) - 1)]
