"""The same phantom and sequence through bloch and through MRzero: k-space against k-space."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bloch.magnetisation import acquire, timeline
from bloch.magnetisation.spins_of_phantom import spins_of
from bloch.phantom import voxel_centres
from bloch.sequence import Sequence, write_pulseq
from experiments.independent import mrzero, scans
from experiments.independent.part import Part, Row, relative_difference

SIZE = (scans.LINES, scans.SAMPLES)
ISOCHROMATS = 2003
"""In a voxel: the spoiled gradient echoes need as many, everything else far fewer."""

ABOUT = (
    "One phantom ({matrix[1]} × {matrix[2]} voxels: proton density, T1, T2, T2', off-resonance and a complex B1+ vary) "
    "and two coils with a phase. bloch builds the sequences and hands them to MRzero's phase distribution graphs: "
    "event by event, with pulses of no duration, and as a Pulseq file, with pulses of 40 µs that MRzero takes as of no "
    "duration. k-space is compared as it is: no scale, phase or shift is fitted. Ours: `acquire` with {n} isochromats "
    "in a voxel, float32. MRzero's signs are at the head of [mrzero.py](mrzero.py)."
)


@dataclass(frozen=True)
class Pair:
    """k-space of two simulators, ``(coil, sample)``, and their seconds."""

    ours: np.ndarray
    theirs: np.ndarray
    our_time: float
    their_time: float


def pair(sequence: Sequence, *, size: tuple[int, int] = SIZE, n_isochromats: int = ISOCHROMATS) -> Pair:
    """Simulate a sequence twice, handed over event by event.

    Args:
        sequence: with instantaneous pulses.
        size: lines and samples of the scan, which the phantom follows.
        n_isochromats: in a voxel of ours.

    Returns:
        Pair.
    """
    start = time.perf_counter()
    ours = our_signal(sequence, size=size, n_isochromats=n_isochromats)
    middle = time.perf_counter()
    theirs = mrzero.signal(mrzero.sequence_of(timeline(sequence)), _their_object(size))
    return Pair(ours, theirs, middle - start, time.perf_counter() - middle)


def pair_of_pulseq(sequence: Sequence, *, size: tuple[int, int] = SIZE, n_isochromats: int = ISOCHROMATS) -> Pair:
    """Simulate a sequence twice, handed over as a Pulseq file.

    Args:
        sequence: with pulses of 1 µs or more.
        size, n_isochromats: as in :func:`pair`.

    Returns:
        Pair.
    """
    start = time.perf_counter()
    ours = our_signal(sequence, size=size, n_isochromats=n_isochromats)
    middle = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sequence.seq"
        write_pulseq(path, sequence, scans.SCANNER)
        theirs = mrzero.signal_of_pulseq(path, _their_object(size))
    return Pair(ours, theirs, middle - start, time.perf_counter() - middle)


def _their_object(size: tuple[int, int]):
    phantom = scans.phantom(*size)
    places = voxel_centres(phantom.matrix, phantom.voxel_size)
    return mrzero.object_of(phantom, scans.B0, sensitivities=scans.sensitivities(places).to(torch.complex64))


def our_signal(sequence: Sequence, *, size: tuple[int, int], n_isochromats: int = ISOCHROMATS) -> np.ndarray:
    """k-space by bloch in MRzero's unit, where a voxel of water has the signal 1; ``(coil, sample)``."""
    phantom = scans.phantom(*size)
    spins = spins_of(phantom, scans.B0)
    heard = acquire(
        spins,
        timeline(sequence),
        sensitivities=scans.sensitivities(spins.position).to(torch.complex64),
        n_isochromats=n_isochromats,
    )
    return heard.numpy() / math.prod(phantom.voxel_size)


def compare() -> Part:
    """Every family, straight lines and spokes."""
    about = ABOUT.format(matrix=scans.phantom().matrix, n=ISOCHROMATS)
    part = Part("Simulators: k-space beside MRzero", about, "NRMSE of k-space")
    if not mrzero.installed():
        part.missing.append("MRzeroCore is not installed (pip install 'MRzeroCore>=1.2'), so nothing was compared.")
        return part
    for name, build in scans.sequences().items():
        part.rows.append(_row(f"{name}, event by event", pair(build())))
    for name, build in scans.sequences(pulse=scans.BRIEF).items():
        part.rows.append(_row(f"{name}, Pulseq file", pair_of_pulseq(build())))
    return part


def _row(case: str, both: Pair) -> Row:
    note = f"bloch {both.our_time:.2g} s, MRzero {both.their_time:.2g} s"
    return Row(case, relative_difference(both.ours, both.theirs), 0.01, note)
