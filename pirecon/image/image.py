"""A reconstructed image."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from pirecon.rawdata.geometry import Geometry


@dataclass(frozen=True)
class Image:
    """A complex image in SNR units with its place in the patient.

    Attributes:
        data: complex ``(*batch, z, y, x)``; in SNR units (noise of each whitened receive channel has standard
            deviation 1 in the real and the imaginary part of every k-space sample).
        geometry: ``geometry.matrix == data.shape[-3:]``.
        batch_axes: names of the leading axes, as in ``KSpace.batch_axes``.
        noise_scale: noise standard deviation in the raw file's unit; ``data * noise_scale`` is the image in that unit.
        metadata: what the file said of the scan (field strength in T, method, …).
        notes: what was estimated, assumed or left out on the way, by station.
    """

    data: Tensor
    geometry: Geometry
    batch_axes: tuple[str, ...] = ()
    noise_scale: float = 1.0
    metadata: dict[str, object] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
