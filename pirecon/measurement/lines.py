"""Which readouts an image is made of."""

from __future__ import annotations

import numpy as np

from pirecon.measurement.measurement import Measurement
from pirecon.rawdata import RawData


def lines_of_image(raw: RawData, measurement: Measurement, index: int) -> np.ndarray:
    """The imaging readouts of one entry of the flattened batch axes, in order of measurement: int64 ``(n,)``."""
    lines = raw.imaging_lines
    for axis in measurement.kspace.batch_axes:
        counters = raw.readouts["idx"][axis]
        values = np.unique(counters[raw.imaging_lines])
        lines = lines[counters[lines] == values[measurement.counter(index, axis)]]
    return lines
