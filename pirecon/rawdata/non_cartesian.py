"""Put readouts that lie on no grid side by side."""

from __future__ import annotations

import numpy as np
import torch

from pirecon.rawdata.finding import RawDataError
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.grid import BATCH_AXES, batch_index
from pirecon.rawdata.orientation import slice_geometry
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.readout import silent_lines
from pirecon.rawdata.trajectory import NonCartesianKSpace, Trajectory
from pirecon.rawdata.trajectory_unit import to_inverse_metres

ON_GRID = ("cartesian", "epi")


def is_cartesian(raw: RawData) -> bool:
    """Whether the lines lie on a grid: the header says so, or says ``other`` and no trajectory is stored."""
    if raw.encoding.trajectory in ON_GRID:
        return True
    return raw.encoding.trajectory == "other" and not (_stored_axes(raw) >= 2)


def sort_readouts(
    raw: RawData, *, k: np.ndarray | None = None, unit: str | None = None, device: torch.device | None = None
) -> NonCartesianKSpace:
    """Sort the imaging readouts by slice, contrast, repetition …, each with its trajectory.

    Averages are kept as readouts of their own, for they need not have the same trajectory. Samples to be discarded get
    weight 0, and so do the gaps of an image that has fewer readouts than another.

    Args:
        raw: what :func:`pirecon.rawdata.mrd.read_mrd` gave.
        k: trajectory of every imaging readout, ``(readout, sample, 3)`` along x, y, z (read, phase, slice), 1/m; None
            takes what the file holds.
        unit: of the file's trajectory; None finds it from its extent.
        device: where to put the result.

    Returns:
        k-space, complex64 ``(*batch, coil, readout, sample)`` in the unit of the file.

    Raises:
        RawDataError: no trajectory, readouts of different lengths, or a trajectory in no known unit.
    """
    lines = raw.imaging_lines
    lines = lines[~silent_lines(raw, lines)]
    lengths = np.unique(raw.readouts["number_of_samples"][lines])
    if len(lengths) != 1:
        raise RawDataError(
            f"{raw.path}: the readouts have {', '.join(map(str, lengths))} samples; non-Cartesian readouts must all be "
            "of one length. Two scans were probably put into one file; write each to its own."
        )
    geometry = image_geometry(raw)
    if k is None:
        path, source = _stored_trajectory(raw, lines, unit)
    else:
        path, source = _given_trajectory(raw, lines, k), "trajectory as given"
    batch, shape = batch_index(raw, lines)
    members = [np.flatnonzero(batch == b) for b in range(int(np.prod(shape)))]
    n = max(len(m) for m in members)
    n_samples, n_coils = int(lengths[0]), raw.n_coils
    data = np.zeros((len(members), n_coils, n, n_samples), np.complex64)
    weights = np.zeros((len(members), 1, n, n_samples), np.float32)
    points = np.zeros((len(members), n, n_samples, 3), np.float32)
    heads = raw.readouts[lines]
    kept = _kept(heads["discard_pre"], heads["discard_post"], n_samples)
    for b, member in enumerate(members):
        if len(member):
            data[b, :, : len(member)] = raw.block(lines[member]).transpose(1, 0, 2)
            weights[b, 0, : len(member)] = kept[member]
            points[b, : len(member)] = path[member]
    long = tuple(m for m in shape if m > 1)
    return NonCartesianKSpace(
        data=torch.from_numpy(data).to(device).reshape(*long, n_coils, n, n_samples),
        weights=torch.from_numpy(weights).to(device).reshape(*long, 1, n, n_samples),
        trajectory=Trajectory(torch.from_numpy(points).to(device).reshape(*long, n, n_samples, 3), source),
        n_averages=1,
        geometry=geometry,
        batch_axes=tuple(name for name, m in zip(BATCH_AXES, shape, strict=True) if m > 1),
    )


def image_geometry(raw: RawData) -> Geometry:
    """The image of a non-Cartesian scan: voxels of the encoded size over the reconstructed field of view."""
    space = raw.encoding
    voxel = [length / n for length, n in zip(space.field_of_view, space.matrix, strict=True)]
    extent = [min(a, b) for a, b in zip(space.recon_field_of_view, space.field_of_view, strict=True)]
    matrix = tuple(max(1, round(length / v)) for length, v in zip(extent, voxel, strict=True))
    sides = tuple(n * v for n, v in zip(matrix, voxel, strict=True))
    return slice_geometry(raw, raw.imaging_lines, matrix, sides)[0]  # type: ignore[arg-type]


def _stored_axes(raw: RawData) -> int:
    lines = raw.imaging_lines
    return 0 if raw.trajectories is None else int(raw.readouts["trajectory_dimensions"][lines].min())


def _stored_trajectory(raw: RawData, lines: np.ndarray, unit: str | None) -> tuple[np.ndarray, str]:
    """k ``(readout, sample, 3)`` along z, y, x, 1/m, from the file."""
    n_axes, space = _stored_axes(raw), raw.encoding
    if n_axes < 2 or raw.trajectories is None:
        found = "no trajectory" if n_axes == 0 else f"a trajectory of {n_axes} axis"
        raise RawDataError(
            f"{raw.path}: the scan is {space.trajectory}, but its readouts hold {found}, and at least x and y are "
            "needed. Give the Pulseq file of the scan (--sequence), or store the trajectory with the readouts."
        )
    n_samples = int(raw.readouts["number_of_samples"][lines[0]])
    stored = np.stack([raw.trajectories[i].reshape(n_samples, -1)[:, :n_axes] for i in lines])
    is_slab = space.matrix[0] > 1
    stored = stored[..., : 3 if is_slab else 2]  # a third axis of slices is a density or 0
    k, source = to_inverse_metres(
        stored, matrix=space.matrix, field_of_view=space.field_of_view, unit=unit, path=raw.path
    )
    if is_slab and n_axes == 2:  # a stack of stars or of spirals
        centre = space.limits_z.centre if space.limits_z else space.matrix[0] // 2
        step = raw.readouts["idx"]["kspace_encode_step_2"][lines].astype(np.float64) - centre
        k_z = np.broadcast_to((step / space.field_of_view[0])[:, None, None], (*k.shape[:2], 1))
        k, source = np.concatenate([k, k_z], axis=-1), source + "; partitions from their counter"
    return _image_axes(k), f"trajectory stored with the readouts, {source}"


def _given_trajectory(raw: RawData, lines: np.ndarray, k: np.ndarray) -> np.ndarray:
    n_all, n_samples = len(raw.imaging_lines), int(raw.readouts["number_of_samples"][lines[0]])
    if k.shape != (n_all, n_samples, 3):
        raise RawDataError(
            f"{raw.path}: the given trajectory has the shape {k.shape}, but the file's imaging readouts need "
            f"{(n_all, n_samples, 3)} (readout, sample, axis). It is probably that of another scan; give the sequence "
            "that was played."
        )
    flat = k if raw.encoding.matrix[0] > 1 else k[..., :2]
    return _image_axes(flat[np.isin(raw.imaging_lines, lines)])


def _image_axes(k: np.ndarray) -> np.ndarray:
    """x, y(, z) → z, y, x; along z 0 where there is none."""
    z = k[..., 2:] if k.shape[-1] == 3 else np.zeros((*k.shape[:-1], 1))
    return np.concatenate([z, k[..., 1::-1]], axis=-1)


def _kept(before: np.ndarray, after: np.ndarray, n_samples: int) -> np.ndarray:
    index = np.arange(n_samples)
    return (index >= before[:, None].astype(int)) & (index < n_samples - after[:, None].astype(int))
