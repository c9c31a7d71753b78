"""Rigid motion of one scan, found in its own data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pirecon.calibration import NoiseCovariance, ReadoutNoise, mix_kspace_channels, prewhiten
from pirecon.measurement.choices import Choices
from pirecon.measurement.columns import whiten_columns
from pirecon.measurement.measurement import Measurement, Moving
from pirecon.motion import Motion, estimate_motion, gated_weights, separate_lines, stacked
from pirecon.rawdata import KSpace, NonCartesianKSpace, RawData


@dataclass(frozen=True)
class Channels:
    """How the channels of the file became those of the measurement.

    Attributes:
        covariance: of their noise.
        compression: from whitened channels to virtual ones, or None.
        columns: noise of the columns along the readout, or None.
    """

    covariance: NoiseCovariance
    compression: Tensor | None = None
    columns: ReadoutNoise | None = None

    def prepared(self, kspace: KSpace) -> KSpace:
        """Whitened, and compressed."""
        kspace = prewhiten(kspace, self.covariance)
        if self.compression is not None:
            kspace = mix_kspace_channels(kspace, self.compression)
        return kspace if self.columns is None else whiten_columns(kspace, self.columns)


def with_motion(measurement: Measurement, raw: RawData, choices: Choices, channels: Channels) -> Measurement:
    """Look for motion, and put it into the forward operators of those images that hold some.

    Of Cartesian scans rigid motion between shots; of others breathing, whose readouts far from rest count less.

    Args:
        measurement: without motion.
        raw: the raw file.
        choices: looked for where ``motion`` is True.
        channels: of the measurement.

    Returns:
        The measurement; unchanged but for a note where no motion is found.
    """
    if not choices.motion:
        return measurement
    if not isinstance(measurement.kspace, KSpace):
        return _gated(measurement, measurement.kspace, raw)
    device = measurement.kspace.data.device
    separate = separate_lines(raw, device=device)
    lines = tuple(channels.prepared(kspace) for kspace in separate.measurements)
    moving = [_of_image(measurement, lines, separate.shots, index) for index in range(measurement.n_images)]
    found = [m for m, _ in moving if m is not None]
    sentences = list(dict.fromkeys(motion.source for _, motion in moving))
    note = f"found in {len(found)} of {len(moving)} images; " + "; ".join(sentences[:3])
    if len(sentences) > 3:
        note += f"; and {len(sentences) - 3} more"
    notes = measurement.notes | {"motion": f"{note} (shots by {separate.source})"}
    return replace(measurement, notes=notes, moving=tuple(m for m, _ in moving) if found else ())


def _gated(measurement: Measurement, kspace: NonCartesianKSpace, raw: RawData) -> Measurement:
    gate, source = gated_weights(raw, kspace)
    notes = measurement.notes | {"motion": source}
    if gate is not None:
        kspace = replace(kspace, weights=kspace.weights * gate.to(kspace.weights))
    return replace(measurement, notes=notes, kspace=kspace)


@torch.no_grad()
def _of_image(
    measurement: Measurement, lines: tuple[KSpace, ...], shots: Tensor, index: int
) -> tuple[Moving | None, Motion]:
    where = tuple(int(i) for i in np.unravel_index(index, measurement.batch)) if measurement.batch else ()
    y, weights = stacked(lines, where)
    voxel_size = measurement.kspace.geometry.with_matrix(measurement.matrix).voxel_size
    own = shots.flatten(1, -3)[:, index] if where else shots  # (measurement, kz, ky)
    motion = estimate_motion(y, measurement.maps_of(index), weights, own, voxel_size=voxel_size)
    return (Moving(y, weights, motion) if motion.found else None), motion
