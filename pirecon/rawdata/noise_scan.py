"""The noise scan."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pirecon.rawdata.raw_data import RawData


def noise_samples(raw: RawData) -> Tensor | None:
    """All samples of the noise scan.

    Args:
        raw: what :func:`pirecon.rawdata.mrd.read_mrd` gave.

    Returns:
        complex64 ``(coil, sample)`` in the unit of the file; None where there is none with the coils of the image.
    """
    parts = []
    for line in raw.streams.noise:
        head = raw.readouts[line]
        if head["active_channels"] == raw.n_coils:
            last = int(head["number_of_samples"]) - int(head["discard_post"])
            parts.append(raw.readout(int(line))[:, int(head["discard_pre"]) : last])
    if not parts or sum(p.shape[1] for p in parts) == 0:
        return None
    return torch.from_numpy(np.concatenate(parts, axis=1))


def noise_dwell_time_ratio(raw: RawData) -> float | None:
    """Dwell time of the noise scan over that of the imaging lines, T_noise / T_imaging.

    White noise has a variance in proportion to the bandwidth 1/T of the receiver, so
    σ²_imaging = σ²_noise · (T_noise / T_imaging) / b with the relative receiver noise bandwidth b of the noise scan (1
    for an ideal filter; ``relativeReceiverNoiseBandwidth`` of the header, often 0.79).

    Returns:
        The ratio; None where the file does not give both.

    Source: Kellman and McVeigh, Magn Reson Med 54:1439 (2005).
    """
    if len(raw.streams.noise) == 0 or raw.dwell_time is None:
        return None
    dwell = float(raw.readouts["sample_time_us"][raw.streams.noise[0]]) * 1e-6
    return dwell / raw.dwell_time if 0 < dwell < 1 else None
