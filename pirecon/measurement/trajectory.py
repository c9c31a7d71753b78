"""Where the trajectory comes from when the raw file has none."""

from __future__ import annotations

import numpy as np

from pirecon.encoding.pulseq import sequence_trajectory
from pirecon.measurement.choices import Choices
from pirecon.rawdata import RawData


def given_trajectory(raw: RawData, choices: Choices) -> np.ndarray | None:
    """k of the imaging readouts from the Pulseq file, where one is given and the raw file stores no trajectory.

    Args:
        raw: the raw file.
        choices: with ``sequence``.

    Returns:
        float64 ``(readout, sample, 3)`` along x, y, z, 1/m; None to take what the raw file stores.

    Raises:
        ValueError: the sequence has another number of readouts or samples.
    """
    stored = raw.trajectories is not None and bool(
        (raw.readouts["trajectory_dimensions"][raw.imaging_lines] >= 2).all()
    )
    if stored or choices.sequence is None:
        return None
    return sequence_trajectory(choices.sequence, len(raw.imaging_lines))
