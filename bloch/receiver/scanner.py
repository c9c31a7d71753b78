"""The scanner: its magnet and its receive coils."""

from __future__ import annotations

from dataclasses import dataclass

from bloch.receiver.coil_array import CoilArray, Vector


@dataclass(frozen=True)
class Scanner:
    """What stays the same from scan to scan.

    Attributes:
        B0: field strength, T.
        array: receive coils, in patient coordinates.
        B0_direction: unit vector of the main field in patient coordinates (LPS): z in a superconducting
            solenoid, y between the poles of a permanent magnet above and below the patient.
    """

    B0: float
    array: CoilArray
    B0_direction: Vector = (0.0, 0.0, 1.0)
