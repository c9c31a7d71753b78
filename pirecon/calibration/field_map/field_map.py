"""The off-resonance of every voxel."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pirecon.rawdata.geometry import Geometry


@dataclass(frozen=True)
class FieldMap:
    """Off-resonance; positive where the field is larger than the scanner's frequency says.

    Transverse magnetisation turns as exp(−2πi δf t), the sign of k.

    Attributes:
        off_resonance: δf, float ``(*batch, z, y, x)``, Hz; batch is the slices, where there are several.
        reliability: 0 (no signal: filled in from around) to 1, float, same shape.
        geometry: of its voxels.
        source: how it was found, in a sentence.
    """

    off_resonance: Tensor
    reliability: Tensor
    geometry: Geometry
    source: str
