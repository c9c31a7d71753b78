"""Played scans as training data: played once and kept; noise, lines and averages are drawn afresh."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pirecon.training.scans.course import told
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.played import COILS, play_scan
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.simulation import Rng, random_lines
from pirecon.training.scans.training_data import BatchStream, StreamSettings, TrainingData
from pirecon.training.scans.whole_cache import StoredArrays, code_digest, find_arrays, store_arrays

CODE = (
    *("bloch", "pirecon/algebra/fft.py", "pirecon/rawdata"),
    *("pirecon/training/scans/played.py", "pirecon/training/scans/simulation.py"),
)


@dataclass(frozen=True)
class PlayedScans(TrainingData):
    """Scans whose every pulse is played to every spin; ``[scans]`` says which SNR, acceleration and averages are drawn.

    Attributes:
        count: scans that are played; each takes seconds to minutes, once.
        matrix: lines and columns.
        field_strength: lowest and highest B0, T.
        inhomogeneity: of the magnet, ppm peak to peak over a sphere of 20 cm.
        processes: that play at the same time.
        cache: folder of the played scans.
    """

    image_keys = ()
    scan_keys = ("snr", "acceleration", "averages")

    count: int = 40
    matrix: int = 96
    field_strength: tuple[float, float] = (0.05, 0.55)
    inhomogeneity: float = 10.0
    processes: int = 1
    cache: Path = Path("runs/cache/played")

    def __post_init__(self) -> None:
        if self.count < 1 or self.matrix < 16:
            raise ValueError(f"count is {self.count} and matrix {self.matrix}; expected at least 1 scan of 16 × 16")

    def stream(self, settings: StreamSettings) -> PlayedStream:
        """See :class:`TrainingData`."""
        return PlayedStream(self, settings.scans, voxels=settings.voxels, seed=settings.seed, start=settings.start)

    def sentence(self, images: ImageShares, scans: ScanRange) -> str:
        """See :class:`TrainingData`."""
        low, high = self.field_strength
        return f"{self.count} scans of random heads played by bloch at {low}–{high} T, {self.matrix} × {self.matrix}"

    def ranges(self, images: ImageShares, scans: ScanRange) -> dict[str, tuple[float, float]]:
        """See :class:`TrainingData`."""
        own = {
            "super_resolution": (1.0, 1.0),
            "coils": (float(min(COILS)), float(max(COILS))),
            "field_strength": self.field_strength,
        }
        return super().ranges(images, scans) | own


def load_played(data: PlayedScans) -> list[StoredArrays]:
    """The played scans; those that are not in the cache are played, each written when it is done."""
    missing = [number for number in range(data.count) if find_arrays(_path(data, number)) is None]
    what = f"played scans, each takes seconds to minutes; they are kept in {data.cache}"
    if missing and data.processes > 1:
        with ProcessPoolExecutor(data.processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(told(pool.map(partial(_play_and_store, data), missing), len(missing), what))
    else:
        for number in told(missing, len(missing), what):
            _play_and_store(data, number)
    found = [find_arrays(_path(data, number)) for number in range(data.count)]
    return [arrays for arrays in found if arrays is not None]


def _path(data: PlayedScans, number: int) -> Path:
    key = [data.matrix, list(data.field_strength), data.inhomogeneity, code_digest(*CODE)]
    return data.cache / f"played-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]}-{number}.samples"


def _play_and_store(data: PlayedScans, number: int) -> None:
    scan = play_scan(number, matrix=data.matrix, field_strength=data.field_strength, inhomogeneity=data.inhomogeneity)
    store_arrays(_path(data, number), [({name: tensor.contiguous().numpy() for name, tensor in scan.items()}, {})])


class PlayedStream(BatchStream):
    """Batches of played scans of one coil count.

    Args:
        data: which scans are played.
        scans: ``snr``, ``acceleration`` and ``averages`` are used.
        voxels: voxels in a batch, about.
        seed: of everything drawn.
        start: number of the first batch.
    """

    def __init__(self, data: PlayedScans, scans: ScanRange, *, voxels: int, seed: int, start: int = 0) -> None:
        super().__init__(start=start)
        self.scans, self.seed = scans, seed
        self._size = max(1, round(voxels / data.matrix**2))
        self._groups: dict[int, list[StoredArrays]] = {}
        for arrays in load_played(data):
            places: dict[str, dict[str, list[int]]] = arrays.facts(0)["arrays"]  # type: ignore[assignment]
            self._groups.setdefault(places["maps"]["shape"][0], []).append(arrays)
        sizes = np.array([len(group) for group in self._groups.values()], float)
        self._shares = sizes / sizes.sum()

    def batch(self, index: int) -> dict[str, Tensor]:
        """Batch number ``index``: kspace, maps, weights, truth, and kspace2 with two averages."""
        rng = np.random.default_rng([self.seed, index])
        group = list(self._groups.values())[rng.choice(len(self._groups), p=self._shares)]
        chosen = rng.choice(len(group), self._size, replace=self._size > len(group))
        scans = [self._scan(group[int(i)], rng) for i in chosen]
        return {name: torch.stack([scan[name] for scan in scans]) for name in scans[0]}

    def _scan(self, arrays: StoredArrays, rng: Rng) -> dict[str, Tensor]:
        stored = {name: torch.from_numpy(array) for name, array in arrays.read(0).items()}
        snr = float(np.exp(rng.uniform(*np.log(self.scans.snr))))
        scale = snr * complex(np.exp(1j * rng.uniform(-np.pi, np.pi)))
        shape = stored["signal"].shape
        lines = random_lines(shape[-2], float(rng.uniform(*self.scans.acceleration)), rng)
        weights = torch.from_numpy(lines.astype(np.float32))[:, None].expand(1, *shape[-3:]).contiguous()
        found = {"maps": stored["maps"], "weights": weights, "truth": scale * stored["truth"]}
        for name in ("kspace", "kspace2")[: self.scans.averages]:
            noise = torch.from_numpy(rng.standard_normal((*shape, 2), dtype=np.float32))
            found[name] = weights * (scale * stored["signal"] + torch.view_as_complex(noise))
        return found
