"""Where in k-space the samples lie that lie on no grid."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pirecon.rawdata.geometry import Geometry


@dataclass(frozen=True)
class Trajectory:
    """k of every sample, along the axes of the image.

    Attributes:
        k: float ``(*batch, readout, sample, 3)`` along z, y, x of the geometry, 1/m; batch axes as the k-space has
            them, or 1. Along z it is 0 for slices.
        source: where it was taken from and in which unit, in a sentence.
    """

    k: Tensor
    source: str


@dataclass(frozen=True)
class NonCartesianKSpace:
    """Non-Cartesian k-space of one encoding; the readout's oversampling stays in.

    Attributes:
        data: complex samples ``(*batch, coil, readout, sample)``, in the order of measurement.
        weights: ``√(n / n_max)`` for n averages of a sample, 0 where nothing was measured; float, ``(*batch or 1s, 1,
            readout, sample)``. ``weights * data`` has white noise of equal standard deviation.
        trajectory: where they lie.
        n_averages: n_max above.
        geometry: of the image that the encoded matrix spans.
        batch_axes: names of the leading axes of ``data``, as those of :class:`~pirecon.rawdata.kspace.KSpace`.
    """

    data: Tensor
    weights: Tensor
    trajectory: Trajectory
    n_averages: int
    geometry: Geometry
    batch_axes: tuple[str, ...] = ()
