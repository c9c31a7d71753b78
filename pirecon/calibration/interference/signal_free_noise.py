"""Noise of every column from samples without signal: a noise scan, or the difference of two averages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.calibration.interference.line_noise import FEWEST_SAMPLES, ReadoutNoise, judged, outer_power
from pirecon.calibration.noise_covariance import NoiseCovariance
from pirecon.calibration.prewhitening import prewhiten
from pirecon.rawdata.grid import choose_grid
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.noise_scan import noise_dwell_time_ratio
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.sort import sort_kspace

SAME_DWELL = 1e-3


def noise_without_signal(raw: RawData, covariance: NoiseCovariance) -> ReadoutNoise | None:
    """Noise power of every column, where the file holds samples without signal; safe on any object at any SNR.

    In order of preference: noise readouts as long as those of the image and of the same dwell time, so that their
    frequencies are the image's columns; or the difference of the first two averages, which what does not change in
    between leaves (a factor of each image and channel is fitted), on lines far from its strongest, as for
    :func:`pirecon.calibration.noise_along_readout`. Interference that comes again with the same phase in every average
    is missed: it is like signal.

    Args:
        raw: Cartesian, with interference that sensing coils can cancel already cancelled.
        covariance: as the image is whitened.

    Returns:
        None where the file has neither.
    """
    scan = _noise_scan(raw)
    if scan is not None:
        columns = centred_ifft(prewhiten(scan, covariance), (-1,))
        return judged(columns.abs().square().mean(dim=(0, 1, 2)), "noise scan")
    difference = _difference(raw)
    if difference is None:
        return None
    return judged(outer_power(prewhiten(difference, covariance)), "difference of two averages")


def _noise_scan(raw: RawData) -> Tensor | None:
    """Noise lines cut to the image's columns, ``(coil, line, 1, x)`` of k-space."""
    grid, ratio = choose_grid(raw), noise_dwell_time_ratio(raw)
    if ratio is None or abs(ratio - 1) > SAME_DWELL:
        return None
    heads = raw.readouts[raw.streams.noise]
    whole = (heads["active_channels"] == raw.n_coils) & (heads["number_of_samples"] == grid.n_readout)
    lines = raw.streams.noise[whole & (heads["discard_pre"] == 0) & (heads["discard_post"] == 0)]
    if len(lines) * raw.n_coils < FEWEST_SAMPLES:
        return None
    columns = centred_ifft(torch.from_numpy(raw.block(lines)), (-1,))
    first = grid.n_readout // 2 - grid.matrix[2] // 2
    return centred_fft(columns[..., first : first + grid.matrix[2]], (-1,)).movedim(1, 0).unsqueeze(-2)


def _difference(raw: RawData) -> KSpace | None:
    """First average minus what fits the second best."""
    counters = np.unique(raw.readouts["idx"]["average"][raw.imaging_lines])
    if len(counters) < 2:
        return None
    first, second = (sort_kspace(raw, average=int(a)) for a in counters[:2])
    if first.data.shape != second.data.shape:
        return None
    both = (first.weights > 0) & (second.weights > 0)
    a, b = first.data * both, second.data * both
    axes = (-3, -2, -1)
    factor = (b.conj() * a).sum(axes, keepdim=True) / b.abs().square().sum(axes, keepdim=True).clamp(min=1e-30)
    unit = factor / factor.abs().clamp(min=1e-30)  # both keep their share of the noise
    return replace(first, data=a - unit * b, weights=both.to(first.weights))
