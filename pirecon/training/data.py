"""The kinds of training data by name, and the one place that makes their streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import IterableDataset

from pirecon.training.scans.examinations import Examinations
from pirecon.training.scans.guide import GuidedScans
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.played_stream import PlayedScans
from pirecon.training.scans.recorded import RecordedScans
from pirecon.training.scans.simulation import ScanRange
from pirecon.training.scans.sources import load_sources
from pirecon.training.scans.stream import ScanStream
from pirecon.training.scans.training_data import StreamSettings, TrainingData
from pirecon.training.scans.volumes import Volumes

if TYPE_CHECKING:
    from pirecon.training.config import TrainingConfig


@dataclass(frozen=True)
class Simulation(TrainingData):
    """Simulated scans: the table ``[images]`` says of what, ``[scans]`` says how."""

    def stream(self, settings: StreamSettings) -> IterableDataset:
        """See :class:`TrainingData`."""
        sources = load_sources(settings.images)
        return ScanStream(sources, settings.scans, voxels=settings.voxels, seed=settings.seed, start=settings.start)

    def sentence(self, images: ImageShares, scans: ScanRange) -> str:
        """See :class:`TrainingData`."""
        total = sum(images.shares.values())
        shares = [f"{100 * share / total:.0f} % {name}" for name, share in images.shares.items() if share > 0]
        return f"simulated scans of {', '.join(shares)}"


# The key is what `kind` in the config's table [data] says; the other keys of the table are the dataclass's fields.
KINDS: dict[str, type[TrainingData]] = {
    "simulation": Simulation,
    "guided": GuidedScans,
    "recorded": RecordedScans,
    "examinations": Examinations,
    "played": PlayedScans,
    "volumes": Volumes,
}


def build_stream(config: TrainingConfig, stage: int, *, process: int = 0, start: int = 0) -> IterableDataset:
    """The batches of one stage for one process.

    Args:
        config: of the training.
        stage: number of the stage.
        process: rank of the process that trains on them; every one has scans of its own.
        start: index of the first batch.
    """
    seed = int(np.random.SeedSequence([config.seed, stage, process]).generate_state(1)[0])
    settings = StreamSettings(config.images, config.scans, config.stages[stage].voxels, seed, start)
    return config.data.stream(settings)
