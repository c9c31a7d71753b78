"""Samples and forward operator, image by image."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.calibration import SensitivityMaps
from pirecon.calibration.channels import n_sample_axes
from pirecon.encoding import CartesianSense, Evolution, Evolving, NonCartesianSense, grid_points
from pirecon.measurement.grid import Matrix
from pirecon.rawdata import KSpace, NonCartesianKSpace


@dataclass(frozen=True)
class Measurement:
    """Everything a reconstruction method needs, in SNR units.

    Attributes:
        kspace: prewhitened k-space.
        maps: sensitivities on the reconstruction grid.
        matrix: reconstruction grid (z, y, x).
        noise_scale: noise standard deviation of the averaged data in the raw file's unit.
        notes: what was estimated, assumed or left out, by station.
        evolutions: what happens to the signal while it is sampled, one for each entry of the flattened batch axes (None
            where nothing does); empty for none at all.
    """

    kspace: KSpace | NonCartesianKSpace
    maps: SensitivityMaps
    matrix: Matrix
    noise_scale: float
    notes: dict[str, str]
    evolutions: tuple[Evolution | None, ...] = field(default=())

    @property
    def batch(self) -> tuple[int, ...]:
        """Sizes of the batch axes."""
        return tuple(self.kspace.data.shape[: -1 - n_sample_axes(self.kspace)])

    @property
    def n_images(self) -> int:
        """Entries of the flattened batch axes."""
        return math.prod(self.batch)

    def encoding(self, index: int) -> tuple[Tensor, LinearOperator]:
        """Weighted samples ``(coil, *samples)`` and E of one entry of the flattened batch axes."""
        n = 1 + n_sample_axes(self.kspace)
        weights = self._entry(self.kspace.weights, index, n)
        maps = self._entry(self.maps.maps[..., 0, :, :, :, :], index, 4)  # the first ESPIRiT set
        y = weights * self._entry(self.kspace.data, index, n)
        E: LinearOperator
        if isinstance(self.kspace, KSpace):
            E = CartesianSense(maps, weights)
        else:
            points = self._entry(grid_points(self.kspace.trajectory, self.kspace.geometry), index, 3)
            E = NonCartesianSense(maps, points, weights)
        evolution = self.evolutions[index] if self.evolutions else None
        return y, E if evolution is None else Evolving(E, evolution)

    def counter(self, index: int, axis: str) -> int:
        """Which slice, contrast, … an entry of the flattened batch axes is; 0 where there is no such axis."""
        names = self.kspace.batch_axes
        return int(np.unravel_index(index, self.batch)[names.index(axis)]) if axis in names else 0

    def _entry(self, values: Tensor, index: int, n_own: int) -> Tensor:
        """Entry ``index`` of the flattened batch axes of ``values``, which broadcast to ``batch``."""
        if not self.batch:
            return values.reshape(values.shape[-n_own:])
        return values.expand(*self.batch, *values.shape[-n_own:])[tuple(np.unravel_index(index, self.batch))]
