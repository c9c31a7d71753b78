"""The picture: real heads on the left, simulated heads on the right, a contrast in each row."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.real_and_simulated.compare import real_noise, simulated_noise
from experiments.real_and_simulated.protocols import CONTRASTS
from experiments.real_and_simulated.real import real_image
from experiments.real_and_simulated.scan import Simulated

SHOWN = (("7A", 3), ("S6A", 0))
"""Patient and slice."""

CROP = (0.13, 0.03)
"""Of the field of view, cut off at the left and right, and at the front and back."""

BRIGHTEST = 99.0
"""Percentile of a panel, shown white; black is 0."""


def draw(simulated: dict[str, list[Simulated]], path: Path) -> None:
    """Write the figure.

    Args:
        simulated: scans of each contrast, one for each head.
        path: of the PNG file.
    """
    matplotlib.use("Agg")
    n_heads = len(simulated[CONTRASTS[0].name])
    n_columns = len(SHOWN) + n_heads
    with plt.rc_context({"font.size": 9, "font.family": "sans-serif"}):
        figure, axes = plt.subplots(
            len(CONTRASTS), n_columns, figsize=(1.75 * n_columns + 0.3, 7.15), facecolor="white"
        )
        for row, contrast in zip(axes, CONTRASTS, strict=True):
            panels = [(real_image(p, contrast.name)[s], real_noise(p, contrast.name).head) for p, s in SHOWN]
            panels += [(s.image, simulated_noise(s).head) for s in simulated[contrast.name]]
            for ax, (image, snr) in zip(row, panels, strict=True):
                _panel(ax, image, f"SNR {snr:.0f}")
            row[0].set_ylabel(contrast.title)
        titles = [f"patient {p}" for p, _ in SHOWN] + [f"simulated head {i + 1}" for i in range(n_heads)]
        for ax, title in zip(axes[0], titles, strict=True):
            ax.set_title(title, fontsize=9, pad=4)
        figure.subplots_adjust(left=0.045, right=0.995, top=0.92, bottom=0.005, wspace=0.02, hspace=0.02)
        _headings(figure, axes[0], n_real=len(SHOWN))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=200)
        plt.close(figure)


def _panel(ax: Axes, image: np.ndarray, label: str) -> None:
    """Radiological: the patient's right on the left, anterior on top; lines run to the right, samples to anterior."""
    shown = np.abs(image).T[::-1, ::-1]
    (height, width), (x, y) = shown.shape, CROP
    shown = shown[round(y * height) : round((1 - y) * height), round(x * width) : round((1 - x) * width)]
    ax.imshow(
        shown, cmap="gray", vmin=0, vmax=np.percentile(shown, BRIGHTEST), interpolation="bicubic", aspect="auto",
        extent=(0, 1 - 2 * x, 0, 1 - 2 * y),
    )  # fmt: skip
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.text(0.03, 0.98, label, transform=ax.transAxes, color="white", fontsize=8, va="top")


def _headings(figure: Figure, top: np.ndarray, *, n_real: int) -> None:
    """What is real and what is simulated, over a line that spans their columns."""
    for group, text in (
        (top[:n_real], "measured at 0.055 T (Liu et al. 2021)"),
        (top[n_real:], "simulated by bloch at 0.055 T"),
    ):
        left, right = group[0].get_position().x0, group[-1].get_position().x1
        figure.text((left + right) / 2, 0.975, text, ha="center", va="center", fontsize=10, weight="bold")
        figure.add_artist(Line2D((left + 0.01, right - 0.01), (0.955, 0.955), color="0.3", linewidth=0.8))
