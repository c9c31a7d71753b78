"""Where header and data together put k = 0, and how large the sorted k-space is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pirecon.rawdata.encoding_space import Limit
from pirecon.rawdata.finding import Finding, RawDataError
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.orientation import slice_geometry
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.readout import centre_samples

BATCH_AXES = ("set", "repetition", "phase", "contrast", "slice")
LARGEST_EMPTINESS = 64
"""Points of the grid per measured sample: more than that is no undersampling but a wrong header."""
ALWAYS_ALLOWED_BYTES = 2**28


@dataclass(frozen=True)
class Grid:
    """The grid of the sorted k-space.

    Attributes:
        matrix: ``(kz, ky, kx)``, kx without oversampling.
        n_readout: points of a readout with oversampling.
        centre_y: ``kspace_encode_step_1`` of k = 0.
        centre_z: ``kspace_encode_step_2`` of k = 0.
        batch_values: which values the counters of ``BATCH_AXES`` take in the imaging lines.
        geometry: of the image.
        findings: what had to be decided because header and data contradict each other.
    """

    matrix: tuple[int, int, int]
    n_readout: int
    centre_y: int
    centre_z: int
    batch_values: dict[str, np.ndarray]
    geometry: Geometry
    findings: tuple[Finding, ...]


def choose_grid(raw: RawData) -> Grid:
    """Decide on the grid from the header, and from the data where the header cannot be right.

    The encoded matrix and field of view hold along y and z, so phase oversampling stays in (cut the image to
    ``raw.encoding.recon_field_of_view`` to be rid of it); along x the readout's oversampling goes: the field of
    view is that of the reconstruction, at the encoded voxel size.

    Raises:
        RawDataError: no line lies on the grid, or the grid is too large for what was measured.
    """
    findings: list[Finding] = []
    lines, space = raw.imaging_lines, raw.encoding
    index = raw.readouts["idx"][lines]
    n_readout, n_x, extent_x = _readout_axis(raw, lines, findings)
    n_y, centre_y = _phase_axis("y", index["kspace_encode_step_1"], space.matrix[1], space.limits_y, findings)
    n_z, centre_z = _phase_axis("z", index["kspace_encode_step_2"], space.matrix[0], space.limits_z, findings)
    batch_values = {axis: np.unique(index[axis]) for axis in BATCH_AXES}
    matrix = (n_z, n_y, n_x)
    _check_memory(raw, (n_z, n_y, n_readout), batch_values)
    extent = (space.field_of_view[0], space.field_of_view[1], extent_x)
    geometry, repaired = slice_geometry(raw, lines, matrix, extent)
    return Grid(matrix, n_readout, centre_y, centre_z, batch_values, geometry, (*findings, *repaired))


def _check_memory(raw: RawData, matrix: tuple[int, int, int], batch_values: dict[str, np.ndarray]) -> None:
    points = raw.n_coils
    for n in (*matrix, *(len(values) for values in batch_values.values())):
        points *= n
    measured = sum(int(raw.offsets[i + 1] - raw.offsets[i]) for i in raw.imaging_lines)
    if points > LARGEST_EMPTINESS * measured and 8 * points > ALWAYS_ALLOWED_BYTES:
        batch = " × ".join(f"{len(v)} {axis}" for axis, v in batch_values.items() if len(v) > 1)
        size = (
            " × ".join(str(n) for n in reversed(matrix)) + (f" × {batch}" if batch else "") + f" × {raw.n_coils} coils"
        )
        raise RawDataError(
            f"{raw.path}: the header claims a k-space of {size}, {8 * points / 2**30:.1f} GiB, but only {measured} "
            f"samples were measured; more than {LARGEST_EMPTINESS} grid points per sample are refused, because no "
            "scan is undersampled so far. The header is probably wrong; correct matrixSize, or the counters of the "
            "readouts."
        )


def _readout_axis(raw: RawData, lines: np.ndarray, findings: list[Finding]) -> tuple[int, int, float]:
    """Points with and without oversampling, and the field of view without, m."""
    n_header, extent = raw.encoding.matrix[2], raw.encoding.field_of_view[2]
    n_samples = raw.readouts["number_of_samples"][lines].astype(int)
    longest = int(n_samples.max())
    ratio = min(1.0, raw.encoding.recon_field_of_view[2] / extent)
    n_points = max(1, round(n_header * ratio))
    name = "contradictory readout length"
    if longest > n_header:
        n_grid, extent = longest, extent * longest / n_header
        n_points = max(1, round(n_grid * min(1.0, raw.encoding.recon_field_of_view[2] / extent)))
        done = f"taken for oversampling: {n_grid} points over {1e3 * extent:.4g} mm"
        findings.append(Finding(name, "warning", f"{longest} samples, but an encoded matrix of {n_header}", done))
    elif n_points < n_header and _already_removed(raw, lines, n_samples, n_points):
        n_grid, extent = n_points, extent * n_points / n_header
        found = f"all lines have {n_points} samples, but the encoded matrix has {n_header}"
        findings.append(Finding(name, "info", found, "taken for lines with the oversampling already removed"))
    else:
        n_grid = n_header
    if n_points * 8 < n_grid:
        wanted = raw.encoding.recon_field_of_view[2]
        found = f"the image's field of view along x is {1e3 * wanted:.3g} mm of {1e3 * extent:.3g} mm"
        findings.append(Finding("contradictory field of view", "warning", found, "no readout oversampling removed"))
        n_points = n_grid
    _say_cut_samples(raw, lines, n_grid, findings)
    return n_grid, n_points, extent * n_points / n_grid


def _already_removed(raw: RawData, lines: np.ndarray, n_samples: np.ndarray, n_points: int) -> bool:
    """Lines as long as the image is wide, with k = 0 in their middle, have no oversampling left."""
    return bool((n_samples == n_points).all() and (abs(centre_samples(raw, lines) - n_points // 2) <= 1).all())


def _say_cut_samples(raw: RawData, lines: np.ndarray, n_grid: int, findings: list[Finding]) -> None:
    centres = centre_samples(raw, lines)
    n_samples = raw.readouts["number_of_samples"][lines].astype(int)
    # The reverse of a line is cut at the other end by as much, give or take one.
    outside = np.maximum(0, centres - n_grid // 2) + np.maximum(0, n_samples - centres - (n_grid - n_grid // 2 + 1))
    if outside.max() > 1:
        found = f"up to {int(outside.max())} samples of a line lie outside the {n_grid} encoded points about k = 0"
        findings.append(Finding("samples outside the matrix", "warning", found, "these samples are left out"))


def _phase_axis(axis: str, steps: np.ndarray, n: int, limits: Limit | None, findings: list[Finding]) -> tuple[int, int]:
    """Number of points and the counter of k = 0 along y or z."""
    low, high = int(steps.min()), int(steps.max())
    if limits is None or limits.maximum < limits.minimum or (limits.maximum == 0 and high > 0):
        if high > 0 and n > 1:
            done = f"k = 0 taken to be at step {n // 2}"
            findings.append(Finding("encoding limits missing", "info", f"the header has none along {axis}", done))
        if high >= n and len(np.unique(steps)) * 2 > n:
            findings.append(_grown(axis, high + 1, n))
            n = high + 1
        limits = Limit(0, n - 1, n // 2)
    centre = limits.centre
    outside_limits = np.unique(steps[(steps < limits.minimum) | (steps > limits.maximum)])
    if len(outside_limits):
        found = f"{len(outside_limits)} steps along {axis}, {outside_limits[0]} to {outside_limits[-1]}, "
        found += f"where the header says {limits.minimum} to {limits.maximum}"
        done = "lines inside the encoded matrix are used, others left out"
        findings.append(Finding("lines outside the encoding limits", "warning", found, done))
    if centre == 0 and n > 1 and high - centre >= n - n // 2:
        centre = n // 2
        found = f"the header's centre along {axis} is 0, which would leave half of the lines outside the matrix"
        findings.append(Finding("k-space centre impossible", "warning", found, f"k = 0 taken to be at step {centre}"))
    if limits.maximum - limits.minimum + 1 > n and len(np.unique(steps)) > n:
        reach = max(centre - low, high - centre)
        findings.append(_grown(axis, max(high - low + 1, 2 * reach), n))
        n = max(high - low + 1, 2 * reach)
    return n, centre


def _grown(axis: str, n_found: int, n: int) -> Finding:
    found = f"{n_found} steps along {axis}, but an encoded matrix of {n}"
    return Finding("contradictory matrix", "warning", found, f"{n_found} points over the same field of view")


def line_indices(raw: RawData, lines: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """kz and ky index of each line, and which lie on the grid.

    Args:
        raw: the raw data.
        lines: indices of readouts.
        grid: of its k-space.

    Returns:
        int64 ``(len(lines),)`` twice, and bool ``(len(lines),)``.
    """
    index = raw.readouts["idx"][lines]
    n_z, n_y, _ = grid.matrix
    z = index["kspace_encode_step_2"].astype(np.int64) - grid.centre_z + n_z // 2
    y = index["kspace_encode_step_1"].astype(np.int64) - grid.centre_y + n_y // 2
    return z, y, (z >= 0) & (z < n_z) & (y >= 0) & (y < n_y)


def batch_index(raw: RawData, lines: np.ndarray, *, slices: np.ndarray | None = None) -> tuple[np.ndarray, list[int]]:
    """One number for all batch counters of each line, and how many values each counter takes.

    Args:
        raw: the raw data.
        lines: indices of readouts.
        slices: all values of the slice counter, where the lines need not have them all.

    Returns:
        int64 ``(len(lines),)``, and the sizes in the order of ``BATCH_AXES``.
    """
    batch = np.zeros(len(lines), dtype=np.int64)
    shape = []
    for name in BATCH_AXES:
        counter = raw.readouts["idx"][name][lines]
        values = slices if name == "slice" and slices is not None else np.unique(counter)
        batch = batch * len(values) + np.searchsorted(values, counter)
        shape.append(len(values))
    return batch, shape
