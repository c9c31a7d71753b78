"""What the sequence file of a scan tells of its encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bloch.sequence import Sequence, read_pulseq, trajectory


def sequence_trajectory(path: Path, n_readouts: int) -> np.ndarray:
    """k of every imaging sample of a Pulseq file.

    Args:
        path: of the .seq file.
        n_readouts: that the raw file has for the image; calibration and phase correction lines do not count.

    Returns:
        float64 ``(readout, sample, 3)`` along x, y, z (read, phase, slice), 1/m.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no Pulseq file, or another number of readouts.
    """
    sequence = read_sequence(path)
    k = trajectory(sequence)
    labels = [block.readout.label for block in sequence.blocks if block.readout is not None]
    imaging = np.array([label is None or label.imaging for label in labels])
    chosen = k if len(k) == n_readouts else k[imaging]
    if len(chosen) != n_readouts:
        raise ValueError(
            f"{path}: the sequence has {len(k)} readouts, {int(imaging.sum())} of them for the image, but the raw file "
            f"has {n_readouts}; give the sequence that was played"
        )
    return chosen


def read_sequence(path: Path) -> Sequence:
    """A Pulseq file, with an error that names it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no Pulseq file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file. Give the Pulseq file (.seq) of the scan.")
    return read_pulseq(path)
