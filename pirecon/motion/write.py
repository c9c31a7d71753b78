"""Motion as a table for other programs."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

from pirecon.motion.motion import Motion

COLUMNS = ("state", "first_shot", "d_z_mm", "d_y_mm", "d_x_mm", "angle_z_deg", "angle_y_deg", "angle_x_deg")


def motion_rows(motion: Motion) -> list[tuple[float, ...]]:
    """One row for each state, columns as ``COLUMNS``: mm and degrees, relative to the first state."""
    rows = []
    for state, shot in enumerate(motion.first_shots.tolist()):
        d, angle = motion.translations[state].tolist(), motion.rotations[state].tolist()
        rows.append((state, shot, *(1e3 * v for v in d), *(math.degrees(v) for v in angle)))
    return rows


def write_motion(path: str | Path, motion: Motion) -> None:
    """Write the poses; the ending chooses the format.

    Args:
        path: ``.csv`` (one row for each state, under a comment with the source) or ``.json``.
        motion: to be written.

    Raises:
        ValueError: another ending.
    """
    path = Path(path)
    rows = motion_rows(motion)
    if path.suffix == ".json":
        states = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        text = json.dumps({"found": motion.found, "source": motion.source, "states": states}, indent=2)
        path.write_text(text + "\n", encoding="utf-8")
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(f"# {motion.source}\n")
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([f"{value:.6g}" for value in row] for row in rows)
    else:
        raise ValueError(f"motion is written as .csv or .json, but the path is {path}; choose one of these endings")
