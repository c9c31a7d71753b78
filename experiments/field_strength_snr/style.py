"""How the figures look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "0.35"
"""Colours that colour-blind readers tell apart. Source: Okabe & Ito (2008)."""

FIELD_TICKS = {0.05: "0.05", 0.1: "0.1", 0.2: "0.2", 0.55: "0.55", 1.5: "1.5", 3.0: "3", 7.0: "7"}
TITLES = {
    "spin_echo": "spin echo",
    "turbo_spin_echo": "turbo spin echo",
    "spoiled_gradient_echo": "spoiled gradient echo",
    "balanced_ssfp": "bSSFP",
}
FONT = {"font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9, "legend.fontsize": 8, "axes.linewidth": 0.8}


def field_axis(axes: Axes, low: float = 0.045, high: float = 8.0) -> None:
    """Logarithmic B0 with the usual field strengths as ticks."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(list(FIELD_TICKS), list(FIELD_TICKS.values()))
    axes.set_xticks([], minor=True)
    axes.grid(which="major", color="0.92", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def plain_log(axes: Axes) -> None:
    """Logarithmic y axis with plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def power_law(axes: Axes, anchor: tuple[float, float], power: float, span: tuple[float, float], label: str) -> None:
    """A dashed line ``y = y0 (B0/B0_0)^power`` with its name at its upper end.

    Args:
        axes: logarithmic.
        anchor: a point on the line.
        power: exponent.
        span: of B0.
        label: its name.
    """
    B0 = np.array(span)
    y = anchor[1] * (B0 / anchor[0]) ** power
    axes.plot(B0, y, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(label, (B0[-1], y[-1]), (-2, 0), textcoords="offset points", fontsize=8, color=GREY, ha="right")


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as docs/figures/field_strength_<name>.png."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"field_strength_{name}.png", dpi=160)
