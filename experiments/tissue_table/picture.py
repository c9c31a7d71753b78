"""T1 and T2 over B0 with the published points."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bloch.tissue import LARGEST_B0, SMALLEST_B0, PublishedPoint, published_points, relaxation_fits, tissues_at

GROUPS = {
    "brain and blood": ("grey_matter", "white_matter", "csf", "blood", "vitreous"),
    "muscle, fat, joints, skin": ("muscle", "fat", "marrow", "cartilage", "gland", "skin", "bone"),
    "abdomen": ("liver", "spleen", "kidney_cortex", "kidney_medulla"),
    "lesions (mostly assumed)": (
        "tumour",
        "necrosis",
        "oedema",
        "acute_stroke",
        "chronic_stroke",
        "haemorrhage",
        "ms_plaque",
    ),
}
LIMITS = {"T1": (0.04, 6.0), "T2": (0.01, 3.0)}  # s; bone's T2 below 1 ms is left out of the picture
FIELDS = np.geomspace(SMALLEST_B0, LARGEST_B0, 400)
TICKS = {0.01: "0.01", 0.05: "0.05", 0.2: "0.2", 0.55: "0.55", 1.5: "1.5", 3.0: "3", 7.0: "7"}


def draw(path: Path) -> None:
    """Write the picture: a column for each group, T1 above T2, both axes logarithmic.

    Args:
        path: of the PNG file.
    """
    figure = Figure(figsize=(16, 9), layout="constrained")
    panels = figure.subplots(2, len(GROUPS), sharex=True, sharey="row")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is extrapolated is dashed
        tables = [tissues_at(float(B0)) for B0 in FIELDS]
    for column, (title, names) in enumerate(GROUPS.items()):
        for row, quantity in enumerate(("T1", "T2")):
            axes = panels[row, column]
            widths = np.linspace(3.2, 1.6, len(names))  # thinner over thicker: equal curves stay visible
            for colour, name, width in zip(mpl.color_sequences["tab10"], names, widths, strict=False):
                times = np.array([getattr(table[name], quantity) for table in tables])
                _draw_tissue(axes, name, times, color=colour, linewidth=width)
                for point in published_points():
                    if point.tissue == name:
                        _draw_point(axes, point, quantity, colour)
            _dress(axes, quantity)
        panels[0, column].set_title(title)
        panels[1, column].set_xlabel("B0 / T")
        panels[0, column].legend(loc="lower right", fontsize=8.5, ncols=2, framealpha=0.9)
    panels[0, 0].set_ylabel("T1 / s")
    panels[1, 0].set_ylabel("T2 / s")
    panels[1, 0].legend(handles=_key(), loc="lower left", fontsize=8.5, framealpha=0.9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw_tissue(
    axes: Axes, name: str, times: np.ndarray, *, color: tuple[float, float, float], linewidth: float
) -> None:
    inside = np.array([relaxation_fits()[name].covers(float(B0)) for B0 in FIELDS])
    axes.plot(FIELDS, times, color=color, linewidth=1, linestyle=(0, (2, 2)))
    axes.plot(FIELDS[inside], times[inside], color=color, linewidth=linewidth, label=name.replace("_", " "))


def _draw_point(axes: Axes, point: PublishedPoint, quantity: str, colour: tuple[float, float, float]) -> None:
    time = getattr(point, quantity)
    if time is None:
        return
    deviation = getattr(point, f"{quantity}_sd")
    face = colour if point.confirmed else "white"
    style = {"color": colour, "markerfacecolor": face, "markersize": 6, "capsize": 2, "elinewidth": 1, "zorder": 3}
    axes.errorbar(point.B0, time, yerr=deviation, fmt="o", **style)


def _dress(axes: Axes, quantity: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(SMALLEST_B0, LARGEST_B0 * 1.15)
    axes.set_ylim(*LIMITS[quantity])
    axes.set_xticks(list(TICKS), list(TICKS.values()))
    axes.set_xticks([], minor=True)
    steps = [time for time in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if LIMITS[quantity][0] <= time]
    steps = [time for time in steps if time <= LIMITS[quantity][1]]
    axes.set_yticks(steps, [f"{time:g}" for time in steps])
    axes.grid(which="both", color="0.9", linewidth=0.6)


def _key() -> list[Line2D]:
    return [
        Line2D([], [], color="0.3", linewidth=2, label="table"),
        Line2D([], [], color="0.3", linewidth=1, linestyle=(0, (2, 2)), label="extrapolated"),
        Line2D([], [], color="0.3", marker="o", linestyle="", label="published, confirmed (± SD)"),
        Line2D([], [], color="0.3", marker="o", linestyle="", markerfacecolor="white", label="published, recalled"),
    ]
