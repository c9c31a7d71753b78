"""Sorted Cartesian k-space."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pirecon.rawdata.geometry import Geometry


@dataclass(frozen=True)
class KSpace:
    """Cartesian k-space of one encoding, averaged, with readout oversampling removed.

    Attributes:
        data: complex samples ``(*batch, coil, kz, ky, kx)``; zero where nothing was measured. k = 0 has index
            ``n // 2`` on every axis. Where lines were measured n times, the samples' mean.
        weights: ``√(n / n_max)`` for n measurements of a sample, 0 where nothing was measured; float, shape
            ``(*batch or 1s, 1, kz, ky, kx)`` (broadcasts against ``data``). ``weights * data`` has white noise of
            equal standard deviation on all measured samples once the coils are prewhitened.
        n_averages: n_max above.
        geometry: of the grid that the acquired matrix spans (``geometry.matrix == data.shape[-3:]``).
        batch_axes: names of the leading axes of ``data``, of ``set, repetition, phase, contrast, slice`` (only those
            longer than 1, in this order).
    """

    data: Tensor
    weights: Tensor
    n_averages: int
    geometry: Geometry
    batch_axes: tuple[str, ...] = ()
