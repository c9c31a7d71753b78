"""Repeated measurements of one slice: merged to the best image, or kept as two halves with independent noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pirecon.calibration import compression_matrix, mix_kspace_channels, prewhiten
from pirecon.measurement import Choices
from pirecon.measurement.calibrate import noise_covariance
from pirecon.measurement.repair import repair
from pirecon.rawdata import KSpace, RawData, sort_kspace
from pirecon.rawdata.grid import choose_grid
from pirecon.rawdata.sort import sort_lines

COUNTERS = ("set", "repetition", "phase", "contrast", "slice", "kspace_encode_step_1", "kspace_encode_step_2")


def as_averages(raws: list[RawData]) -> RawData:
    """One scan out of files (or repetitions in one file) of the same object: each is one more average.

    Args:
        raws: scans with equal headers; M4Raw stores every repetition as a file.

    Raises:
        ValueError: their lines differ in coils or length.
    """
    first = raws[0]
    if len({raw.n_coils for raw in raws}) > 1 or len({raw.encoding.matrix for raw in raws}) > 1:
        raise ValueError(
            f"{', '.join(raw.path.name for raw in raws)} cannot be repetitions of one scan: they have "
            f"{[raw.n_coils for raw in raws]} coils and matrices {[raw.encoding.matrix for raw in raws]}"
        )
    readouts = np.concatenate([raw.readouts for raw in raws])
    starts = np.cumsum([0, *(len(raw.readouts) for raw in raws)])
    offsets = np.cumsum([0, *(raw.offsets[-1] for raw in raws)])
    readouts["idx"]["repetition"] = 0
    streams = {
        name: np.concatenate([start + getattr(raw.streams, name) for start, raw in zip(starts, raws, strict=False)])
        for name in first.streams.__dataclass_fields__
    }
    return replace(
        first,
        readouts=readouts,
        samples=np.concatenate([raw.samples for raw in raws]),
        offsets=np.concatenate([[0], *(o + raw.offsets[1:] for o, raw in zip(offsets, raws, strict=False))]),
        streams=replace(first.streams, **streams),
        trajectories=None,
    )


def half_scans(raw: RawData, *, n_coils: int | None) -> tuple[KSpace, KSpace] | None:
    """The first and the second half of the measurements of every line, prewhitened alike.

    Args:
        raw: as read.
        n_coils: virtual coils, as :func:`pirecon.calibrate` has them.

    Returns:
        Two k-spaces in SNR units; None where lines were measured once, or too few were measured twice.
    """
    raw, _ = repair(raw, Choices())
    whole = sort_kspace(raw)
    if whole.n_averages < 2:
        return None
    covariance = noise_covariance(raw, whole)
    lines, turn, last = _turns(raw)
    first = turn < (last + 1) // 2
    second = ~first & (turn < 2 * ((last + 1) // 2))  # an odd one out would make halves of unequal noise
    if int(first.sum()) != int(second.sum()):
        return None
    grid = choose_grid(raw)
    halves = [prewhiten(sort_lines(raw, lines[chosen], grid), covariance) for chosen in (first, second)]
    if n_coils is not None and n_coils < covariance.matrix.shape[0]:
        compression = compression_matrix(prewhiten(whole, covariance), n_coils)
        halves = [mix_kspace_channels(half, compression) for half in halves]
    return halves[0], halves[1]


def _turns(raw: RawData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Imaging lines, the how manieth measurement of its place each is, and how many that place has."""
    lines = raw.imaging_lines
    index = raw.readouts["idx"][lines]
    place = np.stack([index[name].astype(np.int64) for name in COUNTERS], axis=1)
    _, which, counts = np.unique(place, axis=0, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    order = np.lexsort((np.arange(len(lines)), which))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    turn = np.empty(len(lines), dtype=np.int64)
    turn[order] = np.arange(len(lines)) - starts[which[order]]
    return lines, turn, counts[which]


def weighted(kspace: KSpace, index: int) -> tuple[Tensor, Tensor]:
    """Weighted samples ``(coil, kz, ky, kx)`` and weights ``(1, kz, ky, kx)`` of one entry of the batch axes."""
    batch = kspace.data.shape[:-4]
    weights = kspace.weights.expand(*batch, 1, *kspace.data.shape[-3:])
    place = tuple(int(i) for i in np.unravel_index(index, batch)) if batch else ()
    own = weights[place]
    return own * kspace.data[place], own.to(torch.float32)
