"""Task: 100,000 isochromats through 200 repetitions of balanced SSFP, every echo of every one kept."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bloch.magnetisation import magnetisation_at_samples, point_spins, timeline
from bloch.sequence import Block, Readout, Sequence, hard_pulse
from experiments.speed.measure import Contender, Task
from experiments.speed.peer import Peer, python
from experiments.speed.peer import missing as absent

SIDE, N = 316, 200
FLIP, TR, TE, OFF_RESONANCE = 30.0, 5e-3, 2.5e-3, 10.0  # degrees, s, s, Hz
RANGES = {"T1": (0.3, 3.0, SIDE), "T2": (0.02, 0.3, SIDE)}  # s
LAST = 10  # echoes of the comparison
OURS = "bloch magnetisation_at_samples, sequence object and all"
BLOCHSIM, MRZERO = "blochsim TrueFISPSimulator (EPG)", "MRzero isochromat_sim (gives the sum only)"
NO_MRZERO = "MRzeroCore is not installed (pip install 'MRzeroCore>=1.2'), so its row is left out."


def bloch_isochromats(folder: Path) -> Task:
    """Hard pulses of 30° and alternating phase, TR 5 ms, TE 2.5 ms, 10 Hz off resonance, float32."""
    T1, T2 = _times()
    ours_T1, ours_T2 = torch.from_numpy(T1), torch.from_numpy(T2)

    def ours() -> np.ndarray:
        blocks = [
            Block(
                TR,
                rf=hard_pulse(math.radians(FLIP), phase=math.pi * (n % 2)),
                readout=Readout(1, 1e-6, delay=TE - 0.5e-6),
            )
            for n in range(N)
        ]
        spins = point_spins(ours_T1, ours_T2, off_resonance=OFF_RESONANCE)
        return magnetisation_at_samples(spins, timeline(Sequence(tuple(blocks)))).numpy()

    contenders, missing = [Contender(OURS, ours, turns=10)], []
    peer = _blochsim(folder)
    if peer is None:
        missing.append(absent("sims", "blochsim"))
    else:
        contenders.append(Contender(BLOCHSIM, lambda: peer.run() or peer))
    mrzero = _mrzero(T1, T2)
    if mrzero is None:
        missing.append(NO_MRZERO)
    else:
        contenders.append(Contender(MRZERO, mrzero, turns=3))
    truth = _plain_loop(T1.astype(float), T2.astype(float))
    return Task(
        name=f"{SIDE**2:,} isochromats, {N} repetitions of bSSFP",
        contenders=contenders,
        agreement=lambda name, results: _agreement(name, results[name], truth),
        wanted="the fastest other takes at least 5 times as long",
        missing=missing,
    )


def _times() -> list[np.ndarray]:
    axes = [np.linspace(*RANGES[name], dtype=np.float32) for name in ("T1", "T2")]
    return [t.ravel() for t in np.meshgrid(*axes, indexing="ij")]


def _blochsim(folder: Path) -> Peer | None:
    interpreter = python("sims")
    if interpreter is None:
        return None
    task = {**RANGES, "flip_degrees": FLIP, "TR": TR, "TE": TE, "n": N, "off_resonance": OFF_RESONANCE}
    os.environ["BENCH_TASK"], os.environ["BENCH_THREADS"] = json.dumps(task), str(torch.get_num_threads())
    return Peer(interpreter, Path(__file__).with_name("blochsim_peer.py"), out=folder / "blochsim.npy")


def _mrzero(T1: np.ndarray, T2: np.ndarray) -> Callable[[], np.ndarray] | None:
    try:
        import MRzeroCore as mr0
    except ImportError:
        return None
    n = len(T1)
    none = torch.zeros(n)
    data = mr0.SimData(
        PD=torch.ones(n), T1=torch.from_numpy(T1), T2=torch.from_numpy(T2), T2dash=none + 1e9, D=none,
        B0=none + OFF_RESONANCE, B1=torch.ones(1, n), coil_sens=torch.ones(1, n), size=torch.ones(3),
        affine=torch.eye(3, 4), voxel_pos=torch.zeros(n, 3), nyquist=torch.full((3,), 1e3),
        dephasing_func=lambda k, _: torch.ones(len(k)),
    )  # fmt: skip
    sequence = mr0.Sequence()
    for i in range(N):
        repetition = sequence.new_rep(2)
        repetition.pulse.angle = torch.tensor(math.radians(FLIP), dtype=torch.float32)
        repetition.pulse.phase = torch.tensor(math.pi * (i % 2) + math.pi, dtype=torch.float32)
        repetition.event_time[:] = TE
        repetition.adc_usage[0] = 1

    def run() -> np.ndarray:
        with torch.no_grad():
            return mr0.isochromat_sim(sequence, data, 1, print_progress=False).numpy()[:, 0]

    return run


def _plain_loop(T1: np.ndarray, T2: np.ndarray) -> np.ndarray:
    """The last echoes in float64, by rotations about x and z written out; ``(spin, LAST)``."""
    a, E1, E2 = math.radians(FLIP), np.exp(-TR / T1), np.exp(-TE / T2)
    turn = E2 * np.exp(-2j * math.pi * OFF_RESONANCE * TE)
    M, Mz, found = np.zeros(len(T1), complex), np.ones(len(T1)), []
    for n in range(N):
        sine = math.sin(a) * (-1) ** n  # left-handed, about x or −x
        y, z = M.imag, Mz
        M, Mz = M.real + 1j * (math.cos(a) * y + sine * z), math.cos(a) * z - sine * y
        M = M * turn
        if n >= N - LAST:
            found.append(M)
        M, Mz = M * turn, 1 + (Mz - 1) * E1
    return np.stack(found, axis=1)


def _agreement(name: str, result: object, truth: np.ndarray) -> str:
    if isinstance(result, Peer):
        kept = result.result()[:, -LAST:]
        result.close()
        alternating = np.where(np.arange(N - LAST, N) % 2, -1, 1)  # it follows the phase of its pulses
        # Its sign of the phase and of the frequency are its own.
        candidates = [kept * alternating, (kept * alternating).conj()]
        return _nrmse(min((c * f for c in candidates for f in (1, -1, 1j, -1j)), key=lambda c: _far(c, truth)), truth)
    found = np.asarray(result)
    if name == MRZERO:
        return _nrmse(found[-LAST:], truth.sum(0)) + " (of the sum)"
    return _nrmse(found[:, -LAST:], truth)


def _far(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def _nrmse(found: np.ndarray, truth: np.ndarray) -> str:
    return f"NRMSE of the last {LAST} echoes {_far(found, truth):.0e}"
