"""A picture of how the body moved."""

from __future__ import annotations

from pathlib import Path

from pirecon.motion.motion import Motion
from pirecon.motion.write import COLUMNS, motion_rows


def motion_figure(path: str | Path, motion: Motion) -> None:
    """Translations and rotations over the shots, as PNG.

    Args:
        path: of the picture.
        motion: to be drawn; each pose holds from the first shot of its state to that of the next.
    """
    from matplotlib.figure import Figure  # matplotlib is heavy, and only pictures need it

    rows = motion_rows(motion)
    shots = [row[1] for row in rows]
    n_shots = [*shots, shots[-1] + (shots[-1] - shots[-2] if len(shots) > 1 else 1)]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    for axis, columns, unit in ((axes[0], range(2, 5), "mm"), (axes[1], range(5, 8), "degrees")):
        for column in columns:
            values = [row[column] for row in rows]
            axis.step(n_shots, [*values, values[-1]], where="post", label=COLUMNS[column].rsplit("_", 1)[0])
        axis.set_ylabel(unit)
        axis.legend(loc="upper left", fontsize="small", ncols=3)
    axes[1].set_xlabel("shot")
    axes[0].set_title("motion relative to the first shot" if motion.found else "no motion found")
    figure.savefig(path, dpi=120)
