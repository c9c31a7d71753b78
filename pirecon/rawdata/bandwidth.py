"""The time between samples, where a file does not tell it."""

from __future__ import annotations

from dataclasses import replace

from pirecon.rawdata.grid import choose_grid
from pirecon.rawdata.raw_data import RawData


def with_bandwidth(raw: RawData, bandwidth: float) -> RawData:
    """Give the readouts that have no sample time the one that a bandwidth means.

        Δt = n_x / (n_readout · bandwidth)

    with n_readout samples over the oversampled and n_x voxels over the reconstructed field of view.

    Args:
        raw: Cartesian raw data.
        bandwidth: of the reconstructed field of view along the readout, Hz.

    Returns:
        The raw data; as they are where every readout has its time.

    Raises:
        ValueError: a bandwidth that is not above 0.
    """
    if not bandwidth > 0:
        raise ValueError(f"the bandwidth must be above 0 Hz, but is {bandwidth}")
    grid = choose_grid(raw)
    readouts = raw.readouts.copy()
    unset = readouts["sample_time_us"] <= 0
    readouts["sample_time_us"][unset] = 1e6 * grid.matrix[-1] / (grid.n_readout * bandwidth)
    return replace(raw, readouts=readouts) if unset.any() else raw
