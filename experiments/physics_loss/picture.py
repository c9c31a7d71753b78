"""One examination as every network shows it."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib import pyplot as plt

from experiments.physics_loss.heads import pairs
from experiments.physics_loss.judge import Solve
from pirecon.encoding import CartesianSense
from pirecon.training.regimes.contrast_axis import each_contrast

T2_WEIGHTED = 1
LARGEST_ERROR = 0.3  # of the grey scale


@torch.no_grad()
def draw(solvers: dict[str, Solve], path: Path) -> None:
    """T2-weighted images of the first examination at 1.5 T above their errors.

    Args:
        solvers: by title.
        path: of the picture.
    """
    matplotlib.use("Agg")
    scans = each_contrast(next(pairs((1.5, 1.5)))[0])
    E = CartesianSense(scans["maps"], scans["weights"])
    truth = scans["truth"][T2_WEIGHTED, 0].abs().numpy()
    images = {"truth": truth} | {name: solve(scans, E)[T2_WEIGHTED, 0].abs().numpy() for name, solve in solvers.items()}
    white = float(np.quantile(truth, 0.995))
    panels, axes = plt.subplots(2, len(images), figsize=(2 * len(images), 4.4), layout="constrained")
    for (top, bottom), (name, image) in zip(axes.T, images.items(), strict=True):
        top.imshow(image, cmap="gray", vmin=0, vmax=white)
        top.set_title(name.replace(", ", "\n"), fontsize="small")
        error = LARGEST_ERROR * white
        bottom.imshow(image - truth, cmap="RdBu_r", vmin=-error, vmax=error)
        for axis in (top, bottom):
            axis.set_axis_off()
    panels.savefig(path, dpi=90)
    plt.close(panels)
