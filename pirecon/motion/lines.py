"""Sort k-space such that measurements of one line at different times stay apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pirecon.rawdata.grid import BATCH_AXES, choose_grid, line_indices
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.readout import silent_lines
from pirecon.rawdata.sort import occurrence, sort_lines
from pirecon.rawdata.timing import line_timing


@dataclass(frozen=True)
class SeparateLines:
    """K-space of the first, second, … measurement of each line, in order of time.

    Attributes:
        measurements: k-space of each, all of one shape, in the unit of the file.
        shots: of each line, integer ``(measurement, *batch, kz, ky)``, growing with time; −1 where nothing was
            measured.
        source: what tells the shots, in a sentence.
    """

    measurements: tuple[KSpace, ...]
    shots: Tensor
    source: str


def separate_lines(raw: RawData, *, device: torch.device | None = None) -> SeparateLines:
    """Sort the imaging lines as :func:`pirecon.rawdata.sort_kspace` does, without averaging.

    Args:
        raw: Cartesian raw data.
        device: where to put the result.

    Returns:
        SeparateLines, with one measurement where no line was repeated.

    Raises:
        ValueError: repeated lines of some slices or contrasts only.
    """
    grid, timing = choose_grid(raw), line_timing(raw)
    keep = ~silent_lines(raw, timing.lines)
    lines, shot = timing.lines[keep], timing.shot[keep]
    index = raw.readouts["idx"][lines]
    n_z, n_y, _ = grid.matrix
    z, y, inside = line_indices(raw, lines, grid)
    lines, shot, index, z, y = lines[inside], shot[inside], index[inside], z[inside], y[inside]
    values = [np.unique(index[name]) for name in BATCH_AXES]
    batch = [np.searchsorted(v, index[name]) for v, name in zip(values, BATCH_AXES, strict=True)]
    place = np.ravel_multi_index((*batch, z, y), (*(len(v) for v in values), n_z, n_y))
    repeat = occurrence(place)
    measurements, shots = [], []
    for turn in range(int(repeat.max()) + 1):
        own = repeat == turn
        if any(len(np.unique(b[own])) != len(v) for b, v in zip(batch, values, strict=True)):
            raise ValueError(
                f"{raw.path}: some slices, contrasts or repetitions have lines measured {turn + 1} times and others "
                "do not; motion between measurements cannot be sorted out of them. Reconstruct without motion"
            )
        measurements.append(sort_lines(raw, lines[own], grid, device=device))
        table = np.full((*(len(v) for v in values), n_z, n_y), -1, dtype=np.int64)
        table.flat[place[own]] = shot[own]
        shots.append(table.reshape(*(len(v) for v in values if len(v) > 1), n_z, n_y))
    return SeparateLines(tuple(measurements), torch.from_numpy(np.stack(shots)).to(device), timing.source)


def stacked(measurements: tuple[KSpace, ...], index: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
    """Samples and weights of one slice (contrast, …) as ``MotionSense`` takes them.

    With n measurements the weights are 1/√n, so that the image is in the SNR unit of the averaged data.

    Args:
        measurements: prewhitened.
        index: of the batch axes.

    Returns:
        Weighted samples ``(measurement · coil, kz, ky, kx)`` and weights ``(measurement, 1, kz, ky, kx)``.
    """
    n = len(measurements)
    weights, samples = [], []
    for k in measurements:
        w = k.weights.expand(*k.data.shape[:-4], *k.weights.shape[-4:])[index]
        samples.append(w * k.data[index])
        weights.append(w / n**0.5)
    return torch.cat(samples), torch.stack(weights)
