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
    known: dict[tuple[int, int, float, float], np.ndarray] = {}
    k, samples = np.zeros(3), []
    for block in sequence.blocks:
        end = np.array([0.0 if gradient is None else gradient.moment for gradient in block.gradients])
        offset, centre = k, 0.0
        if block.rf is not None and block.rf.use in ("excitation", "refocusing"):
            centre = block.rf.delay + block.rf.duration / 2
            at_pulse = _moments(block, np.array([centre]))[0]
            offset = -at_pulse if block.rf.use == "excitation" else -(k + at_pulse) - at_pulse
        if block.readout is not None:
            r = block.readout
            times = r.delay + (np.arange(r.n_samples) + 0.5) * r.dwell
            path = np.empty((r.n_samples, 3))
            for axis, gradient in enumerate(block.gradients):
                key = (id(gradient), r.n_samples, r.dwell, r.delay)
                if key not in known:
                    known[key] = moments_until(gradient, times)
                path[:, axis] = known[key]
            samples.append(path + np.where((times < centre)[:, None], k, offset))
        k = end + offset
    return np.stack(samples)


def _moments(block: Block, times: np.ndarray) -> np.ndarray:
    """From the start of the block, ``(time, 3)``, 1/m."""
    return np.stack([moments_until(gradient, times) for gradient in block.gradients], axis=-1)
