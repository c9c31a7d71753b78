"""What a kind of training data is: a table of the config that makes an endless stream of batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange


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
        if worker:
            torch.set_num_threads(1)
        index = self.start + first
        while True:
            yield self.batch(index)
            index += step


class TrainingData(ABC):
    """A table ``[data]`` of the config: a frozen dataclass whose fields are its keys.

    Fields of type ``Path`` (or tuples of them) that are relative start at the config's folder.

    Attributes:
        image_keys: keys of the table ``[images]`` that this kind of data uses; the others are refused.
        scan_keys: keys of the table ``[scans]`` that it uses.
    """

    image_keys: ClassVar[tuple[str, ...]] = tuple(f.name for f in fields(ImageShares))
    scan_keys: ClassVar[tuple[str, ...]] = tuple(f.name for f in fields(ScanRange))

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

    def ranges(self, images: ImageShares, scans: ScanRange) -> dict[str, tuple[float, float]]:
        """(low, high) of what is drawn, for the network's card, named as in ``pirecon.unrolled.scan_properties``.

        Those that ``[scans]`` says, as far as they are used, and the field strength of simulated anatomies. What only
        the data themselves could tell is left out.
        """
        said = {
            "snr": scans.snr,
            "acceleration": scans.acceleration,
            "super_resolution": scans.super_resolution,
            "coils": (min(scans.coils), max(scans.coils)),
        }
        found = {name: limits for name, limits in said.items() if name in self.scan_keys}
        # Kinds of data without shares of several sources scan anatomies alone.
        if "field_strength" in self.image_keys and ("shares" not in self.image_keys or images.has_anatomies):
            found["field_strength"] = images.field_strength
        return found
