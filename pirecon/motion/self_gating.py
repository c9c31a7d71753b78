"""Gating of non-Cartesian scans by navigators or by the centre of k-space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pirecon.motion.respiratory import (
    RespiratorySignal,
    gating_weights,
    navigator_features,
    readout_times,
    respiratory_signal,
)
from pirecon.rawdata.grid import BATCH_AXES
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.readout import silent_lines
from pirecon.rawdata.trajectory import NonCartesianKSpace

CENTRE = 0.3
"""Cycles per field of view within which a sample counts as the centre of k-space."""

LEAST_MOMENTS = 16


def gated_weights(raw: RawData, kspace: NonCartesianKSpace) -> tuple[Tensor | None, str]:
    """Soft gate of every readout about the rest of expiration; None where nothing breathes.

    Breathing is looked for in the file's navigators, or, without them, in the sample of every readout that lies at
    k = 0. The k-space with ``weights`` times the gate is the gated one: the gate is real, and what it multiplies is
    the standard deviation with which a readout is believed.

    Args:
        raw: the file.
        kspace: sorted from it, readouts in the order of measurement.

    Returns:
        Gate, real ``(*batch, 1, readout, 1)``, 1 for readouts that count in full; or None. And what was found, in a
        sentence.
    """
    signal = breathing_during(raw, kspace)
    if not signal.found:
        return None, signal.source
    gate = np.zeros(kspace.weights.expand(*kspace.data.shape[:-3], *kspace.weights.shape[-3:]).shape[:-1])
    rows, of_lines = gate.reshape(-1, gate.shape[-1]), gating_weights(signal)
    for row, member in zip(rows, _members(raw, _readouts(raw)), strict=True):
        row[: len(member)] = of_lines[member]
    kept = f"; {100 * np.square(of_lines).mean():.0f} % of the data count, about expiration"
    return torch.from_numpy(gate).unsqueeze(-1).to(kspace.weights), signal.source + kept


def breathing_during(raw: RawData, kspace: NonCartesianKSpace) -> RespiratorySignal:
    """Breathing at every imaging readout, in the order of measurement.

    Args:
        raw: the file.
        kspace: sorted from it.

    Returns:
        RespiratorySignal; not found where there is none, or where nothing can tell.
    """
    times = readout_times(raw, _readouts(raw))
    none = RespiratorySignal(False, np.zeros(len(times)), times, float("inf"), "")
    navigators = navigator_features(raw)
    if navigators is not None and len(navigators[0]) >= LEAST_MOMENTS:
        signal = respiratory_signal(*navigators, times)
        return replace(signal, source=signal.source + ", seen by navigators")
    if kspace.batch_axes:
        why = "the scan holds several slices, contrasts or repetitions and no navigators"
        return replace(none, source=f"breathing: not looked for, since {why}; all data are used")
    found = centre_features(kspace.trajectory.k, kspace.data, reach=CENTRE / max(_field_of_view(kspace)))
    if found is None:
        why = "there are neither navigators nor readouts through k = 0"
        return replace(none, source=f"breathing: not looked for, since {why}; all data are used")
    moments, values, functions = found
    signal = respiratory_signal(values, times[moments], times, nuisance=functions)
    return replace(signal, source=signal.source + ", seen at the centre of k-space")


def centre_features(k: Tensor, data: Tensor, *, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """What a scan sees at k = 0, again and again.

    The value there should not depend on the direction of the readout, but does: delays of the gradients, eddy currents
    and concomitant fields shift the centre, by odd and by even functions of the direction. These are handed on, to be
    fitted and taken off.

    Args:
        k: float ``(readout, sample, 3)``, 1/m.
        data: complex ``(coil, readout, sample)``.
        reach: distance from k = 0 up to which a sample counts, 1/m.

    Returns:
        Readouts that pass the centre ``(moment,)``; their values ``(moment, coil)``; first and second powers of their
        direction ``(moment, 9)``. None where fewer than 16 readouts do.

    Source: Zhang T. et al., Magn Reson Med 76:197 (2016) for the centre of spokes in many coils; Rosenzweig S. et al.,
    IEEE Trans Med Imaging 39:3029 (2020) for functions of the angle being taken off.
    """
    distance, nearest = k.double().norm(dim=-1).min(dim=1)
    moments = torch.nonzero(distance <= reach).flatten()
    if len(moments) < LEAST_MOMENTS:
        return None
    values = data[:, moments, nearest[moments]].T
    way = k[moments].double()
    direction = way[:, -1] - way[:, 0]
    direction = direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    squares = torch.stack([direction[:, i] * direction[:, j] for i in range(3) for j in range(i, 3)], dim=1)
    functions = torch.cat([direction, squares], dim=1)
    return moments.cpu().numpy(), values.cpu().numpy(), functions.cpu().numpy()


def _readouts(raw: RawData) -> np.ndarray:
    """Those that ``sort_readouts`` takes."""
    lines = raw.imaging_lines
    return lines[~silent_lines(raw, lines)]


def _field_of_view(kspace: NonCartesianKSpace) -> list[float]:
    return [n * size for n, size in zip(kspace.geometry.matrix, kspace.geometry.voxel_size, strict=True)]


def _members(raw: RawData, lines: np.ndarray) -> list[np.ndarray]:
    """Readouts of each image of the batch, as ``sort_readouts`` puts them."""
    index = raw.readouts["idx"][lines]
    values = [np.unique(index[name]) for name in BATCH_AXES]
    place = [np.searchsorted(v, index[name]) for v, name in zip(values, BATCH_AXES, strict=True)]
    shape = tuple(len(v) for v in values)
    batch = np.ravel_multi_index(tuple(place), shape)
    return [np.flatnonzero(batch == b) for b in range(int(np.prod(shape)))]
