"""Which line is read by which echo of a train."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from bloch.sequence.encoding import Encoding, Line
from bloch.sequence.readings import Reading

Train = tuple[Reading | None, ...]
"""One reading for each echo; None where nothing is left to read."""

ViewOrder = Callable[[int, int, int], np.ndarray]
"""Number of echoes, band with k = 0, echo that shall read it -> the echo of every band."""


def linear_order(n_echoes: int, central_band: int, central_echo: int) -> np.ndarray:
    """Bands of k-space in the order of ky, turned round cyclically until k = 0 meets its echo.

    Args:
        n_echoes: of the train, and number of bands.
        central_band: the band with k = 0.
        central_echo: index of the echo that reads it.

    Returns:
        The echo of every band, int ``(band,)``: a permutation.
    """
    return (np.arange(n_echoes) - central_band + central_echo) % n_echoes


def centric_order(n_echoes: int, central_band: int, central_echo: int) -> np.ndarray:
    """The nearer a band lies to k = 0, the nearer its echo to the one of k = 0; with the first echo: from in to out.

    Args:
        n_echoes: of the train, and number of bands.
        central_band: the band with k = 0.
        central_echo: index of the echo that reads it.

    Returns:
        The echo of every band, int ``(band,)``: a permutation.
    """
    index = np.arange(n_echoes)
    echoes = np.empty(n_echoes, int)
    bands = np.argsort(np.abs(index - central_band), kind="stable")
    echoes[bands] = np.argsort(np.abs(index - central_echo), kind="stable")
    return echoes


def trains(
    readings: Sequence[Reading], encoding: Encoding, *, n_echoes: int, central_echo: int, order: ViewOrder
) -> list[Train]:
    """Share the lines out among shots and echoes.

    Sorted along ky (then kz) the lines fall into as many bands as there are echoes; every echo of the train reads one
    band, one line of it in each shot. Averages and separate calibration lines get trains of their own.

    Args:
        readings: of one slice.
        encoding: where k = 0 lies.
        n_echoes: of a train.
        central_echo: index of the echo that reads the line nearest to k = 0, from 0.
        order: which echo reads which band.

    Returns:
        Trains in order of time; every reading is in exactly one.

    Raises:
        ValueError: the central echo is not in the train.
    """
    if not 0 <= central_echo < n_echoes:
        raise ValueError(
            f"echo {central_echo + 1} cannot read k = 0 in a train of {n_echoes} echoes; choose an effective echo time "
            "between the first and the last echo, or lengthen the train"
        )
    found: list[Train] = []
    for _, members in groupby(readings, key=lambda r: (r.line.average, r.line.imaging)):
        found += _share_out(list(members), encoding, n_echoes=n_echoes, central_echo=central_echo, order=order)
    return found


def _share_out(
    readings: list[Reading], encoding: Encoding, *, n_echoes: int, central_echo: int, order: ViewOrder
) -> list[Train]:
    ordered = sorted(readings, key=lambda r: (r.line.ky, r.line.kz))
    n_shots = math.ceil(len(ordered) / n_echoes)
    n_empty = n_shots * n_echoes - len(ordered)
    places = [*[None] * (n_empty // 2), *ordered, *[None] * (n_empty - n_empty // 2)]
    nearest = min(ordered, key=lambda r: distance_from_centre(r.line, encoding))
    echoes = order(n_echoes, places.index(nearest) // n_shots, central_echo).tolist()
    band_of_echo = {echo: band for band, echo in enumerate(echoes)}
    return [tuple(places[band_of_echo[echo] * n_shots + shot] for echo in range(n_echoes)) for shot in range(n_shots)]


def distance_from_centre(line: Line, encoding: Encoding) -> float:
    """How far a line lies from k = 0, 1/m.

    Args:
        line: its indices.
        encoding: matrix and field of view.

    Returns:
        Distance in the plane of the phase encodings.
    """
    (n_z, n_y, _), (fov_z, fov_y, _) = encoding.matrix, encoding.field_of_view
    return math.hypot((line.ky - n_y // 2) / fov_y, (line.kz - n_z // 2) / fov_z)
