"""Samples and forward operator, image by image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.calibration import SensitivityMaps
from pirecon.calibration.channels import n_sample_axes
from pirecon.encoding import CartesianSense, Evolution, Evolving, NonCartesianSense, grid_points
from pirecon.measurement.grid import Matrix
from pirecon.motion import Motion, moving_encoding
from pirecon.rawdata import KSpace, NonCartesianKSpace, RawData


@dataclass(frozen=True)
class Moving:
    """Samples of a body that moved, and how it did.

    Attributes:
        samples: weighted, complex ``(measurement · coil, kz, ky, kx)``: lines measured again later stay apart.
        weights: real ``(measurement, 1, kz, ky, kx)``.
        motion: of each line.
    """

    samples: Tensor
    weights: Tensor
    motion: Motion


@dataclass(frozen=True)
class Measurement:
    """Everything a reconstruction method needs, in SNR units.

    Attributes:
        raw: the raw data that it was made of, repaired.
        kspace: prewhitened k-space.
        maps: sensitivities on the reconstruction grid.
        matrix: reconstruction grid (z, y, x).
        noise_scale: noise standard deviation of the averaged data in the raw file's unit.
        notes: what was estimated, assumed or left out, by station.
        evolutions: what happens to the signal while it is sampled, one for each entry of the flattened batch axes (None
            where nothing does); empty for none at all.
        moving: likewise, what is to be used in place of ``kspace`` where the body moved.
    """

    raw: RawData
    kspace: KSpace | NonCartesianKSpace
    maps: SensitivityMaps
    matrix: Matrix
    noise_scale: float
    notes: dict[str, str]
    evolutions: tuple[Evolution | None, ...] = ()
    moving: tuple[Moving | None, ...] = ()

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
        y, E = self._moving(index) if self.moving and self.moving[index] else self._still(index)
        evolution = self.evolutions[index] if self.evolutions else None
        return y, E if evolution is None else Evolving(E, evolution)

    def maps_of(self, index: int) -> Tensor:
        """Sensitivities of one entry, ``(coil, z, y, x)``: the first ESPIRiT set."""
        return self._entry(self.maps.maps[..., 0, :, :, :, :], index, 4)

    def _moving(self, index: int) -> tuple[Tensor, LinearOperator]:
        moving = self.moving[index]
        assert moving is not None  # the caller has looked
        voxel_size = self.kspace.geometry.with_matrix(self.matrix).voxel_size
        E = moving_encoding(moving.motion, self.maps_of(index), moving.weights, voxel_size=voxel_size)
        return moving.samples, E

    def _still(self, index: int) -> tuple[Tensor, LinearOperator]:
        n = 1 + n_sample_axes(self.kspace)
        weights, maps = self._entry(self.kspace.weights, index, n), self.maps_of(index)
        y = weights * self._entry(self.kspace.data, index, n)
        E: LinearOperator
        if isinstance(self.kspace, KSpace):
            E = CartesianSense(maps, weights)
        else:
            points = self._entry(grid_points(self.kspace.trajectory, self.kspace.geometry), index, 3)
            E = NonCartesianSense(maps, points, weights)
        return y, E

    def counter(self, index: int, axis: str) -> int:
        """Which slice, contrast, … an entry of the flattened batch axes is; 0 where there is no such axis."""
        names = self.kspace.batch_axes
        return int(np.unravel_index(index, self.batch)[names.index(axis)]) if axis in names else 0

    def _entry(self, values: Tensor, index: int, n_own: int) -> Tensor:
        """Entry ``index`` of the flattened batch axes of ``values``, which broadcast to ``batch``."""
        if not self.batch:
            return values.reshape(values.shape[-n_own:])
        return values.expand(*self.batch, *values.shape[-n_own:])[tuple(np.unravel_index(index, self.batch))]
