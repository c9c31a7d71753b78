"""``bart sim``: spins of many relaxation times through bSSFP and FLASH, beside ours.

BART turns magnetisation along z to i exp(i phase), as we do, turns spins of positive off-resonance as exp(−2πi ...), as
we do, and takes the alternation of its pulses from its samples; it leaves the i. So its signal is i (−1)ⁿ times ours
with a receiver that stands still.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import torch

from bloch.magnetisation import magnetisation_at_samples, point_spins, timeline
from bloch.magnetisation.spins import Spins
from bloch.sequence import Block, Gradient, Readout, Sequence, hard_pulse
from bloch.tissue import GYROMAGNETIC_RATIO
from experiments.independent.part import Part, Row, relative_difference
from experiments.speed import bart

TR, TE, FLIP, N = 8e-3, 4e-3, 40.0, 24
PULSE = 1e-5  # s
N_SPOILED = 6
INVERSION_WAIT = 5e-3
T1, T2 = np.linspace(0.3, 1.2, 3, endpoint=False), np.linspace(0.05, 0.15, 4, endpoint=False)  # s

ABOUT = (
    f"{len(T1) * len(T2)} spins, {N} repetitions: {TR * 1e3:g} ms, {FLIP:g}°, from rest through the transient; BART "
    "by its ODE solver with pulses of 10 µs. No scale or phase is fitted. BART spoils FLASH by setting the transverse "
    f"magnetisation to zero; ours dephases it, by 3ⁿ turns in repetition n of {N_SPOILED}, which nothing refocuses."
)


def compare() -> Part:
    """bSSFP on and off resonance, after an inversion, and FLASH."""
    part = Part("Simulators: single spins beside `bart sim`", ABOUT, "NRMSE of the signal")
    if not bart.installed():
        part.missing.append(bart.MISSING)
        return part
    for offset in (0.0, 20.0, -45.0):
        part.rows.append(Row(f"bSSFP, {offset:g} Hz off resonance", balanced_difference(offset), 0.01))
    part.rows.append(Row("bSSFP after a perfect inversion", balanced_difference(0.0, inverted=True), 0.01))
    part.rows.append(Row("FLASH, perfectly spoiled", flash_difference(), 0.01))
    return part


def balanced_difference(off_resonance: float, *, inverted: bool = False) -> float:
    """NRMSE of balanced SSFP.

    Args:
        off_resonance: Hz.
        inverted: an inversion comes first.

    Returns:
        Dimensionless.
    """
    kind = f"IR-BSSFP,pinv,isp={INVERSION_WAIT}" if inverted else "BSSFP"
    theirs = _bart(f"{kind},ppl={TE},off={2 * math.pi * off_resonance}")
    ours = magnetisation_at_samples(_spins(off_resonance), timeline(_balanced(inverted=inverted))).numpy()
    return relative_difference(1j * ours * np.where(np.arange(N) % 2, -1, 1), theirs)


def flash_difference() -> float:
    """NRMSE of FLASH."""
    spins = _spins(0.0)
    edge = 1e-3
    spread = Spins(**{**vars(spins), "extent": (0.0, 0.0, edge)})
    enough = 2 * 3**N_SPOILED + 1  # twice the turns of all repetitions together
    ours = magnetisation_at_samples(spread, timeline(_spoiled(edge)), n_isochromats=enough).numpy()
    return relative_difference(1j * ours, _bart("FLASH", n=N_SPOILED))


def _spins(off_resonance: float) -> Spins:
    grid = np.meshgrid(T2, T1, indexing="ij")
    return point_spins(*(torch.from_numpy(t.ravel().copy()) for t in grid[::-1]), off_resonance=off_resonance)


def _pulse(angle: float, phase: float) -> Block:
    return Block(PULSE, rf=hard_pulse(math.radians(angle), phase=phase, duration=PULSE))


def _echo(gradient: Gradient | None = None) -> Block:
    return Block(TR - PULSE, gz=gradient, readout=Readout(1, 1e-9, delay=TE - PULSE / 2, phase=math.pi / 2))


def _balanced(*, inverted: bool) -> Sequence:
    blocks = [_pulse(FLIP / 2, math.pi), Block(TE - PULSE)]
    if inverted:
        blocks = [Block(0.0, rf=hard_pulse(math.pi)), Block(INVERSION_WAIT), *blocks]
    for n in range(N):
        blocks += [_pulse(FLIP, math.pi * (n % 2)), _echo()]
    return Sequence(tuple(blocks))


def _spoiled(edge: float) -> Sequence:
    """With 3ⁿ turns: no sum or difference of some is another, so no pathway comes back."""
    blocks = []
    for n in range(N_SPOILED):
        start, end = TE + PULSE, TR - 2 * PULSE
        amplitude = 3**n / edge / (GYROMAGNETIC_RATIO * (end - start))
        blocks += [_pulse(FLIP, 0.0), _echo(Gradient(np.array([start, end]), np.array([amplitude, amplitude])))]
    return Sequence(tuple(blocks))


def _bart(kind: str, *, n: int = N) -> np.ndarray:
    """``(spin, repetition)``, T1 running fastest."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "signal"
        sequence = f"{kind},TR={TR},TE={TE},Nrep={n},Nspins=1,Trf={PULSE},BWTP=4,FA={FLIP}"
        ranges = [f"{t[0]}:{2 * t[-1] - t[-2]}:{len(t)}" for t in (T1, T2)]  # BART leaves out the last
        bart.bart("sim", "--ODE", "--seq", sequence, "-1", ranges[0], "-2", ranges[1], out)
        return bart.read_cfl(out).reshape(len(T2) * len(T1), n)
