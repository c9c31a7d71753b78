"""In which unit a raw file counts its trajectory: the format names none, and writers differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pirecon.rawdata.finding import RawDataError

SHORTEST, LONGEST = 0.6, 1.6
"""How far a trajectory may reach, as a part of what its matrix spans: corners of k-space lie at √2."""
UNITS = ("1/fov", "cycles/voxel", "rad/voxel", "1/m", "1/mm", "rad/m", "rad/mm")


def to_inverse_metres(
    trajectory: np.ndarray,
    *,
    matrix: Sequence[int],
    field_of_view: Sequence[float],
    unit: str | None = None,
    path: Path | str = "trajectory",
) -> tuple[np.ndarray, str]:
    """k in 1/m of a trajectory in a unit that is given, or found from how far it reaches.

    A matrix of n voxels over the field of view L spans |k| ≤ n / 2L. In units of 1/L (MRpro, BART) that is n/2, per
    voxel ½ (Gadgetron) or π, and so on; the unit in which the reach comes nearest to this is taken.

    Args:
        trajectory: ``(..., axis)``, the axes x, y and, of slabs, z.
        matrix: ``(z, y, x)``.
        field_of_view: ``(z, y, x)``, m.
        unit: one of ``UNITS``; None finds it.
        path: of the file, for messages.

    Returns:
        k ``(..., axis)``, float64, 1/m, and a sentence about the unit.

    Raises:
        ValueError: no such unit.
        RawDataError: NaN, a trajectory without extent, or an extent that fits no unit, or not the one that is given.

    Source: MRpro, ``KTrajectoryIsmrmrd``; BART manual, "the unit of measurement for kspace trajectory is 1/FOV";
    Gadgetron's generators of trajectories (−½ to ½).
    """
    n_axes = trajectory.shape[-1]
    n = np.array(matrix[::-1][:n_axes], np.float64)
    length = np.array(field_of_view[::-1][:n_axes], np.float64)
    per_metre = {  # 1/m that one of the unit is, by axis
        "1/fov": 1 / length,
        "cycles/voxel": n / length,
        "rad/voxel": n / length / (2 * math.pi),
        "1/m": np.ones(n_axes),
        "1/mm": np.full(n_axes, 1e3),
        "rad/m": np.full(n_axes, 1 / (2 * math.pi)),
        "rad/mm": np.full(n_axes, 1e3 / (2 * math.pi)),
    }
    if unit is not None and unit not in per_metre:
        raise ValueError(f"there is no trajectory unit {unit!r}; choose one of {', '.join(UNITS)}")
    reach = _reach(trajectory[..., :2], path)
    spanned = float((n / length)[:2].max()) / 2
    found = {name: reach * float(factor[:2].max()) / spanned for name, factor in per_metre.items()}
    if unit is not None:
        if found[unit] > LONGEST:
            raise RawDataError(
                f"{path}: in the unit {unit}, the trajectory reaches {100 * found[unit]:.3g} % of what the matrix "
                "spans. The unit is another one, or matrix or field of view of the header are wrong; leave out "
                "--trajectory-unit to have the unit found, or correct the header."
            )
        return trajectory * per_metre[unit], f"unit {unit} as given, {100 * found[unit]:.3g} % of k-space"
    name = min(found, key=lambda u: abs(math.log(found[u])))
    if not SHORTEST <= found[name] <= LONGEST:
        reaches = ", ".join(f"{u}: {100 * part:.3g} %" for u, part in found.items())
        raise RawDataError(
            f"{path}: the trajectory reaches {reach:.4g}, which fits no unit: it would reach these parts of what the "
            f"matrix of {matrix[2]} × {matrix[1]} over {1e3 * field_of_view[2]:.4g} × {1e3 * field_of_view[1]:.4g} mm "
            f"spans: {reaches}. Matrix or field of view of the header are wrong, or the scan was ended early; correct "
            "them, or name the unit (--trajectory-unit)."
        )
    close = [u for u, part in found.items() if u != name and 0.8 < part / found[name] < 1.25]
    doubt = f" ({', '.join(close)} would fit nearly as well)" if close else ""
    how = f"unit {name} found from its reach, {100 * found[name]:.0f} % of k-space{doubt}"
    return trajectory * per_metre[name], how


def _reach(trajectory: np.ndarray, path: Path | str) -> float:
    if not np.isfinite(trajectory).all():
        raise RawDataError(f"{path}: the trajectory holds NaN or infinite values; convert the raw data again.")
    reach = float(np.abs(trajectory).max()) if trajectory.size else 0.0
    if reach == 0:
        raise RawDataError(
            f"{path}: the trajectory is 0 everywhere. The converter probably left it out; give the Pulseq file of the "
            "scan (--sequence), or convert the raw data again."
        )
    return reach
