"""The picture: truth and what was found, a scan in each row."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from experiments.fat_fraction.cases import Case
from experiments.fat_fraction.vials import FRACTIONS, Vials
from pirecon.quantitative import FatWater


def draw(shown: list[tuple[Case, Vials, FatWater]], path: Path) -> None:
    """Truth, fat fraction, field, R2*, and fraction against truth of every voxel of the interiors."""
    matplotlib.use("Agg")
    figure, axes = plt.subplots(len(shown), 5, figsize=(13, 2.5 * len(shown)), layout="constrained", squeeze=False)
    titles = ("true fat fraction", "fat fraction", "off-resonance, Hz", "R2*, 1/s", "found against true")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=10)
    for row, (case, body, maps) in zip(axes, shown, strict=True):
        inside = body.vial >= 0
        truth = np.array([*FRACTIONS, np.nan])[body.vial]
        values = [truth] + [
            np.where(inside, map_[0].numpy(), np.nan) for map_ in (maps.fat_fraction, maps.off_resonance, maps.R2_star)
        ]
        ranges = [(0, 1), (0, 1), (None, None), (0, 50)]
        for axis, value, (low, high) in zip(row, values, ranges, strict=False):
            picture = axis.imshow(value, vmin=low, vmax=high, cmap="viridis", interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            figure.colorbar(picture, ax=axis, shrink=0.8)
        row[0].set_ylabel(f"{case.B0:g} T, {case.lean}\n{case.inhomogeneity:g} ppm, SNR 20", fontsize=9)
        of_interior = body.interior >= 0
        row[4].plot([0, 1], [0, 1], color="0.7", linewidth=1)
        row[4].plot(truth[of_interior], maps.fat_fraction[0].numpy()[of_interior], ".", markersize=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)
