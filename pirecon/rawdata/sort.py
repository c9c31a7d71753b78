"""Sort readouts into Cartesian k-space."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pirecon.rawdata.finding import RawDataError
from pirecon.rawdata.grid import BATCH_AXES, Grid, batch_index, choose_grid, line_indices
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.non_cartesian import is_cartesian
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.readout import kept_points, readout_kinds, silent_lines, to_lines

CHUNK_SAMPLES = 2**19
"""Samples that are transformed at once; 4 MiB stay in the cache."""


def sort_kspace(raw: RawData, *, average: int | None = None, device: torch.device | None = None) -> KSpace:
    """Sort the imaging lines (imaging, calibration-and-imaging) into k-space.

    Reversed lines are turned round, lines are placed with the header's k = 0 at index n//2 (asymmetric echoes and
    partial Fourier leave zeros), the readout oversampling is removed, and repeated lines are averaged.
    Lines that are exactly zero count as never measured.

    Args:
        raw: what :func:`pirecon.rawdata.mrd.read_mrd` gave.
        average: only the lines with this value of the average counter; None takes the mean of all.
        device: where to put the result.

    Returns:
        k-space, complex64 ``(*batch, coil, kz, ky, kx)`` in the unit of the file. Its grid spans the encoded field of
        view along z and y (phase oversampling stays in) and the reconstructed one along x.

    Raises:
        RawDataError: nothing to sort, or a header that claims far more than was measured.
    """
    if not is_cartesian(raw):
        raise RawDataError(
            f"{raw.path}: the trajectory is {raw.encoding.trajectory}, and only Cartesian k-space can be sorted onto a "
            "grid; sort_readouts takes this file. If the scan is Cartesian, correct <trajectory> in the header."
        )
    lines = raw.imaging_lines
    if average is not None:
        lines = lines[raw.readouts["idx"]["average"][lines] == average]
    return sort_lines(raw, lines, choose_grid(raw), device=device)


def calibration_kspace(raw: RawData, *, device: torch.device | None = None) -> KSpace | None:
    """Sort the lines for coil calibration (calibration, calibration-and-imaging) on the grid of the image.

    Args:
        raw: what :func:`pirecon.rawdata.mrd.read_mrd` gave.
        device: where to put the result.

    Returns:
        k-space with the same slices as :func:`sort_kspace`, zero where nothing was measured; other batch axes as the
        calibration lines have them. None where the file has no such lines.
    """
    lines = raw.calibration_lines
    if len(lines) == 0:
        return None
    grid = choose_grid(raw)
    lines = lines[np.isin(raw.readouts["idx"]["slice"][lines], grid.batch_values["slice"])]
    inside = line_indices(raw, lines, grid)[2] & ~silent_lines(raw, lines)
    return sort_lines(raw, lines, grid, device=device) if inside.any() else None


def sort_lines(raw: RawData, lines: np.ndarray, grid: Grid, *, device: torch.device | None = None) -> KSpace:
    """Sort some lines on a grid; the two functions above choose them.

    Args:
        raw: what :func:`pirecon.rawdata.mrd.read_mrd` gave.
        lines: indices of readouts, with slices that the grid has.
        grid: where k = 0 is.
        device: where to put the result.

    Returns:
        k-space as :func:`sort_kspace` describes it.

    Raises:
        RawDataError: none of the lines lies on the grid.
    """
    lines = lines[~silent_lines(raw, lines)]
    z, y, inside = line_indices(raw, lines, grid)
    if not inside.any():
        raise RawDataError(
            f"{raw.path}: none of the {len(lines)} measured lines lies on the encoded matrix {grid.matrix} (z, y, x) "
            "about the header's k = 0. Matrix or encoding limits are wrong; correct them in the header, or choose "
            "another average or encoding."
        )
    lines, z, y = lines[inside], z[inside], y[inside]
    batch, shape = batch_index(raw, lines, slices=grid.batch_values["slice"])
    n_z, n_y, n_x = grid.matrix
    place = (batch * n_z + z) * n_y + y
    data = torch.zeros((int(np.prod(shape)), raw.n_coils, n_z, n_y, n_x), dtype=torch.complex64, device=device)
    counts = torch.zeros((data.shape[0], n_z, n_y, n_x), dtype=torch.float32, device=device)
    _add_lines(raw, lines, place, grid, data, counts)
    n_averages = max(1, int(counts.max()))
    if n_averages > 1:
        data /= counts.clamp(min=1).unsqueeze(1)
    names = tuple(name for name, n in zip(BATCH_AXES, shape, strict=True) if n > 1)
    long = tuple(n for n in shape if n > 1)
    return KSpace(
        data=data.reshape(*long, *data.shape[1:]),
        weights=(counts / n_averages).sqrt_().unsqueeze(1).reshape(*long, 1, n_z, n_y, n_x),
        n_averages=n_averages,
        geometry=grid.geometry,
        batch_axes=names,
    )


def _add_lines(raw: RawData, lines: np.ndarray, place: np.ndarray, grid: Grid, data: Tensor, counts: Tensor) -> None:
    """Add every line to its place of ``data (batch, coil, kz, ky, kx)``, and 1 to ``counts`` where it was measured.

    Lines of one place are added one after another (``repeat`` says which is the how manieth), so that a plain indexed
    addition is right and its order always the same.
    """
    n_x = grid.matrix[2]
    by_place = data.movedim(1, 3)  # (batch, kz, ky, coil, kx)
    kz_ky = by_place.shape[1:3]
    repeat = occurrence(place)
    position = np.empty(len(raw.readouts), dtype=np.int64)
    position[lines] = np.arange(len(lines))
    chunk = max(1, CHUNK_SAMPLES // (raw.n_coils * grid.n_readout))
    for kind in readout_kinds(raw, lines, grid.n_readout):
        kept = torch.from_numpy(kept_points(kind, grid.n_readout, n_x)).to(counts)
        own = position[kind.lines]
        for turn in range(int(repeat[own].max()) + 1):
            chosen = own[repeat[own] == turn]
            for part in np.split(chosen, range(chunk, len(chosen), chunk)):
                samples = torch.from_numpy(raw.block(lines[part])).to(data.device)
                block = to_lines(samples, kind, n_grid=grid.n_readout, n_points=n_x)
                where = tuple(
                    torch.from_numpy(i).to(data.device) for i in np.unravel_index(place[part], (data.shape[0], *kz_ky))
                )
                by_place[where] += block
                counts[where] += kept


def occurrence(place: np.ndarray) -> np.ndarray:
    """How many equal numbers stand before each: [5, 7, 5, 5] gives [0, 0, 1, 2].

    Args:
        place: integers ``(n,)``.

    Returns:
        int64 ``(n,)``.
    """
    order = np.argsort(place, kind="stable")
    ordered = place[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    run_start = np.repeat(starts, np.diff(np.concatenate([starts, [len(place)]])))
    earlier = np.empty(len(place), dtype=np.int64)
    earlier[order] = np.arange(len(place)) - run_start
    return earlier
