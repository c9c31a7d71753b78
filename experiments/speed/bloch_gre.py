"""Task: k-space of a spoiled gradient echo of 128 × 128."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import sigpy
import torch

from bloch.magnetisation import acquire, timeline
from bloch.magnetisation.spins_of_phantom import spins_of
from bloch.phantom import MapPhantom
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, PulseDesign, fully_sampled, gradient_echo
from experiments.independent.mrzero import silence
from experiments.speed.bloch_isochromats import NO_MRZERO
from experiments.speed.measure import Contender, Task

N, FIELD_OF_VIEW, THICKNESS = 128, 0.2, 8e-3
FLIP, TR, TE, READOUT = 10.0, 10e-3, 5e-3, N * 31.2e-6  # degrees, s
HEAD = 115  # voxels across: about 6,600 of them are filled
T1, T2 = 0.8, 0.08  # s, everywhere: what differs from the phantom is an error
B0 = 0.3
N_ISOCHROMATS = 29
"""Through the thickness, along which the sequence spoils."""


def bloch_gre() -> Task:
    """Shepp–Logan of about 6,600 voxels, RF spoiling by 117°, one coil; from phantom and protocol to k-space."""
    density = np.abs(sigpy.resize(sigpy.shepp_logan((HEAD, HEAD)), (N, N))).astype(np.float32)
    phantom = _phantom(density)
    scanner = Scanner(B0, volume_coil())

    def ours() -> np.ndarray:
        encoding = Encoding(
            (1, N, N), (THICKNESS, FIELD_OF_VIEW, FIELD_OF_VIEW), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, N)),
            oversampling=1, sample_time=READOUT / N,
        )  # fmt: skip
        sequence = gradient_echo(
            encoding, scanner, echo_time=TE, repetition_time=TR, flip_angle=math.radians(FLIP),
            pulse=PulseDesign(duration=0.0, slice_selective=False),
        )  # fmt: skip
        spins = spins_of(phantom, B0)
        points = replace(spins, extent=(0.0, 0.0, THICKNESS))  # in the plane points, as MRzero's voxels are
        return acquire(points, timeline(sequence), n_isochromats=N_ISOCHROMATS).numpy().reshape(N, N)

    contenders, missing = [Contender("bloch gradient_echo + acquire", ours)], []
    peer = _mrzero(density)
    if peer is None:
        missing.append(NO_MRZERO)
    else:
        contenders.append(Contender("MRzero compute_graph + execute_graph", peer, turns=2))
    return Task(
        name=f"k-space of a {N} × {N} GRE, {int((density > 0).sum()):,} voxels",
        contenders=contenders,
        agreement=lambda name, results: _agreement(results[name], density),
        wanted="the other takes at least 4 times as long, and our error is no larger",
        missing=missing,
    )


def _phantom(density: np.ndarray) -> MapPhantom:
    filled = torch.from_numpy(density)[None]
    whole = torch.ones_like(filled)
    return MapPhantom(filled, T1 * whole, T2 * whole, (THICKNESS, FIELD_OF_VIEW / N, FIELD_OF_VIEW / N))


def _mrzero(density: np.ndarray) -> Callable[[], np.ndarray] | None:
    """The same sequence in MRzero's own terms; it spoils along the readout, as its examples do."""
    try:
        import MRzeroCore as mr0
    except ImportError:
        return None
    filled = torch.from_numpy(density.T.copy())[..., None]  # (x, y, z)
    whole, edge = torch.ones_like(filled), 1e3 * FIELD_OF_VIEW / N
    affine = torch.tensor([[edge, 0, 0, 0], [0, edge, 0, 0], [0, 0, 1e3 * THICKNESS, 0]])
    grid = mr0.VoxelGridPhantom(
        filled, T1 * whole, T2 * whole, 1e3 * whole, 0 * whole, 0 * whole, whole[None], whole[None], affine
    )

    def run() -> np.ndarray:
        with torch.no_grad(), silence():
            sequence, data = _mrzero_sequence(mr0), grid.build()
            graph = mr0.compute_graph(sequence, data, 200, 1e-4)
            return mr0.execute_graph(graph, sequence, data, print_progress=False).numpy().reshape(N, N)

    return run


def _mrzero_sequence(mr0):
    sequence, step = mr0.Sequence(normalized_grads=False), 1 / FIELD_OF_VIEW
    for i in range(N):
        phase = math.radians(117 * i * (i + 1) / 2 % 360)
        repetition = sequence.new_rep(N + 3)
        repetition.pulse.usage = mr0.PulseUsage.EXCIT
        repetition.pulse.angle = torch.tensor(math.radians(FLIP), dtype=torch.float32)
        repetition.pulse.phase = torch.tensor(phase, dtype=torch.float32)
        repetition.event_time[:] = torch.tensor([1e-3, TE - 1e-3 - READOUT / 2] + [READOUT / N] * N + [TR - TE - 2e-3])
        repetition.gradm[1, :2] = torch.tensor([-N / 2 - 1, i - N / 2]) * step
        repetition.gradm[2:-1, 0] = step
        repetition.gradm[-1, :2] = torch.tensor([1.5 * N, N / 2 - i]) * step
        repetition.adc_usage[2:-1] = 1
        repetition.adc_phase[2:-1] = math.pi / 2 - phase
    return sequence


def _agreement(kspace: np.ndarray, density: np.ndarray) -> str:
    """Magnitude image beside the phantom, after the best scale."""
    image = np.abs(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace)))).ravel()
    truth = density.ravel()
    difference = (image @ truth) / (image @ image) * image - truth
    return f"image NRMSE to the phantom {np.linalg.norm(difference) / np.linalg.norm(truth):.3f}"
