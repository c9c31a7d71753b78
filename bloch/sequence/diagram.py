"""The sequence as a diagram: pulses, gradients and readouts over time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bloch.sequence.events import Block, Gradient
from bloch.sequence.sequence import Sequence
from bloch.tissue import GYROMAGNETIC_RATIO

if TYPE_CHECKING:  # only those who draw shall wait for matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1c2b3a"
COLOURS = {"RF": "#b3261e", "ADC": "#5b5f66", "x": "#1f6fb2", "y": "#2e8540", "z": "#8a4fb0"}


def plot_sequence(sequence: Sequence, start: float = 0.0, stop: float | None = None) -> Figure:
    """Rows of B1 (magnitude, with the phase of each pulse), readout, and gradients on x, y, z over a common time.

    Args:
        sequence: to draw.
        start: of the drawn time, s.
        stop: s; None for the end of the first repetition (of the whole sequence, where its protocol is unknown).

    Returns:
        matplotlib Figure of five rows; ``figure.savefig("sequence.png")`` writes it.

    Raises:
        ValueError: nothing lies between start and stop.
    """
    if stop is None:
        stop = sequence.duration if sequence.protocol is None else start + sequence.protocol.repetition_time
    if not stop > start or start >= sequence.duration:
        raise ValueError(
            f"nothing is played between {start} and {stop} s of a sequence of {sequence.duration:.6g} s (times are in "
            "s)"
        )
    from matplotlib.figure import Figure

    shown = list(_blocks_between(sequence, start, stop))
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    rows = figure.subplots(5, 1, sharex=True, height_ratios=[1.3, 0.55, 1, 1, 1])
    _draw_pulses(rows[0], shown)
    _draw_readouts(rows[1], shown, narrowest=0.02 * (min(stop, sequence.duration) - start))
    names = ("$G_x$ (read)", "$G_y$ (phase)", "$G_z$ (slice)")
    for axis, (row, name) in enumerate(zip(rows[2:], names, strict=True)):
        _draw_gradient(row, [(t, b.gradients[axis]) for t, b in shown], colour=COLOURS["xyz"[axis]])
        row.set_ylabel(f"{name}\nmT/m")
    for row in rows:
        row.axhline(0.0, color=INK, linewidth=0.6)
        row.spines[["top", "right", "bottom"]].set_visible(False)
        row.tick_params(axis="x", bottom=row is rows[-1])
        row.grid(axis="x", color="#d9dde2", linewidth=0.5)
    figure.align_ylabels(list(rows))
    rows[-1].set_xlim(start * 1e3, min(stop, sequence.duration) * 1e3)
    rows[-1].set_xlabel("time, ms")
    return figure


def _blocks_between(sequence: Sequence, start: float, stop: float) -> Iterator[tuple[float, Block]]:
    begin = 0.0
    for block in sequence.blocks:
        if begin >= stop:
            return
        if begin + block.duration > start:
            yield begin, block
        begin += block.duration


def _draw_pulses(row: Axes, shown: list[tuple[float, Block]]) -> None:
    """Real B1 of each shape (a sinc's side lobes go below zero), and over it angle and phase."""
    peak = max((b.rf.peak_B1 for _, b in shown if b.rf is not None), default=0.0)
    for begin, block in shown:
        rf = block.rf
        if rf is None:
            continue
        middle = (begin + rf.delay + rf.duration / 2) * 1e3
        if rf.raster == 0:  # an instantaneous pulse has no height: an arrow
            row.plot([middle, middle], [0, peak * 1e6 or 1.0], color=COLOURS["RF"], marker="^", markevery=[1])
        else:
            edges = begin + rf.delay + rf.raster * np.arange(len(rf.rotations) + 1)
            turns = rf.rotations if np.abs(rf.rotations.imag).max() > 1e-9 else rf.rotations.real
            field = (np.abs(turns) if np.iscomplexobj(turns) else turns) / (
                2 * math.pi * GYROMAGNETIC_RATIO * rf.raster
            )
            row.stairs(field * 1e6, edges * 1e3, color=COLOURS["RF"], fill=True, alpha=0.25)
            row.stairs(field * 1e6, edges * 1e3, color=COLOURS["RF"], linewidth=1.0)
        text = f"{math.degrees(rf.flip_angle):.0f}°\n∠{math.degrees(rf.phase) % 360:.0f}°"
        top = (rf.peak_B1 or peak) * 1e6 or 1.0
        row.annotate(text, (middle, top), ha="center", va="bottom", fontsize=7.5, color=INK, clip_on=True)
    row.set_ylim(-0.35e6 * peak if peak else -0.1, 1.75e6 * peak if peak else 1.8)
    row.set_ylabel("$B_1$\nµT")


def _draw_readouts(row: Axes, shown: list[tuple[float, Block]], *, narrowest: float) -> None:
    """Boxes while the receiver is open, with the index of the line in those that are wide enough (s)."""
    for begin, block in shown:
        readout = block.readout
        if readout is None:
            continue
        opens, length = (begin + readout.delay) * 1e3, readout.n_samples * readout.dwell * 1e3
        row.broken_barh([(opens, length)], (0, 1), color=COLOURS["ADC"], alpha=0.35)
        if readout.label is not None and length > narrowest * 1e3:
            row.annotate(
                f"{readout.label.ky}", (opens + length / 2, 0.5), ha="center", va="center", fontsize=7.5, color=INK,
                annotation_clip=True,
            )  # fmt: skip
    row.set_ylim(0, 1.2)
    row.set_yticks([])
    row.set_ylabel("ADC\n(ky)")


def _draw_gradient(row: Axes, shown: list[tuple[float, Gradient | None]], *, colour: str) -> None:
    limit = 1e-3
    for begin, gradient in shown:
        if gradient is None:
            continue
        limit = max(limit, float(np.abs(gradient.amplitudes).max()))
        times = np.concatenate([gradient.times[:1], gradient.times, gradient.times[-1:]])
        amplitudes = np.concatenate([[0.0], gradient.amplitudes, [0.0]])
        row.fill_between((begin + times) * 1e3, amplitudes * 1e3, color=colour, alpha=0.25, linewidth=0)
        row.plot((begin + times) * 1e3, amplitudes * 1e3, color=colour, linewidth=1.1)
    row.set_ylim(-1.2e3 * limit, 1.2e3 * limit)
