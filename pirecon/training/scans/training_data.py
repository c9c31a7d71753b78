"""What a kind of training data is: a table of the config that makes an endless stream of batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.simulation import ScanRange


@dataclass(frozen=True)
class StreamSettings:
    """What a stream is given beside its own table.

    Attributes:
        images: the table ``[images]``.
        scans: the table ``[scans]``.
        voxels: voxels in a batch, about.
        seed: of everything drawn; another for every stage and process.
        start: index of the first batch, to resume a stream.
    """

    images: ImageShares
    scans: ScanRange
    voxels: int
    seed: int
    start: int = 0


class BatchStream(IterableDataset, ABC):
    """Endless numbered batches, shared out among the loading processes; batch n depends on the seed and n alone.

    Args:
        start: number of the first batch.
    """

    def __init__(self, *, start: int = 0) -> None:
        self.start = start

    @abstractmethod
    def batch(self, index: int) -> dict[str, Tensor]:
        """Batch number ``index``: "kspace", "maps", "weights" and what else this stream knows, in SNR units."""

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = torch.utils.data.get_worker_info()
        step, first = (worker.num_workers, worker.id) if worker else (1, 0)
        torch.set_num_threads(1 if worker else torch.get_num_threads())
        index = self.start + first
        while True:
            yield self.batch(index)
            index += step


class TrainingData(ABC):
    """A table ``[data]`` of the config: a frozen dataclass whose fields are its keys.

    Fields of type ``Path`` (or tuples of them) that are relative start at the config's folder.
    """

    @abstractmethod
    def stream(self, settings: StreamSettings) -> IterableDataset:
        """Endless batches, deterministic by (seed, index); a :class:`BatchStream` does the counting.

        Raises:
            FileNotFoundError: files that are not there.
            ValueError: nothing to train on.
        """

    @abstractmethod
    def sentence(self, images: ImageShares, scans: ScanRange) -> str:
        """What the network was trained on, one sentence for its card."""
