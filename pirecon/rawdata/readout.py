"""From the samples of a readout, in the order of measurement, to a line of k-space without oversampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import ismrmrd
import numpy as np
import torch
from torch import Tensor

from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.streams import has_flag


@dataclass(frozen=True)
class ReadoutKind:
    """Readouts that are all treated alike.

    Attributes:
        lines: their indices.
        reverse: measured from the far end of k-space.
        first: in order of rising k, the first sample that is kept.
        last: the sample behind the last one that is kept.
        start: index of the first kept sample on the oversampled grid.
    """

    lines: np.ndarray
    reverse: bool
    first: int
    last: int
    start: int


def silent_lines(raw: RawData, lines: np.ndarray) -> np.ndarray:
    """Which lines are exactly zero in all coils and samples: no receiver does that, they were never measured.

    Args:
        raw: the raw data.
        lines: indices of readouts.

    Returns:
        bool ``(len(lines),)``.
    """
    held = raw.offsets[lines + 1] > raw.offsets[lines]
    silent = np.ones(len(lines), dtype=bool)
    silent[held] = raw.samples[raw.offsets[lines[held]]] == 0  # most lines show by their first sample that they are not
    for i in np.flatnonzero(silent & held):
        silent[i] = not raw.readout(int(lines[i])).any()
    return silent


def centre_samples(raw: RawData, lines: np.ndarray) -> np.ndarray:
    """The sample with k = 0 of each line, in order of measurement.

    ``center_sample`` of the header is believed, except where it is 0 and the line's energy does not peak at its start:
    many writers leave it unset. Then k = 0 is at ``n // 2`` of the line in order of rising k.

    Args:
        raw: the raw data.
        lines: indices of readouts.

    Returns:
        int64 ``(len(lines),)``.

    Source: MRD AcquisitionHeader: "Index of the readout sample corresponding to k-space center (zero indexed)",
    https://ismrmrd.readthedocs.io/en/latest/mrd_raw_data.html. In a reversed line it counts from the far end:
    https://github.com/PTB-MR/mrpro/pull/832.
    """
    n_samples = raw.readouts["number_of_samples"][lines].astype(np.int64)
    centres = raw.readouts["center_sample"][lines].astype(np.int64)
    unset = np.flatnonzero((centres == 0) & (n_samples > 1))
    if len(unset) and not _starts_at_centre(raw, lines[unset]):
        n = n_samples[unset]
        reverse = has_flag(raw.readouts["flags"][lines[unset]], ismrmrd.ACQ_IS_REVERSE)
        centres[unset] = np.where(reverse, n - 1 - n // 2, n // 2)
    return centres


def _starts_at_centre(raw: RawData, lines: np.ndarray) -> bool:
    """Whether most of these lines have their largest sample in their first eighth."""
    some = lines[:: max(1, len(lines) // 64)]
    early = []
    for line in some:
        magnitude = np.abs(raw.readout(int(line))).max(axis=0)
        early.append(int(magnitude.argmax()) < max(1, len(magnitude) // 8))
    return float(np.mean(early)) > 0.5


def readout_kinds(raw: RawData, lines: np.ndarray, n_grid: int) -> list[ReadoutKind]:
    """Group lines that are treated alike, and place them on the oversampled grid: k = 0 at ``n_grid // 2``.

    Samples to be discarded, and samples that the grid does not reach, are cut off.
    """
    heads = raw.readouts[lines]
    n_samples = heads["number_of_samples"].astype(np.int64)
    reverse = has_flag(heads["flags"], ismrmrd.ACQ_IS_REVERSE)
    centres = centre_samples(raw, lines)
    before, after = heads["discard_pre"].astype(np.int64), heads["discard_post"].astype(np.int64)
    key = np.stack([n_samples, reverse, centres, before, after], axis=1)
    kinds, which = np.unique(key, axis=0, return_inverse=True)
    found = []
    for i, (n, backwards, centre, pre, post) in enumerate(kinds.tolist()):
        if backwards:
            centre, pre, post = n - 1 - centre, post, pre
        shift = n_grid // 2 - centre
        first, last = max(pre, -shift, 0), min(n - post, n_grid - shift)
        if last > first:
            found.append(ReadoutKind(lines[which.reshape(-1) == i], bool(backwards), first, last, first + shift))
    return found


def kept_points(kind: ReadoutKind, n_grid: int, n_points: int) -> np.ndarray:
    """Which points of the line without oversampling were measured: bool ``(n_points,)``."""
    position = (np.arange(n_points) - n_points // 2) * (n_grid / n_points) + n_grid // 2  # on the oversampled grid
    half = 0.5 + 1e-6  # each sample stands for half a step on either side, and even lines of odd ones start right there
    return (position >= kind.start - half) & (position <= kind.start + kind.last - kind.first - 1 + half)


def to_lines(samples: Tensor, kind: ReadoutKind, *, n_grid: int, n_points: int) -> Tensor:
    """Turn readouts round where reversed, place them on the grid and remove the oversampling.

    Where a part of an oversampled line is missing (asymmetric echo) it counts as zero in the transform: the points next
    to the cut lose what their missing neighbours would have given, a few percent of those neighbours further away.

    Args:
        samples: complex ``(line, coil, sample)`` of one kind, in order of measurement.
        kind: theirs.
        n_grid: points with oversampling.
        n_points: points without.

    Returns:
        Complex ``(line, coil, n_points)``; zero where nothing was measured.
    """
    if kind.reverse:
        samples = samples.flip(-1)
    samples = samples[..., kind.first : kind.last]
    n = samples.shape[-1]
    if n < n_grid:
        samples = torch.nn.functional.pad(samples, (kind.start, n_grid - kind.start - n))
    if n_points == n_grid:
        return samples
    cropped = remove_oversampling(samples, n_points)
    kept = kept_points(kind, n_grid, n_points)
    return cropped if kept.all() else cropped * torch.from_numpy(kept).to(cropped.device)


def remove_oversampling(samples: Tensor, n_points: int) -> Tensor:
    """Cut the outer field of view off: to the image along the readout, crop about index n//2, and back.

    With N points before and M after, s[k] the line and p the pixel counted from the centre,
    i[p] = 1/√N Σ_k s[k] exp(2πi (k − N//2) p / N) and s'[m] = 1/√M Σ_{−M//2 ≤ p < M − M//2} i[p] exp(−2πi (m − M//2) p
    / M).
    Both transforms are orthonormal: white noise keeps its standard deviation, and signal grows by √(N/M), for N/M
    samples have become one. The centring is written as one phase per pixel, which is 1 for even N and M.

    Args:
        samples: complex ``(..., N)``, k = 0 at N // 2.
        n_points: M ≤ N.

    Returns:
        Complex ``(..., M)``, k = 0 at M // 2.
    """
    n_grid = samples.shape[-1]
    right = (n_points + 1) // 2
    image = torch.fft.ifft(samples, norm="ortho")
    image = torch.cat([image[..., :right], image[..., n_grid - (n_points - right) :]], dim=-1)
    if n_grid % 2 or n_points % 2:
        pixel = torch.fft.fftfreq(n_points, 1 / n_points, dtype=torch.float64, device=samples.device)
        turns = pixel * (n_points // 2) / n_points - pixel * (n_grid // 2) / n_grid
        image = image * torch.polar(torch.ones_like(turns), 2 * math.pi * turns).to(image.dtype)
    return torch.fft.fft(image, norm="ortho")
