"""Task: CG-SENSE with given maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import sigpy
import sigpy.mri
import torch

from experiments.speed.bart import MISSING, bart, installed, read_cfl, write_cfl
from experiments.speed.example_data import Slice
from experiments.speed.measure import Contender, Task
from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.encoding.sense import CartesianSense

ITERATIONS = 30
OURS = "pirecon CartesianSense + conjugate_gradient"


def cg_sense(folder: Path, data: Slice) -> Task:
    """30 iterations of conjugate gradients from zero, without regularisation."""
    kspace, maps, mask = (torch.from_numpy(array.copy()) for array in (data.kspace, data.maps, data.mask))
    measured, true_maps = write_cfl(folder / "measured", data.kspace), write_cfl(folder / "true", data.maps)
    image = folder / "cg"

    def ours() -> np.ndarray:
        E = CartesianSense(maps[:, None], mask[None, None])
        return conjugate_gradient(E.normal, E.adjoint(kspace[:, None]), n_iterations=ITERATIONS)[0].numpy()

    def with_sigpy() -> np.ndarray:
        app = sigpy.mri.app.SenseRecon(data.kspace, data.maps, weights=data.mask, max_iter=ITERATIONS, show_pbar=False)
        return app.run()

    def with_bart() -> np.ndarray:
        bart("pics", "-l2", "-r0", "-S", "-i", ITERATIONS, measured, true_maps, image)
        return read_cfl(image)

    contenders = [Contender(OURS, ours, turns=10), Contender("SigPy SenseRecon", with_sigpy)]
    if installed():
        contenders.append(Contender("BART pics -l2", with_bart))
    return Task(
        name="CG-SENSE, 256 × 256, 8 coils, R = 4, 30 iterations",
        contenders=contenders,
        agreement=agreement,
        wanted="no other is faster",
        missing=[] if installed() else [MISSING],
    )


def agreement(name: str, results: dict[str, Any]) -> str:
    """Distance from our image after the best real or complex scale (BART's scaling is its own)."""
    if name == OURS:
        return "reference"
    image, ours = results[name].ravel(), results[OURS].ravel()
    difference = np.vdot(image, ours) / np.vdot(image, image) * image - ours
    return f"relative difference {np.linalg.norm(difference) / np.linalg.norm(ours):.0e}"
