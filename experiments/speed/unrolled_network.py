"""Tasks: forward pass and training step of unrolled networks at equal arithmetic, with the memory that they take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.measure import Contender, Task
from experiments.speed.peer import Peer, missing, python

CASES = ("forward", "train")
WANTED = "at least 1.3 in time; in training half the memory at equal parameters and iterations"
TURNS = 3
VARNET = {
    "pirecon proximal-gradient, own U-Nets, refined maps": "varnet",
    "the same, features recomputed": "varnet-recomputed",
    "fastMRI VarNet, 12 cascades, 18 channels": "fastmri-varnet",
}
MODL = {
    "pirecon MoDL, shared DnCNN": "modl",
    "the same, features recomputed": "modl-recomputed",
    "deepinv MoDL, 12 iterations": "deepinv-modl",
}


def unrolled_varnet(folder: Path, case: str) -> Task:
    """End-to-end variational networks: 12 cascades with a U-Net each, about 30 million parameters."""
    return _task("variational network", VARNET, folder, case)


def unrolled_modl(folder: Path, case: str) -> Task:
    """MoDL: 12 iterations of one DnCNN with 7 layers of 64 channels, and conjugate gradients."""
    return _task("MoDL", MODL, folder, case)


def _task(title: str, networks: dict[str, str], folder: Path, case: str) -> Task:
    script = Path(__file__).with_name("unrolled_worker.py")
    contenders, absent = [], []
    for label, name in networks.items():
        ours = not name.startswith(("fastmri", "deepinv"))
        interpreter = Path(sys.executable) if ours else python("dl")
        if interpreter is None:
            absent.append(missing("dl", name.partition("-")[0]))
            continue
        peer = Peer(interpreter, script, name, case, out=folder / f"{name}-{case}.npy")
        contenders.append(Contender(label, lambda peer=peer: peer.run() or peer, turns=TURNS))  # type: ignore[misc]
    return Task(
        name=f"{title}, {'forward pass' if case == 'forward' else 'training step'}, 8 × 256 × 256, 12 iterations",
        contenders=contenders,
        agreement=_work_and_memory,
        wanted=WANTED,
        missing=absent,
    )


def _work_and_memory(name: str, results: dict[str, Any]) -> str:
    """Size, work and memory; the networks are untrained, so their images are not compared."""
    parameters, gigaflop, added = np.asarray(results[name].result())
    results[name].close()
    return f"{parameters / 1e6:.2f} M parameters, {gigaflop:.0f} GFLOP forward, {added:.0f} MiB added"
