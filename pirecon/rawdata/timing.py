"""When each line was measured: its excitation, its echo, and how long after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pirecon.rawdata.raw_data import RawData


@dataclass(frozen=True)
class LineTiming:
    """Timing of some readouts.

    Attributes:
        lines: indices into ``RawData.readouts``.
        shot: number of the excitation or echo train that each follows, counted over all slices in order of time.
        echo: index of the echo within its train; 0 where there are no trains.
        echo_time: from the excitation to the sample with k = 0 along the readout, s; NaN where nothing tells.
        source: what the counters were taken from, in a sentence.
    """

    lines: np.ndarray
    shot: np.ndarray
    echo: np.ndarray
    echo_time: np.ndarray
    source: str


def line_timing(raw: RawData, lines: np.ndarray | None = None) -> LineTiming:
    """Shots and echoes of the lines, from the segment counter, or else from their order and the echo train length.

    A new shot begins where the segment counter does not grow, in each slice and set by itself. Files that leave the
    counter at 0 but give an echo train length are cut into trains of that length in order of measurement. Echo n of a
    train with the header's echo spacing s stands at (n + 1) s (turbo spin echo: the first echo at s) and in an
    echo-planar train at TE + (n − n₀) s, with n₀ the echo of the line nearest to k = 0.

    Args:
        raw: the raw data.
        lines: indices of readouts; None takes the imaging lines.

    Returns:
        LineTiming of these lines, in order of measurement.
    """
    lines = np.sort(raw.imaging_lines if lines is None else lines)
    segment = raw.readouts["idx"]["segment"][lines].astype(np.int64)
    length = int(raw.header.encoding[int(raw.readouts["encoding_space_ref"][lines[0]])].echoTrainLength or 1)
    slices = _counter(raw, lines)
    if segment.any():
        echo, source = segment, "segment counter"
    elif length > 1:
        echo, source = _position(slices) % length, f"order of measurement and an echo train of {length}"
    else:
        echo, source = np.zeros(len(lines), np.int64), "every line is taken for a shot of its own"
    return LineTiming(lines, _shots(slices, echo), echo, _echo_times(raw, lines, echo), source)


def _counter(raw: RawData, lines: np.ndarray) -> np.ndarray:
    """One number for slice and set together: trains of several slices may be interleaved."""
    index = raw.readouts["idx"][lines]
    return index["slice"].astype(np.int64) * 65536 + index["set"]


def _position(slices: np.ndarray) -> np.ndarray:
    """How many lines of the same slice stand before each."""
    position = np.empty(len(slices), np.int64)
    for value in np.unique(slices):
        of_slice = np.flatnonzero(slices == value)
        position[of_slice] = np.arange(len(of_slice))
    return position


def _shots(slices: np.ndarray, echo: np.ndarray) -> np.ndarray:
    """Numbers of the shots in order of their first lines."""
    starts = np.zeros(len(echo), bool)
    own = np.empty(len(echo), np.int64)
    for value in np.unique(slices):
        of_slice = np.flatnonzero(slices == value)
        new = np.concatenate([[True], np.diff(echo[of_slice]) <= 0])
        starts[of_slice] = new
        own[of_slice] = of_slice[np.maximum.accumulate(np.where(new, np.arange(len(of_slice)), 0))]
    rank = np.cumsum(starts) - 1
    return rank[own]


def _echo_times(raw: RawData, lines: np.ndarray, echo: np.ndarray) -> np.ndarray:
    sequence = raw.header.sequenceParameters
    spacing = 1e-3 * sequence.echo_spacing[0] if sequence is not None and sequence.echo_spacing else None
    contrast = raw.readouts["idx"]["contrast"][lines].astype(int)
    times = raw.physics.echo_times
    if raw.encoding.trajectory == "epi" and spacing and times:
        index = raw.readouts["idx"][lines]
        centre_y = raw.encoding.limits_y.centre if raw.encoding.limits_y else raw.encoding.matrix[1] // 2
        central = echo[np.abs(index["kspace_encode_step_1"].astype(int) - centre_y).argmin()]
        return times[0] + (echo - central) * spacing
    if spacing and echo.any():
        return (echo + 1) * spacing
    if not times:
        return np.full(len(lines), np.nan)
    return np.array(times)[np.minimum(contrast, len(times) - 1)]
