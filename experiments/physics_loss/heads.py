"""Examinations to judge on: heads that no training saw, each with a lesion and without it, scanned alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import random_brain_slice
from bloch.phantom.lesions import Lesion
from experiments.networks import RUNS
from pirecon.training.config import read_config
from pirecon.training.scans.contrasts import ContrastRange, ContrastStream
from pirecon.training.scans.image_library import SIZE, load_library
from pirecon.training.scans.tissue_maps import two_tissues

HERE = Path(__file__).parent
FIELDS = {"0.05–0.1 T, as trained": (0.05, 0.1), "0.3 T": (0.3, 0.3), "1.5 T": (1.5, 1.5)}
KINDS: tuple[Lesion, ...] = ("tumour", "stroke", "plaques", "hyperintensities")
N_HEADS, FIRST_HEAD = 8, 50_000
N_BATCHES, N_CONTRASTS, SEED = 3, 5, 404

Batch = dict[str, Tensor]


def pairs(field: tuple[float, float]) -> Iterator[tuple[Batch, Batch]]:
    """Batches of the same examinations of heads with and without lesion: same body, protocols, coils, lines, noise."""
    scans = read_config(HERE / "config.toml").scans
    streams = [
        ContrastStream(
            anatomies, scans, voxels=3 * 3000 * N_CONTRASTS, seed=SEED, contrasts=ContrastRange((N_CONTRASTS,), field)
        )
        for anatomies in (heads(with_lesion=True), heads(with_lesion=False))
    ]
    for index in range(N_BATCHES):
        yield streams[0].batch(index), streams[1].batch(index)


def heads(*, with_lesion: bool) -> np.ndarray:
    """Labels and fractions of all heads, ``(head, 4, SIZE, SIZE)``; rendered once."""

    def make() -> Iterator[np.ndarray]:
        for number in range(N_HEADS):
            generator = torch.Generator().manual_seed(FIRST_HEAD + number)
            kind = KINDS[number % len(KINDS)] if with_lesion else None
            phantom = random_brain_slice(
                generator, matrix=(SIZE, SIZE), orientation="transaxial", lesions=with_lesion, lesion=kind
            )
            yield two_tissues(phantom)

    name = "with-lesion" if with_lesion else "without-lesion"
    return load_library(name, make, RUNS / "physics_loss", (N_HEADS, FIRST_HEAD))
