"""The sequence as the magnetisation sees it: steps of constant pulse, the moments of the gradients, and the samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation.gradient_moments import mean_products, moments, turned_products
from bloch.sequence.events import Block, Readout, RFPulse
from bloch.sequence.sequence import Sequence

IDENTITY = np.eye(3)[::-1]  # directions whose x, y, z are the patient's L, P, S


@dataclass(frozen=True, eq=False)
class Timeline:
    """Steps that follow one another. In each the magnetisation turns about a fixed axis and relaxes.

    Every field can be replaced by a tensor that requires a gradient: the engines are differentiable in all of them.

    Attributes:
        duration: ``(step,)``, float64, s; 0 for an instantaneous pulse.
        rf: complex128 ``(step,)``, rotation angle times exp(i phase), rad; 0 where there is no pulse.
        moment: γ/2π ∫ G dt along the patient's x, y, z, ``(step, 3)``, float64, 1/m.
        products: γ/2π ∫ G_i G_j dt for ij = xx, yy, zz, xy, xz, yz, ``(step, 6)``, Hz/T · (T/m)² · s; None if left out.
        sample: index of the sample that is taken at the end of the step, int64 ``(step,)``; −1 where none is.
        receiver_phase: ``(sample,)``, float64, rad.
        readout: which readout a sample belongs to, int64 ``(sample,)``.
        pulse: which pulse of the sequence a step belongs to, zeros of its shape included, int64 ``(step,)``; or −1.
        cycles: phase that every spin gains in a step whatever its place, as by motion, ``(step,)``, float64.
        spoils: whether transverse magnetisation is destroyed at the end of a step, bool ``(step,)``; None for never.
        breathing: moment times the amplitude of the breathing motion, ``(step, 3)``, 1/m; None where nothing breathes.
    """

    duration: Tensor
    rf: Tensor
    moment: Tensor
    products: Tensor | None
    sample: Tensor
    receiver_phase: Tensor
    readout: Tensor
    pulse: Tensor
    cycles: Tensor
    spoils: Tensor | None = None
    breathing: Tensor | None = None

    @property
    def end(self) -> Tensor:
        """Of every step, from the beginning of the sequence, ``(step,)``, s."""
        return self.duration.cumsum(0)

    @property
    def n_samples(self) -> int:
        """Of all readouts together."""
        return len(self.receiver_phase)

    @property
    def sample_time(self) -> Tensor:
        """When the samples are taken, ``(sample,)``, s."""
        return self.end[self.sample >= 0]


@dataclass(frozen=True)
class _Steps:
    """One block, without the phases of its pulse and its receiver."""

    duration: np.ndarray
    rf: np.ndarray
    moment: np.ndarray
    products: np.ndarray
    is_sample: np.ndarray
    is_pulse: np.ndarray


def timeline(sequence: Sequence, *, concomitant: bool = False) -> Timeline:
    """Cut a sequence into steps.

    A step ends where a raster step of a pulse or a sample does; gradients may change within, since without a pulse only
    their moment counts. Blocks with the same events are cut once.

    Args:
        sequence: to cut.
        concomitant: keep the moments of the products of gradients, which the concomitant field needs.

    Returns:
        Timeline, on the CPU, its moments in patient coordinates.

    Raises:
        ValueError: the sequence is empty.
    """
    if not sequence.blocks:
        raise ValueError("the sequence has no blocks")
    cut: dict[tuple, _Steps] = {}
    shapes: dict[int, bytes] = {}  # of arrays by identity, which the sequence's blocks keep alive
    parts, phases = [], []
    for b in sequence.blocks:
        key = _content(b, shapes)
        if key not in cut:
            cut[key] = _cut(b, concomitant=concomitant)
        parts.append(cut[key])
        phases.append(0.0 if b.rf is None else b.rf.phase)
    n_steps = [len(part.duration) for part in parts]
    is_pulse = np.concatenate([part.is_pulse for part in parts])
    turns = np.exp(1j * np.repeat(phases, n_steps))
    pulses = np.cumsum([b.rf is not None for b in sequence.blocks]) - 1
    readouts = [b.readout for b in sequence.blocks if b.readout is not None]
    is_sample = np.concatenate([part.is_sample for part in parts])
    directions = IDENTITY if sequence.encoding is None else sequence.encoding.directions
    turn = np.asarray(directions)[::-1]  # rows x, y, z: patient vectors of the logical axes
    as_tensor = torch.from_numpy
    products = None
    if concomitant:
        logical = as_tensor(np.concatenate([part.products for part in parts]))
        products = turned_products(logical, as_tensor(np.ascontiguousarray(turn.T)))
    return Timeline(
        duration=as_tensor(np.concatenate([part.duration for part in parts])),
        rf=as_tensor(np.concatenate([part.rf for part in parts]) * turns),
        moment=as_tensor(np.concatenate([part.moment for part in parts]) @ turn),
        products=products,
        sample=as_tensor(np.where(is_sample, np.cumsum(is_sample) - 1, -1)),
        receiver_phase=as_tensor(_receiver_phase(readouts)),
        readout=as_tensor(np.repeat(np.arange(len(readouts)), [r.n_samples for r in readouts])),
        pulse=as_tensor(np.where(is_pulse, np.repeat(pulses, n_steps), -1)),
        cycles=torch.zeros(sum(n_steps), dtype=torch.float64),
        spoils=_spoils(sequence.blocks, n_steps),
    )


def _spoils(blocks: tuple[Block, ...], n_steps: list[int]) -> Tensor | None:
    """The last step of a block with a spoiler."""
    if not any(b.spoiler for b in blocks):
        return None
    spoils = torch.zeros(sum(n_steps), dtype=torch.bool)
    last = np.cumsum(n_steps) - 1
    spoils[torch.from_numpy(last[[b.spoiler for b in blocks]])] = True
    return spoils


def _content(b: Block, shapes: dict[int, bytes]) -> tuple:
    """Equal for blocks that are cut alike."""

    def shape(values: np.ndarray) -> bytes:
        if id(values) not in shapes:
            shapes[id(values)] = values.tobytes()
        return shapes[id(values)]

    rf = None if b.rf is None else (shape(b.rf.rotations), b.rf.raster, b.rf.frequency_offset, b.rf.delay)
    readout = None if b.readout is None else (b.readout.n_samples, b.readout.dwell, b.readout.delay)
    gradients = tuple(None if g is None else (shape(g.times), shape(g.amplitudes)) for g in b.gradients)
    return b.duration, rf, readout, gradients


def _cut(b: Block, *, concomitant: bool) -> _Steps:
    edges = [np.array([0.0, b.duration])]
    samples: np.ndarray = np.zeros(0)
    if b.rf is not None:
        edges.append(b.rf.delay + np.arange(len(b.rf.rotations) + 1) * b.rf.raster)
    if b.readout is not None:
        samples = b.readout.delay + (np.arange(b.readout.n_samples) + 0.5) * b.readout.dwell
        edges.append(samples)
    times: np.ndarray = np.unique(np.concatenate(edges).round(12))  # ps: sums of floats meet again
    if b.rf is not None and b.rf.raster == 0:  # a step of no duration, in which the pulse plays
        at = int(np.argmin(abs(times - b.rf.delay)))
        times = np.insert(times, at, times[at])
    start, end = times[:-1], times[1:]
    is_sample = np.zeros(len(start), bool)
    is_sample[np.searchsorted(end, samples.round(12) - 1e-13)] = True
    rf, is_pulse = np.zeros(len(start), complex), np.zeros(len(start), bool)
    if b.rf is not None:
        rf, is_pulse = _rotations(b.rf, start, end)
    # Equal steps get equal numbers, to the last bit: engines look for them.
    duration = (end - start).round(12)
    products = mean_products(b.gradients, times) if concomitant else np.zeros((len(start), 6))
    return _Steps(duration, rf, moments(b.gradients, times), products, is_sample, is_pulse)


def _rotations(pulse: RFPulse, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each step turns, and whether the pulse plays in it.

    A spin of off-resonance f turns as exp(−2πi f t), so a pulse that meets it does too.
    """
    if pulse.raster == 0:
        return np.where(start == end, pulse.rotations.sum(), 0), start == end
    index = np.floor(((start + end) / 2 - pulse.delay) / pulse.raster).astype(int)
    inside = (index >= 0) & (index < len(pulse.rotations))
    index = index.clip(0, len(pulse.rotations) - 1)
    since_centre = (start + end) / 2 - pulse.delay - pulse.duration / 2
    carrier = np.exp(-2j * np.pi * pulse.frequency_offset * since_centre)
    return np.where(inside, pulse.rotations[index] * ((end - start) / pulse.raster) * carrier, 0), inside


def _receiver_phase(readouts: list[Readout]) -> np.ndarray:
    """A receiver at f Hz takes exp(−2πi f t) for a standstill."""
    phases = [
        r.phase - 2 * np.pi * r.frequency_offset * r.dwell * (np.arange(r.n_samples) + 0.5 - r.n_samples / 2)
        for r in readouts
    ]
    return np.concatenate(phases) if phases else np.zeros(0)
