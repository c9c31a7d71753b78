"""The figures of the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.field_strength_snr import physics_figures
from experiments.field_strength_snr.settings import Settings
from experiments.field_strength_snr.style import (
    BLUE,
    FONT,
    GREY,
    ORANGE,
    TITLES,
    field_axis,
    plain_log,
    power_law,
    save,
)
from experiments.field_strength_snr.sweep import SEQUENCES, FieldResult, Sweep, keeps_limits

KIND_STYLE = {"fixed": (BLUE, "o", "one protocol for all fields"), "optimised": (ORANGE, "s", "best at each field")}
NAMES = {
    "grey_matter": "SNR of grey matter",
    "white_matter": "SNR of white matter",
    "grey/white": "CNR grey / white matter",
    "tumour/white": "CNR tumour / white matter",
}


def draw(folder: Path, settings: Settings, found: Sweep) -> None:
    """Write all figures.

    Args:
        folder: for the PNG files.
        settings: of the sweep.
        found: by the sweep.
    """
    results = found.fields
    with mpl.rc_context(FONT):
        physics_figures.draw_intrinsic(folder, settings, results)
        physics_figures.draw_artefacts(folder, found.heads)
        _draw_snr(folder, settings, results)
        _draw_cnr(folder, settings, results)
        _draw_time(folder, settings, results)


def _draw_snr(folder: Path, settings: Settings, results: Sequence[FieldResult]) -> None:
    """White matter, a panel for each sequence, with the limits through the optimised scan at 0.05 T and at 7 T."""
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    panels = figure.subplots(1, len(SEQUENCES), sharey=True)
    for axes, sequence in zip(panels, SEQUENCES, strict=True):
        _both_kinds(axes, results, sequence, "white_matter", settings)
        _limits(axes, results, sequence, "white_matter")
        axes.set_title(TITLES[sequence])
        axes.set_xlabel("B0 / T")
    panels[0].set_ylabel(f"{NAMES['white_matter']} in {settings.minutes:g} min")
    panels[0].set_ylim(5, 3e4)
    _legend(figure, _key())
    save(figure, folder, "snr")


def _draw_cnr(folder: Path, settings: Settings, results: Sequence[FieldResult]) -> None:
    figure = Figure(figsize=(10.5, 6.2), layout="constrained")
    panels = figure.subplots(2, len(SEQUENCES), sharex=True, sharey="row")
    for row, quantity in enumerate(("grey/white", "tumour/white")):
        for axes, sequence in zip(panels[row], SEQUENCES, strict=True):
            _both_kinds(axes, results, sequence, quantity, settings)
            _limits(axes, results, sequence, quantity)
        panels[row, 0].set_ylabel(f"{NAMES[quantity]} in {settings.minutes:g} min")
        panels[row, 0].set_ylim(0.3, 1e4)
    for column, sequence in enumerate(SEQUENCES):
        panels[0, column].set_title(TITLES[sequence])
        panels[1, column].set_xlabel("B0 / T")
    _legend(figure, _key())
    save(figure, folder, "cnr")


def _draw_time(folder: Path, settings: Settings, results: Sequence[FieldResult]) -> None:
    """Scan time at which white matter reaches the wanted SNR, for the voxels of the sweep and for 1 mm³."""
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    panels = figure.subplots(1, len(SEQUENCES), sharey=True)
    volume = results[0].plans[SEQUENCES[0], "fixed"].voxel_volume * 1e9  # mm³
    for axes, sequence in zip(panels, SEQUENCES, strict=True):
        for kind in KIND_STYLE:
            bounds = np.percentile(_values(results, sequence, kind, "white_matter"), (84, 50, 16), axis=1)
            seconds = [60 * settings.minutes * (settings.wanted_snr / v) ** 2 for v in bounds]
            _errorbars(axes, results, seconds, kind, _within(results, sequence, kind, "white_matter", settings))
        axes.axhspan(1e-4, 1, color="0.95", zorder=0)
        plain_log(axes)
        axes.set_ylim(1e-3, 3e3)
        field_axis(axes)
        axes.set_title(TITLES[sequence])
        axes.set_xlabel("B0 / T")
    panels[0].annotate("less than 1 s: to be spent on resolution", (0.05, 0.0013), fontsize=7, color=GREY)
    panels[0].set_ylabel(f"scan time for an SNR of {settings.wanted_snr:g}\nin white matter, {volume:g} mm³ / s")
    _legend(figure, _key()[:3])
    right = panels[-1].secondary_yaxis("right", functions=(lambda t: t * volume**2, lambda t: t / volume**2))
    right.set_ylabel("for voxels of 1 mm³")
    right.set_yticks([1, 60, 3600, 86400], ["1 s", "1 min", "1 h", "1 d"])
    right.set_yticks([], minor=True)
    save(figure, folder, "time")


def _both_kinds(axes: Axes, results: Sequence[FieldResult], sequence: str, quantity: str, settings: Settings) -> None:
    for kind in KIND_STYLE:
        bounds = np.percentile(_values(results, sequence, kind, quantity), (16, 50, 84), axis=1)
        _errorbars(axes, results, list(bounds), kind, _within(results, sequence, kind, quantity, settings))
    plain_log(axes)
    field_axis(axes)


def _errorbars(
    axes: Axes, results: Sequence[FieldResult], bounds: list[np.ndarray], kind: str, within: np.ndarray
) -> None:
    """Median with the 16th and 84th percentile; the kinds stand a little apart so that both bars are seen.

    Markers are hollow where the image is displaced by more than the limits of the optimised scans.
    """
    low, middle, high = bounds
    colour, marker, _ = KIND_STYLE[kind]
    B0 = np.array([result.B0 for result in results]) * (0.985 if kind == "fixed" else 1.015)
    axes.errorbar(B0, middle, yerr=(middle - low, high - middle), fmt="none", elinewidth=0.9, capsize=1.8, color=colour)
    axes.plot(B0, middle, "-", color=colour, linewidth=1.2)
    for inside, face in ((True, colour), (False, "white")):
        chosen = within == inside
        axes.plot(B0[chosen], middle[chosen], marker, color=colour, markerfacecolor=face, markersize=4, zorder=4)


def _within(results: Sequence[FieldResult], sequence: str, kind: str, quantity: str, settings: Settings) -> np.ndarray:
    """Whether the scan keeps the limits of distortion and chemical shift, by field."""
    return np.array([keeps_limits(result, result.plan(sequence, kind, quantity), settings) for result in results])


def _limits(axes: Axes, results: Sequence[FieldResult], sequence: str, quantity: str) -> None:
    ends = [
        max(float(np.median(r.values[sequence, kind, quantity])) for kind in KIND_STYLE)
        for r in (results[0], results[-1])
    ]
    power_law(axes, (results[0].B0, ends[0] * 2.5), 7 / 4, (results[0].B0, 0.25), "$B_0^{7/4}$")
    power_law(axes, (results[-1].B0, ends[1] * 2.0), 1, (2.0, results[-1].B0), "$B_0^1$")


def _values(results: Sequence[FieldResult], sequence: str, kind: str, quantity: str) -> np.ndarray:
    """(field, draw)."""
    return np.stack([result.values[sequence, kind, quantity] for result in results])


def _legend(figure: Figure, handles: list[Line2D]) -> None:
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)


def _key() -> list[Line2D]:
    kinds = [Line2D([], [], color=c, marker=m, markersize=4, label=label) for c, m, label in KIND_STYLE.values()]
    hollow = Line2D([], [], color=BLUE, marker="o", markerfacecolor="white", markersize=4, linestyle="")
    hollow.set_label("displaced by more than is allowed")
    return [
        *kinds,
        hollow,
        Line2D([], [], color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="slopes of the limits"),
    ]
