"""Task: an MRD file to sorted k-space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ismrmrd
import numpy as np
import sigpy

from experiments.speed.example_data import N_COILS, write_many_readouts
from experiments.speed.measure import Contender, Task
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.mrd import read_mrd
from pirecon.rawdata.sort import sort_kspace

LINES = (50, 100)
N_SAMPLES = 512
OURS = "pirecon read_mrd + sort_kspace"


def raw_file(folder: Path) -> Task:
    """Reading 5,000 readouts of 8 coils and 512 samples; the file is written by the ismrmrd package."""
    path = folder / "readouts.h5"
    write_many_readouts(path, lines=LINES, n_samples=N_SAMPLES)

    def ours() -> KSpace:
        return sort_kspace(read_mrd(path))

    def slicing() -> np.ndarray:
        with ismrmrd.File(path, "r") as file:
            return np.stack([acquisition.data for acquisition in file["dataset"].acquisitions[:]])

    def loop() -> np.ndarray:
        with ismrmrd.Dataset(path, "dataset", create_if_needed=False) as file:
            samples = np.empty((file.number_of_acquisitions(), N_COILS, N_SAMPLES), np.complex64)
            for index in range(len(samples)):
                samples[index] = file.read_acquisition(index).data
            return samples

    return Task(
        name="raw file to sorted k-space, 5,000 × 8 × 512",
        contenders=[
            Contender(OURS, ours, turns=10),
            Contender("ismrmrd, loop over acquisitions (samples only)", loop, turns=2),
            Contender("ismrmrd, one slice of the file (samples only)", slicing),
        ],
        agreement=_agreement,
        wanted="the loop takes at least 30 times as long",
    )


def _agreement(name: str, results: dict[str, Any]) -> str:
    """Largest difference of the others' samples, with the oversampling taken out, from our k-space."""
    if name == OURS:
        return "reference"
    kspace = results[OURS].data.numpy()
    lines = np.moveaxis(results[name].reshape(*LINES, N_COILS, N_SAMPLES), 2, 0)
    window = sigpy.resize(sigpy.ifft(lines, axes=(-1,)), (*lines.shape[:-1], N_SAMPLES // 2))
    expected = sigpy.fft(window, axes=(-1,))
    return f"relative difference {np.linalg.norm(kspace - expected) / np.linalg.norm(expected):.0e}"
