"""Task: coil maps from a fully sampled centre."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sigpy
import sigpy.mri
import torch

from experiments.speed.bart import MISSING, bart, installed, read_cfl, write_cfl
from experiments.speed.example_data import CALIBRATION, N_COILS, SHAPE, Slice
from experiments.speed.measure import Contender, Task
from pirecon.calibration.espirit import espirit


def coil_maps(folder: Path, data: Slice) -> Task:
    """ESPIRiT with one set of maps from the central 24 × 24 samples."""
    centre = torch.from_numpy(sigpy.resize(data.full, (N_COILS, CALIBRATION, CALIBRATION)))[:, None]
    file, maps = write_cfl(folder / "full", data.full), folder / "maps"

    def with_bart() -> np.ndarray:
        bart("ecalib", "-m1", f"-r{CALIBRATION}", file, maps)
        return read_cfl(maps)

    contenders = [
        Contender("pirecon espirit", lambda: espirit(centre, (1, *SHAPE))[0, :, 0].numpy()),
        Contender("SigPy EspiritCalib", lambda: sigpy.mri.app.EspiritCalib(data.full, show_pbar=False).run()),
    ]
    if installed():
        contenders.append(Contender("BART ecalib -m1", with_bart))
    return Task(
        name="coil maps, 256 × 256, 8 coils",
        contenders=contenders,
        agreement=lambda name, results: angle(results[name], data),
        wanted="no other is faster",
        missing=[] if installed() else [MISSING],
    )


def angle(maps: np.ndarray, data: Slice) -> str:
    """Median sine of the angle between estimated and true coil vector in the object (a voxel's phase drops out)."""
    inside = np.abs(data.image) > 0.05 * np.abs(data.image).max()
    length = np.maximum(np.sqrt((np.abs(maps) ** 2).sum(axis=0)), 1e-12)
    cosine = np.abs((maps.conj() * data.maps).sum(axis=0)) / length
    sine = np.sqrt(np.maximum(1 - cosine[inside] ** 2, 0))
    return f"sine of the angle to the true maps {np.median(sine):.4f}"
