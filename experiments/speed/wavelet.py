"""Task: compressed sensing with the l1 norm of wavelet details, given maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sigpy
import sigpy.mri
import torch

from experiments.speed.bart import MISSING, bart, installed, read_cfl, write_cfl
from experiments.speed.example_data import Slice
from experiments.speed.measure import Contender, Task
from experiments.speed.whole_slice import error
from pirecon.classical.wavelet import l1_wavelet
from pirecon.encoding.sense import CartesianSense

ITERATIONS = 50
# The best of 0.005, 0.01, 0.02, 0.05, 0.1 and of 0.001, 0.002, 0.003, 0.005, 0.01 on this slice with these maps.
BART_REGULARISATION = 0.1
SIGPY_REGULARISATION = 0.005


def wavelet(folder: Path, data: Slice) -> Task:
    """50 iterations with the true maps and Daubechies' four taps; ours chooses its strength from the noise."""
    kspace, maps, mask = (torch.from_numpy(array.copy()) for array in (data.kspace, data.maps, data.mask))
    measured, true_maps = write_cfl(folder / "l1_measured", data.kspace), write_cfl(folder / "l1_true", data.maps)
    image, scale = folder / "l1", np.abs(data.kspace).max()

    def ours() -> np.ndarray:
        E = CartesianSense(maps[:, None], mask[None, None])
        return l1_wavelet(kspace[:, None], E, n_iterations=ITERATIONS)[0].numpy()

    def with_sigpy() -> np.ndarray:
        return sigpy.mri.app.L1WaveletRecon(
            data.kspace / scale, data.maps, SIGPY_REGULARISATION, weights=data.mask, wave_name="db2",
            max_iter=ITERATIONS, show_pbar=False,
        ).run()  # fmt: skip

    def with_bart() -> np.ndarray:
        bart("pics", "-R", f"W:3:0:{BART_REGULARISATION}", "-i", ITERATIONS, "-S", measured, true_maps, image)
        return read_cfl(image)

    contenders = [
        Contender("pirecon l1_wavelet", ours),
        Contender("SigPy L1WaveletRecon", with_sigpy, turns=3),
    ]
    if installed():
        contenders.append(Contender("BART pics -R W", with_bart))
    return Task(
        name=f"l1-wavelet, 256 × 256, 8 coils, R = 4, {ITERATIONS} iterations",
        contenders=contenders,
        agreement=lambda name, results: error(results[name], data),
        wanted="BART takes at least 1.9 times as long, and our error is no larger",
        missing=[] if installed() else [MISSING],
    )
