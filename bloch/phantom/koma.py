"""Reads the phantoms of KomaMRI.jl (HDF5, ending .phantom)."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import h5py
import numpy as np
import torch

from bloch.phantom.parameter_maps import MapPhantom
from bloch.tissue import GYROMAGNETIC_RATIO

AXES = ("x", "y", "z")
NEVER = 1e6  # s: what Koma fills in for a time that was not given
TOLERANCE = 0.02  # of a voxel, within which spins count as being on a grid


def read_koma(path: str | Path, *, B0: float, thickness: float | None = None) -> MapPhantom:
    """A phantom that KomaMRI wrote: spins at positions, put on the regular grid on which they lie.

    Root attributes Version, Name, Ns, Dims; ``position/{x, y, z}`` in m; ``contrast/{ρ, T1, T2, T2s, Δw}`` in s and
    rad/s, each of length Ns. Koma's x, y, z are taken for ours (L, P, S). Where no spin is, proton density is 0.

    Args:
        path: the file.
        B0: field strength for which Δw was made, T: ``field_offset = Δw / (2π γ B0)``. (Koma cannot tell fat's shift
            from the magnet's field; both are in it.)
        thickness: of the voxels along an axis on which all spins have one position, m; None takes the finest spacing.

    Returns:
        MapPhantom with voxel ``n // 2`` at the origin.

    Raises:
        ValueError: no Koma file, B0 not positive, lengths that differ, or spins on no regular grid.

    Warns:
        UserWarning: motion is left out, the phantom is shifted so that a voxel is at the origin, or a thickness is
            guessed.

    Source: KomaMRIFiles.jl, src/Phantom/Phantom.jl, and the page Phantom File Format of its documentation.
    """
    if not B0 > 0:
        raise ValueError(f"B0 is {B0} T; expected the positive field strength for which the phantom was made.")
    positions, contrast = _read_arrays(Path(path))
    indices, spacing, matrix = [], [], []
    for axis in AXES:
        index, step, n = _grid_axis(positions[axis], axis)
        indices.append(index)
        spacing.append(step)
        matrix.append(n)
    known = [step for step in spacing if step is not None]
    if thickness is None and len(known) < 3:
        thickness = min(known, default=1e-3)
        warnings.warn(f"A voxel thickness is not in {path}; {thickness:.4g} m is assumed.", stacklevel=2)
    x, y, z = (step if step is not None else float(thickness or 1e-3) for step in spacing)
    _warn_of_shift(path, positions, (x, y, z), matrix)
    flat = np.ravel_multi_index((indices[2], indices[1], indices[0]), matrix[::-1])
    if len(np.unique(flat)) < len(flat):
        raise ValueError(f"{path} holds several spins at one position; a map has one kind of spin in each voxel.")

    def gridded(values: np.ndarray, elsewhere: float) -> torch.Tensor:
        grid = np.full(matrix[0] * matrix[1] * matrix[2], elsewhere, dtype=np.float32)
        grid[flat] = values
        return torch.from_numpy(grid.reshape(matrix[::-1]))

    T1, T2 = (np.where(contrast[name] >= NEVER, np.inf, contrast[name]) for name in ("T1", "T2"))
    T2_star = np.where(contrast["T2s"] >= NEVER, T2, contrast["T2s"]) if "T2s" in contrast else T2
    return MapPhantom(
        proton_density=gridded(contrast["ρ"], 0.0),
        T1=gridded(T1, 1.0),
        T2=gridded(T2, 1.0),
        voxel_size=(z, y, x),
        T2_star=gridded(T2_star, 1.0) if "T2s" in contrast else None,
        field_offset=(
            gridded(contrast["Δw"] / (2 * math.pi * GYROMAGNETIC_RATIO * B0) * 1e6, 0.0) if "Δw" in contrast else None
        ),
    )


def _read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path} is no HDF5 file, as KomaMRI's write_phantom makes one.")
    with h5py.File(path, "r") as file:
        for group in ("position", "contrast"):
            if group not in file:
                raise ValueError(
                    f"{path} has no group '{group}' but {sorted(file)}; a KomaMRI phantom has position and contrast. "
                    "Phantoms of early KomaMRI versions are Julia files: load them there and write them again."
                )
        if "motion" in file:
            warnings.warn(f"The motion in {path} is left out; set MapPhantom.motion.", stacklevel=3)
        positions = {name: np.asarray(file["position"][name], dtype=float) for name in file["position"]}
        contrast = {name: np.asarray(file["contrast"][name], dtype=float) for name in file["contrast"]}
    needed = [name for name in ("ρ", "T1", "T2") if name not in contrast]
    if needed or "x" not in positions:
        raise ValueError(f"{path} lacks {needed or ['x']}; found {sorted(positions)} and {sorted(contrast)}.")
    n = positions["x"].shape
    for axis in AXES:
        positions.setdefault(axis, np.zeros(n))
    odd = {k: v.shape for k, v in {**positions, **contrast}.items() if v.shape != n or v.ndim != 1 or v.size == 0}
    if odd:
        raise ValueError(f"In {path} every array must be as long as x ({n}); found {odd}.")
    return positions, contrast


def _grid_axis(values: np.ndarray, axis: str) -> tuple[np.ndarray, float | None, int]:
    """Index on the axis, spacing (None for a single position) and number of voxels."""
    low, extent = values.min(), float(np.ptp(values))
    if extent == 0:
        return np.zeros(len(values), dtype=int), None, 1
    steps = np.diff(np.unique(values))
    step = float(steps[steps > 1e-6 * extent].min())
    step = extent / round(extent / step)
    index = np.rint((values - low) / step).astype(int)
    off = float(np.abs((values - low) / step - index).max())
    if off > TOLERANCE or index.max() >= 4096:
        raise ValueError(
            f"The spins do not lie on a regular grid along {axis} (off by {off:.2g} of a step of {step:.4g} m); "
            "only gridded Koma phantoms become maps."
        )
    return index, step, int(index.max()) + 1


def _warn_of_shift(
    path: str | Path, positions: dict[str, np.ndarray], steps: tuple[float, float, float], matrix: list[int]
) -> None:
    shifts = [float(positions[axis].min()) + (n // 2) * step for axis, step, n in zip(AXES, steps, matrix, strict=True)]
    if any(abs(shift) > TOLERANCE * step for shift, step in zip(shifts, steps, strict=True)):
        warnings.warn(
            f"The phantom of {path} is shifted by {[-round(s, 6) for s in shifts]} m along x, y, z, so that "
            "voxel n // 2 is at the origin.",
            stacklevel=3,
        )
