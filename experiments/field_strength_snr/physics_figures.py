"""Figures of what lies under the sweep: the receiver's SNR and its exponents, and artefacts in Hz and voxels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bloch.receiver.noise import CROSSOVER_FIELD
from bloch.snr import HeadReceiver
from experiments.field_strength_snr.anatomy import Anatomy
from experiments.field_strength_snr.artefacts import PIXEL_BANDWIDTH, artefacts_at
from experiments.field_strength_snr.limits import local_exponents, standard_receivers
from experiments.field_strength_snr.published import of_kind
from experiments.field_strength_snr.settings import Settings
from experiments.field_strength_snr.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    field_axis,
    plain_log,
    power_law,
    save,
)
from experiments.field_strength_snr.sweep import FieldResult

COIL_COLOURS = (BLUE, GREEN, RED)
CURVE = np.geomspace(0.045, 8.0, 120)


def draw_intrinsic(folder: Path, settings: Settings, results: Sequence[FieldResult]) -> None:
    """Left: SNR of water by coil; right: local exponents beside published ones."""
    figure = Figure(figsize=(10.5, 4.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    B0 = np.array([result.B0 for result in results])
    for colour, coil in zip(COIL_COLOURS, results[0].psi, strict=True):
        psi = np.stack([result.psi[coil] for result in results]) * 1e-9
        low, middle, high = np.percentile(psi, (16, 50, 84), axis=1)
        left.errorbar(
            B0, middle, yerr=(middle - low, high - middle), fmt="o-", color=colour, markersize=3.5, linewidth=1.2,
            elinewidth=0.9, capsize=1.8, label=coil,
        )  # fmt: skip
    anchor = float(np.median(results[0].psi["8 loops"])) * 1e-9
    power_law(left, (B0[0], anchor * 1.8), 7 / 4, (B0[0], 0.4), "$B_0^{7/4}$")
    top = float(np.median(results[-1].psi["8 loops"])) * 1e-9
    power_law(left, (B0[-1], top * 1.7), 1, (0.8, B0[-1]), "$B_0^1$")
    plain_log(left)
    field_axis(left)
    left.set(
        xlabel="B0 / T", ylabel="SNR of 1 mm³ of water per √s of listening", title="fully relaxed water in the brain"
    )
    (measured,) = of_kind("absolute")
    span = np.array([measured.B0_low, measured.B0_high])
    left.fill_between(
        span, (measured.value - measured.sd) * 1e-3 * span, (measured.value + measured.sd) * 1e-3 * span,
        color="0.5", alpha=0.35, linewidth=0, label="measured, quadrature coils (McRobbie 1996)",
    )  # fmt: skip
    left.legend(loc="lower right", frameon=False)
    left.set_ylim(0.2, 2e3)
    _draw_exponents(right, settings)
    save(figure, folder, "intrinsic")


def _draw_exponents(axes: Axes, settings: Settings) -> None:
    low, high = (c / CROSSOVER_FIELD for c in settings.crossover_field)
    for colour, (coil, receiver) in zip(COIL_COLOURS[:2], standard_receivers().items(), strict=False):
        _draw_band(axes, receiver, (low, high), colour, coil)
    for exponent, name in ((7 / 4, "7/4: copper noise"), (1.0, "1: body noise, quasi-static")):
        axes.axhline(exponent, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(name, (0.047, exponent), (0, 3), textcoords="offset points", fontsize=8, color=GREY)
    styles = {"Le Ster": (PURPLE, "D"), "Wang": (ORANGE, "s"), "DiFrancesco": ("0.2", "^")}
    shown = set()
    for n, row in enumerate(of_kind("exponent")):
        author = row.source.split()[0] + (" Ster" if row.source.startswith("Le") else "")
        colour, marker = styles[author]
        middle = np.sqrt(row.B0_low * min(row.B0_high, 14.0)) * (1.04 if "Duke" in row.what else 0.97)
        year = row.source[row.source.index("(") + 1 : row.source.index("(") + 5]
        label = None if author in shown else f"{author} {year}"
        shown.add(author)
        axes.plot((row.B0_low, row.B0_high), (row.value, row.value), color=colour, linewidth=1, alpha=0.8)
        axes.errorbar(
            middle, row.value, yerr=row.sd, fmt=marker, color=colour, markersize=5, capsize=2, label=label, zorder=5 + n
        )
    field_axis(axes, high=16.0)
    axes.set_ylim(0.8, 2.35)
    axes.set(xlabel="B0 / T", ylabel="local exponent of SNR over B0", title="exponents, beside published ones")
    axes.legend(loc="upper left", frameon=False, ncols=2, bbox_to_anchor=(0.0, 1.0))


def _draw_band(axes: Axes, receiver: HeadReceiver, ratios: tuple[float, float], colour: str, coil: str) -> None:
    found = np.array([local_exponents(receiver, float(B0), ratios) for B0 in CURVE])
    axes.fill_between(CURVE, found[:, 0], found[:, 2], color=colour, alpha=0.15, linewidth=0)
    axes.plot(CURVE, found[:, 1], color=colour, linewidth=1.5, label=f"model, {coil}")


def draw_artefacts(folder: Path, heads: Sequence[Anatomy]) -> None:
    """Left: Hz; right: voxels at one bandwidth, with the phase of a Maxwell lobe."""
    susceptibility = float(np.mean([head.susceptibility for head in heads]))
    found = [artefacts_at(float(B0), susceptibility) for B0 in CURVE]
    lines = {
        "chemical shift of fat": (ORANGE, [a.fat for a in found]),
        f"susceptibility of the head (±{susceptibility:.2f} ppm, 95 % of the brain)": (
            GREEN,
            [a.susceptibility for a in found],
        ),
        "magnet over 20 cm (200 / 30 / 1 ppm)": (RED, [a.magnet for a in found]),
        "Maxwell term of the readout, 10 cm off centre": (BLUE, [a.maxwell for a in found]),
    }
    figure = Figure(figsize=(10.5, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for label, (colour, values) in lines.items():
        left.plot(CURVE, values, color=colour, linewidth=1.6, label=label)
        right.plot(CURVE, np.array(values) / PIXEL_BANDWIDTH, color=colour, linewidth=1.6)
    right.plot(
        CURVE, [a.maxwell_phase for a in found], color=BLUE, linewidth=1.2, linestyle=":",
        label="phase of a lobe of 10 mT/m for 5 ms, 10 cm off centre, rad",
    )  # fmt: skip
    right.axhline(1, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    for axes in (left, right):
        plain_log(axes)
        field_axis(axes)
        axes.set_xlabel("B0 / T")
    left.set(ylabel="off-resonance / Hz", title="in Hz")
    right.set(ylabel="displacement / voxels (phase / rad)", title=f"in voxels at {PIXEL_BANDWIDTH:g} Hz per pixel")
    left.set_ylim(0.1, 2e4)
    left.legend(loc="upper left", frameon=False)
    right.set_ylim(5e-4, 100)
    right.legend(loc="upper right", frameon=False)
    save(figure, folder, "artefacts")
