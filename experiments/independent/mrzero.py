"""MRzero: our sequence and phantom, handed over event by event or as a Pulseq file, through its phase graphs.

Signs. Both let a positive off-resonance and a positive moment turn the magnetisation as exp(−2πi ...). MRzero's pulses
turn right-handed (M+ = −i sin α exp(iφ)), ours left-handed (+i), as dM/dt = γ M × B has it: a pulse of ours is one of
MRzero's with π more phase. MRzero multiplies samples by exp(+i adc_phase), we by exp(−i phase). Nothing is conjugated.

Pulseq files. Their phases grow with the frequency, so a spin of positive off-resonance turns as exp(+2πi ...) in them.
MRzero's reader takes the phases as they are, but its spins turn the other way: it plays the mirror image of the file.
So it gets the mirror image of the object (r → −r, Δf → −Δf, B1+ and sensitivities conjugated), and its signal is
conjugated; what it gives then is −i times ours (right-handed pulses, and π/2 more in every readout).

A voxel is a box in both: MRzero multiplies each state by sinc(k·edge), we spread isochromats over the box. T2' is a
Lorentzian in both: MRzero multiplies by exp(−|t|/T2'), we take quantiles.

Source: Endres et al., Magn Reson Med 92:1189 (2024): phase distribution graphs.
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation import Timeline
from bloch.phantom import MapPhantom
from bloch.tissue import GYROMAGNETIC_RATIO

LEAST_STATE = 1e-7
"""Of the magnetisation: weaker states are left out. At 1e-5 a spin echo with B1+ errors is 0.5 % off."""

MOST_STATES = 3000


@dataclass(frozen=True)
class _Event:
    duration: float
    moment: np.ndarray
    receiver_phase: float | None


def installed() -> bool:
    """Whether MRzeroCore can be imported."""
    try:
        import MRzeroCore  # noqa: F401
    except ImportError:
        return False
    return True


def sequence_of(timeline: Timeline):  # MRzeroCore is optional
    """A timeline of instantaneous pulses as MRzero's sequence: a repetition for each pulse, an event for each sample.

    Args:
        timeline: steps.

    Returns:
        ``MRzeroCore.Sequence``.

    Raises:
        ValueError: a pulse takes time, which a pulse of MRzero cannot.
    """
    import MRzeroCore as mr0

    rf, duration = timeline.rf.numpy(), timeline.duration.numpy()
    pulses = np.flatnonzero(rf != 0)
    if duration[pulses].any():
        raise ValueError("MRzero's pulses are instantaneous; build the sequence with pulses of no duration")
    sequence = mr0.Sequence(normalized_grads=False)  # moments in 1/m
    for first, last in zip(pulses, [*pulses[1:], len(rf)], strict=True):
        events = _events(timeline, first + 1, last)
        repetition = sequence.new_rep(len(events))
        repetition.pulse.angle = torch.tensor(abs(rf[first]))
        repetition.pulse.phase = torch.tensor(np.angle(rf[first]) + math.pi)
        repetition.pulse.usage = mr0.PulseUsage.UNDEF
        for i, event in enumerate(events):
            repetition.event_time[i] = event.duration
            repetition.gradm[i] = torch.from_numpy(event.moment)
            if event.receiver_phase is not None:
                repetition.adc_usage[i] = 1
                repetition.adc_phase[i] = -event.receiver_phase
    return sequence


def _events(timeline: Timeline, first: int, last: int) -> list[_Event]:
    """Free evolution between two pulses, cut where samples are taken."""
    found = []
    start = first
    for step in range(first, last):
        sample = int(timeline.sample[step])
        if sample >= 0 or step == last - 1:
            part = slice(start, step + 1)
            phase = float(timeline.receiver_phase[sample]) if sample >= 0 else None
            found.append(_Event(float(timeline.duration[part].sum()), timeline.moment[part].sum(0).numpy(), phase))
            start = step + 1
    return found or [_Event(0.0, np.zeros(3), None)]


def signal_of_pulseq(path: Path, data) -> np.ndarray:
    """Signal of a Pulseq file, with the signs of this page's head.

    Args:
        path: of the file.
        data: of :func:`object_of`.

    Returns:
        Complex64 ``(coil, sample)``, to be compared with ours as it is.
    """
    import MRzeroCore as mr0

    mirrored = copy.copy(data)
    mirrored.voxel_pos, mirrored.B0 = -data.voxel_pos, -data.B0
    mirrored.B1, mirrored.coil_sens = data.B1.conj(), data.coil_sens.conj()
    return signal(mr0.Sequence.import_file(str(path)), mirrored).conj() * 1j


def object_of(phantom: MapPhantom, B0: float, *, sensitivities: Tensor):
    """A phantom as MRzero's; it finds the places of the voxels itself.

    Args:
        phantom: maps.
        B0: T.
        sensitivities: ``(coil, z, y, x)``.

    Returns:
        ``MRzeroCore.SimData``.
    """
    import MRzeroCore as mr0

    def turned(values: Tensor) -> Tensor:
        return values.movedim((-3, -2, -1), (-1, -2, -3))  # MRzero has (x, y, z)

    z, y, x = (1e3 * edge for edge in phantom.voxel_size)  # mm
    none = torch.zeros_like(phantom.proton_density)
    R2_prime = none if phantom.T2_star is None else (1 / phantom.T2_star - 1 / phantom.T2).clamp_min(0)
    offset = none if phantom.field_offset is None else phantom.field_offset * 1e-6 * GYROMAGNETIC_RATIO * B0
    transmit = none + 1 if phantom.transmit_field is None else phantom.transmit_field
    return mr0.VoxelGridPhantom(
        PD=turned(phantom.proton_density),
        T1=turned(phantom.T1),
        T2=turned(phantom.T2),
        T2dash=turned(1 / R2_prime.clamp_min(1e-9)),
        D=turned(none),
        B0=turned(offset),
        B1=turned(transmit)[None],
        coil_sens=turned(sensitivities),
        affine=torch.tensor([[x, 0, 0, 0], [0, y, 0, 0], [0, 0, z, 0]]),
    ).build(voxel_shape="box")


def signal(sequence, data) -> np.ndarray:
    """Signal of MRzero's phase distribution graphs.

    Args:
        sequence: of :func:`sequence_of`, or imported.
        data: of :func:`object_of`.

    Returns:
        Complex64 ``(coil, sample)``: Σ over voxels of sensitivity times magnetisation.
    """
    import MRzeroCore as mr0

    with torch.no_grad(), silence():
        graph = mr0.compute_graph(sequence, data, MOST_STATES, LEAST_STATE)
        found = mr0.execute_graph(
            graph, sequence, data, min_emitted_signal=LEAST_STATE, min_latent_signal=LEAST_STATE, print_progress=False
        )
    return found.numpy().T


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """MRzero's compiled part writes its times to the file descriptor of standard output."""
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
