"""A picture of what a raw file holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bloch.rawfile import RawScan


def write_preview(path: Path, scan: RawScan) -> None:
    """The true image (or the phantom's protons) of the middle slice, its phase, and the first channels' sensitivities.

    Args:
        path: of the picture.
        scan: with its truth.
    """
    from matplotlib.figure import Figure  # slow to import, and only needed here

    truth, maps = scan.truth, scan.truth["sensitivity_maps"]
    s, z = maps.shape[0] // 2, maps.shape[2] // 2
    panels = []
    if "image" in truth:
        image = truth["image"][s, z]
        panels = [("magnitude", abs(image), "gray"), ("phase", np.angle(image), "twilight")]
    elif "proton_density" in truth:
        panels = [("proton density", truth["proton_density"][s, z], "gray")]
    panels += [(f"coil {c}", abs(maps[s, c, z]), "viridis") for c in range(min(maps.shape[1], 4))]
    figure = Figure(figsize=(2.4 * len(panels), 2.7), layout="constrained")
    for axes, (title, values, colours) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.imshow(values, cmap=colours)
        axes.set(title=title, xticks=[], yticks=[])
    figure.savefig(path, dpi=100)
