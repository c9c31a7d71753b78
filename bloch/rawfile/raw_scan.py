"""What a scan leaves behind: its encoding, its readouts in order of time, and here also the truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bloch.sequence import Encoding, Line, Protocol


@dataclass(frozen=True, eq=False)
class RawScan:
    """Everything that goes into the raw file.

    Attributes:
        encoding: how.
        protocol: with which sequence.
        B0: field strength, T.
        lines: the readouts' plan, in order of time.
        samples: complex64 ``(readout, coil, sample)``, in the order they were read (reversed lines are reversed).
        noise: complex64 ``(readout, coil, sample)`` of the noise scan; zero readouts where there was none.
        truth: arrays for the side group of the file, by name.
        truth_about: what each of them is, in words.
        times: when each readout begins, from the start of the scan, ``(readout,)``, s.
        trajectory: k of every sample along x, y, z (read, phase, slice), float32 ``(readout, sample, 3)``, 1/m; None
            where the lines say it all.
        n_sensing: how many of the channels, the last ones, hear interference and no patient.
    """

    encoding: Encoding
    protocol: Protocol
    B0: float
    lines: tuple[Line, ...]
    samples: np.ndarray
    noise: np.ndarray
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    truth_about: dict[str, str] = field(default_factory=dict)
    times: np.ndarray | None = None
    trajectory: np.ndarray | None = None
    n_sensing: int = 0
