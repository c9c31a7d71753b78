"""Where in k-space every sample is taken."""

from __future__ import annotations

import numpy as np

from bloch.sequence.events import Block
from bloch.sequence.gradients import moments_until
from bloch.sequence.sequence import Sequence


def trajectory(sequence: Sequence) -> np.ndarray:
    """k of every sample, from the gradients that are played.

        k(t) = γ/2π ∫ G dt,   0 at the centre of every excitation,   −k after the centre of every refocusing pulse

    on the logical axes; the encoding's directions turn them into the patient's. Exact for piecewise linear gradients.

    Args:
        sequence: with readouts of one length.

    Returns:
        float64 ``(readout, sample, 3)``, x (read), y (phase), z (slice), 1/m.

    Raises:
        ValueError: readouts of different lengths, or none.
    """
    lengths = {block.readout.n_samples for block in sequence.blocks if block.readout is not None}
    if len(lengths) != 1:
        found = "no readouts" if not lengths else f"readouts of {sorted(lengths)} samples"
        raise ValueError(f"a trajectory is one array of readouts of one length, but the sequence has {found}")
    k = np.zeros(3)
    found_k = []
    for block in sequence.blocks:
        times, counts = _times_of_interest(block)
        moments = np.array([moments_until(gradient, times) for gradient in block.gradients]).T  # (time, 3)
        offset = k
        if block.rf is not None and block.rf.use in ("excitation", "refocusing"):
            at_pulse = moments[0]
            offset = -at_pulse if block.rf.use == "excitation" else -(k + at_pulse) - at_pulse
        if block.readout is not None:
            before_pulse = times[-1 - counts : -1] < times[0]
            found_k.append(np.where(before_pulse[:, None], k, offset) + moments[-1 - counts : -1])
        k = moments[-1] + offset
    return np.stack(found_k)


def _times_of_interest(block: Block) -> tuple[np.ndarray, int]:
    """Centre of the pulse (the block's start without one), samples, end; and how many samples."""
    centre = 0.0 if block.rf is None else block.rf.delay + block.rf.duration / 2
    samples: np.ndarray = np.zeros(0)
    if block.readout is not None:
        samples = block.readout.delay + (np.arange(block.readout.n_samples) + 0.5) * block.readout.dwell
    return np.concatenate([[centre], samples, [block.duration]]), len(samples)
