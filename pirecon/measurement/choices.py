"""Which of the scanner's physics goes into the forward operator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Choices:
    """What the user says of the physics. None everywhere means: as the file suggests, and the notes say what was done.

    Attributes:
        interference: cancel interference with sensing coils, or without them where lines stand out of the noise.
        sensing_coils: channels that hear interference and no patient, counted from 0; None takes the file's labels.
        ghosts: correct the difference of odd and even lines of echo-planar trains.
        relaxation: the decay along echo trains; None takes it where there is a ``T2_map``.
        T2_map: NIfTI file in s, for the decay of each voxel; None takes what tissues have at this field.
        off_resonance: of every voxel; None takes it where there is a ``field_map``, True from the scan's own echoes.
        field_map: NIfTI file in Hz.
        concomitant: Maxwell fields of the gradients, where these are known from ``sequence``.
        sequence: Pulseq file of the scan: gives gradients, and the trajectory where the raw file has none.
        motion: estimate rigid motion between shots and put it into E. None does not look: it takes minutes.
        trajectory_unit: of a stored trajectory, see :data:`pirecon.rawdata.trajectory_unit.UNITS`.
    """

    interference: bool | None = None
    sensing_coils: tuple[int, ...] | None = None
    ghosts: bool | None = None
    relaxation: bool | None = None
    T2_map: Path | None = None
    off_resonance: bool | None = None
    field_map: Path | None = None
    concomitant: bool | None = None
    sequence: Path | None = None
    motion: bool | None = None
    trajectory_unit: str | None = None
