"""Task: one slice from raw data to image, calibration included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sigpy
import sigpy.mri

import pirecon
from experiments.speed.bart import MISSING, bart, installed, read_cfl, write_cfl
from experiments.speed.example_data import CALIBRATION, Slice, write_slice
from experiments.speed.measure import Contender, Task

# Of the wavelet term: the best of a short list for each on this slice. Scales differ; neither changes the time.
SIGPY_REGULARISATION = 0.003
BART_REGULARISATION = 0.05


def whole_slice(folder: Path, data: Slice, *, checkpoint: str) -> Task:
    """Ours starts from unsorted readouts in memory, the others from sorted k-space, which is to their advantage."""
    write_slice(folder / "slice.h5", data)
    raw = pirecon.read_mrd(folder / "slice.h5")
    measured, maps, image = write_cfl(folder / "slice", data.kspace), folder / "slice_maps", folder / "slice_image"

    def ours() -> np.ndarray:
        return pirecon.reconstruct(raw, checkpoint=checkpoint).data.numpy()

    def with_sigpy() -> np.ndarray:
        kspace = data.kspace / np.abs(data.kspace).max()
        estimated = sigpy.mri.app.EspiritCalib(kspace, show_pbar=False).run()
        app = sigpy.mri.app.L1WaveletRecon(kspace, estimated, SIGPY_REGULARISATION, weights=data.mask, show_pbar=False)
        return app.run()

    def with_bart() -> np.ndarray:
        bart("ecalib", "-m1", f"-r{CALIBRATION}", measured, maps)
        bart("pics", "-R", f"W:3:0:{BART_REGULARISATION}", measured, maps, image)
        return read_cfl(image)

    contenders = [
        Contender("pirecon reconstruct(method='unrolled')", ours),
        Contender("SigPy EspiritCalib + L1WaveletRecon", with_sigpy),
    ]
    if installed():
        contenders.append(Contender("BART ecalib + pics -R W", with_bart))
    return Task(
        name="slice, calibration included, 256 × 256, 8 coils, R = 4",
        contenders=contenders,
        agreement=lambda name, results: error(results[name], data),
        wanted="no other is faster",
        missing=[] if installed() else [MISSING],
    )


def error(image: np.ndarray, data: Slice) -> str:
    """Relative error of the magnitude after the best scale."""
    magnitude, truth = np.abs(image).ravel(), np.abs(data.image).ravel()
    difference = (magnitude @ truth) / (magnitude @ magnitude) * magnitude - truth
    return f"error against the truth {np.linalg.norm(difference) / np.linalg.norm(truth):.3f}"
