"""Play a sequence to the spins of its slices, and hand on what coils would hear."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol as Interface

import numpy as np
import torch
from torch import Tensor

from bloch.excitation_window import is_selective, sequence_of_slice
from bloch.magnetisation.crushing import lined_up
from bloch.magnetisation.isochromats import SensitivityStates, acquire
from bloch.magnetisation.moving import moved
from bloch.magnetisation.spins import Spins
from bloch.magnetisation.sufficiency import isochromats_needed
from bloch.magnetisation.timeline import Timeline, timeline
from bloch.phantom import RespiratoryMotion, RigidMotion
from bloch.receiver import sensitivities
from bloch.scanner import Scanner
from bloch.sequence import Encoding, Sequence
from bloch.sequence.trajectory import trajectory

FEWEST_ISOCHROMATS, MOST_ISOCHROMATS = 5, 131
"""In a pool, unless others are asked for. A slice profile needs some however little the sequence dephases."""

TOLERANCE = 0.04
"""False signal over signal that :func:`isochromats_needed` may leave at a slice's edge."""

OFF_CENTRE = 0.7
"""Part of its angle that a selective pulse turns between the middle and the edge of its slice."""

MOST_POSES = 24
"""Poses in which a moving object's sensitivities are computed."""

Progress = Callable[[float], None]


class Accuracy(Interface):
    """What :func:`play` reads of the conditions of a scan."""

    @property
    def concomitant(self) -> bool: ...

    @property
    def n_isochromats(self) -> int | None: ...

    @property
    def memory(self) -> int: ...


def play(
    slices: list[Spins],
    sequence: Sequence,
    scanner: Scanner,
    *,
    motion: RigidMotion | RespiratoryMotion | None,
    conditions: Accuracy,
    progress: Progress | None = None,
) -> Tensor:
    """Signals of all readouts.

        y_c(t) = Σ_r S_c(r) M+(r, t) exp(−iφ_receiver) exp(+2πi k(t)·r_slice)

    The last factor puts the slice's centre at the origin of the image, as a scanner's receiver does.

    Args:
        slices: spins of each slice.
        sequence: with its encoding.
        scanner: field and coils.
        motion: of the phantom.
        conditions: accuracy and memory.
        progress: called with the share that is done.

    Returns:
        Complex128 ``(readout, coil + 1, sample)``; the last channel is an ideal coil of sensitivity 1.
    """
    encoding = sequence.encoding
    if encoding is None:
        raise ValueError("a sequence without an encoding cannot be played to slices; give it one")
    played = []
    for s, spins in enumerate(slices):
        steps = timeline(sequence_of_slice(sequence, s), concomitant=conditions.concomitant)
        if not len(spins):
            played.append(torch.zeros(scanner.array.n_coils + 1, steps.n_samples, dtype=torch.complex128))
            continue
        if motion is not None:
            steps = moved(steps, motion)
        spins = lined_up(spins, steps, encoding)
        n = conditions.n_isochromats or enough_isochromats(spins, steps, selective=is_selective(sequence))
        heard = acquire(
            spins,
            steps,
            sensitivities=_sensitivities(spins, steps, scanner, motion),
            n_isochromats=n,
            memory=conditions.memory,
            B0=scanner.B0,
            B0_direction=scanner.B0_direction,
            progress=None if progress is None else partial(_share, progress, s, len(slices)),
        )
        played.append(heard.cpu().to(torch.complex128))
    return _in_order(played, sequence) * _recentred(sequence, encoding).unsqueeze(1)


def enough_isochromats(spins: Spins, steps: Timeline, *, selective: bool) -> int:
    """How many isochromats a pool is played as, unless a number is asked for.

    Away from the middle of a slice, refocusing pulses are no longer perfect and make false echoes.

    Args:
        spins: pools.
        steps: what plays.
        selective: pulses select a slice.

    Returns:
        Number.

    Warns:
        UserWarning: more would be needed than are played.
    """
    needed = FEWEST_ISOCHROMATS
    for angle in (OFF_CENTRE, 1.0) if selective else (1.0,):
        turned = replace(steps, rf=steps.rf * angle)
        needed = isochromats_needed(spins, turned, tolerance=TOLERANCE, least=needed)
    if needed > MOST_ISOCHROMATS:
        warnings.warn(
            f"this sequence dephases so often that {needed} isochromats in a pool are needed to keep false signals "
            f"below {100 * TOLERANCE:.0f} %; {MOST_ISOCHROMATS} are played. Ask for more, or use ideal spoilers",
            stacklevel=4,
        )
    return min(needed, MOST_ISOCHROMATS)


