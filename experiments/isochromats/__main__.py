"""``python -m experiments.isochromats``: convergence of played scans; writes result.md."""

from __future__ import annotations

import datetime
import os
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console

from bloch.excitation_window import is_selective, spins_of_slice
from bloch.magnetisation.crushing import lined_up
from bloch.magnetisation.spins_of_phantom import spins_of
from bloch.magnetisation.timeline import timeline
from bloch.phantom import Phantom
from bloch.play import enough_isochromats
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, Sequence, fully_sampled
from bloch.simulate import Conditions, simulate
from bloch.standard.coils import CoilChoice, coils_for
from bloch.standard.phantoms import PhantomChoice, phantom_for
from bloch.standard.protocols import SequenceChoice, standard_protocol
from bloch.standard.sequences import Playing, sequence_for
from experiments.machine import processor

RESULT = Path(__file__).with_name("result.md")
B0, SEED, MATRIX = 0.064, 7, 48
REFERENCE = 61
NUMBERS = (5, 7, 11, 17, 23, 37)


def chosen(phantom: Phantom, sequence: Sequence, encoding: Encoding) -> int:
    """What :func:`bloch.simulate.simulate` would play."""
    selective = is_selective(sequence)
    spins = spins_of_slice(spins_of(phantom, B0), encoding, 0, selective=selective, is_cylinder=False)
    steps = timeline(sequence)
    return enough_isochromats(lined_up(spins, steps, encoding), steps, selective=selective)


def main() -> None:
    """Play, compare, write."""
    encoding = Encoding(
        (1, MATRIX, MATRIX), (5e-3, 0.25, 0.25), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, MATRIX))
    )
    scanner = Scanner(B0, coils_for(CoilChoice.volume, 1, (0.0, 0.0, 1.0)))
    phantom = phantom_for(PhantomChoice.brain, encoding, B0=B0, seed=SEED)
    assert isinstance(phantom, Phantom)
    lines = ["# How many isochromats a scan of a head needs", ""]
    lines += ["Written by `python -m experiments.isochromats`; [question.md](question.md) says how.", ""]
    lines += [
        f"- Date: {datetime.date.today().isoformat()}; pirecon {version('pirecon')}, numba {version('numba')}",
        f"- Machine: {processor()}, {os.cpu_count()} cores; matrix {MATRIX} × {MATRIX}, {B0} T, seed {SEED}",
        "",
        f"| sequence | chosen | {' | '.join(str(n) for n in NUMBERS)} | seconds with {NUMBERS[2]} |",
        f"| --- | ---: | {'---: | ' * len(NUMBERS)}---: |",
    ]
    for choice in (SequenceChoice.tse, SequenceChoice.spin_echo, SequenceChoice.flair, SequenceChoice.gre):
        playing = Playing(n_dummies=1)
        sequence = sequence_for(standard_protocol(choice, B0), encoding, scanner, playing=playing)
        errors, seconds, reference = [], {}, None
        for n in (REFERENCE, *NUMBERS):
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there are too few is what is measured here
                scan = simulate(
                    phantom, sequence, scanner, conditions=Conditions(noise=False, n_isochromats=n), seed=SEED
                )
            seconds[n] = time.perf_counter() - start
            image = scan.truth["image"]
            if reference is None:
                reference = image
            else:
                errors.append(np.linalg.norm(image - reference) / np.linalg.norm(reference))
        cells = " | ".join(f"{100 * error:.2g} %" for error in errors)
        row = f"| {choice} | {chosen(phantom, sequence, encoding)} | {cells} | {seconds[NUMBERS[2]]:.2g} |"
        Console().print(row, highlight=False)
        lines.append(row)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