def _share(progress: Progress, s: int, n_slices: int, part: float) -> None:
    progress((s + part) / n_slices)


def sample_times(sequence: Sequence) -> Tensor:
    """When every sample is taken, from the start of the scan, float64 ``(readout, sample)``, s."""
    starts = np.cumsum([0.0] + [b.duration for b in sequence.blocks])
    times = [
        start + b.readout.delay + (np.arange(b.readout.n_samples) + 0.5) * b.readout.dwell
        for start, b in zip(starts[:-1], sequence.blocks, strict=True)
        if b.readout is not None
    ]
    return torch.from_numpy(np.stack(times))


def _sensitivities(
    spins: Spins, steps: Timeline, scanner: Scanner, motion: RigidMotion | RespiratoryMotion | None
) -> Tensor | SensitivityStates:
    """Of the coils and, last, of an ideal one: (coil + 1, spin), for each pose of what moves."""

    def at(position: Tensor) -> Tensor:
        S = sensitivities(scanner.array, position, B0_direction=scanner.B0_direction)
        return torch.cat((S, torch.ones_like(S[:1])))

    if motion is None:
        return at(spins.position)
    times = steps.sample_time
    # Breathing returns to where it was, and so its poses are levels of its amplitude; those of a head are times.
    place = motion.at(times).double() if isinstance(motion, RespiratoryMotion) else times
    borders = torch.linspace(float(place.min()), float(place.max()) + 1e-9, MOST_POSES + 1, dtype=torch.float64)
    middle = (borders[1:] + borders[:-1]) / 2
    state = (torch.searchsorted(borders, place.contiguous(), right=True) - 1).clamp(0, MOST_POSES - 1)
    return SensitivityStates(torch.stack([at(pose) for pose in _poses(spins, motion, middle)]), state)


def _poses(spins: Spins, motion: RigidMotion | RespiratoryMotion, places: Tensor) -> list[Tensor]:
    """Places of the spins at some times, or at some amplitudes of a breath, each (spin, 3)."""
    rest = spins.position
    if isinstance(motion, RespiratoryMotion):
        way = torch.zeros_like(rest) if spins.displacement is None else spins.displacement
        return [rest + way * float(amplitude) for amplitude in places]
    return [rest @ R.T.to(rest) + d.to(rest) for R, d in zip(*motion.at(places), strict=True)]


def _in_order(played: list[Tensor], sequence: Sequence) -> Tensor:
    """Readouts of the slices, each (coil, sample of all its readouts), in the sequence's order."""
    owner = [b.slice for b in sequence.blocks if b.readout is not None]
    n_samples = next(b.readout.n_samples for b in sequence.blocks if b.readout is not None)
    cut = [heard.reshape(len(heard), -1, n_samples) for heard in played]
    taken = [0] * len(played)
    rows = []
    for s in owner:
        s = 0 if s is None else s
        rows.append(cut[s][:, taken[s]])
        taken[s] += 1
    return torch.stack(rows)


def _recentred(sequence: Sequence, encoding: Encoding) -> Tensor:
    """exp(2πi k·r) for the centre r of the readout's slice, complex128 (readout, sample)."""
    k = torch.from_numpy(trajectory(sequence))  # (readout, sample, xyz)
    if encoding.matrix[0] == 1:
        k = k * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)  # a slice's own place is its pulse's business
    owner = [b.slice or 0 for b in sequence.blocks if b.readout is not None]
    centres = torch.from_numpy(encoding.centres[owner] @ encoding.directions[::-1].T)  # (readout, xyz), logical
    turns = torch.einsum("rsa,ra->rs", k.double(), centres)
    return torch.polar(torch.ones_like(turns), 2 * torch.pi * turns)
