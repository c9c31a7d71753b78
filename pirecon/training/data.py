"""The kinds of training data by name, and the one place that makes their streams."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import IterableDataset

from pirecon.training.scans.examinations import Examinations
from pirecon.training.scans.guide import GuidedScans
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.played_stream import PlayedScans
from pirecon.training.scans.recorded import RecordedScans
from pirecon.training.scans.scan_range import ScanRange
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
        return f"simulated scans of {images.in_words()}"


# The key is what `kind` in the config's table [data] says; the other keys of the table are the dataclass's fields.
KINDS: dict[str, type[TrainingData]] = {
    "simulation": Simulation,
    "guided": GuidedScans,
    "recorded": RecordedScans,
    "examinations": Examinations,
    "played": PlayedScans,
    "volumes": Volumes,
}


def refuse_unused(data: TrainingData, images: ImageShares, scans: ScanRange) -> None:
    """Refuse what the tables ``[images]`` and ``[scans]`` say in vain.

    Raises:
        ValueError: a key that this kind of data does not use differs from its default.
    """
    kind = next((name for name, kind in KINDS.items() if type(data) is kind), type(data).__name__)
    # The validation's brains lie in images.cache, whatever is trained on.
    tables = (("images", images, {*data.image_keys, "cache"}), ("scans", scans, {*data.scan_keys}))
    for table, given, used in tables:
        for name, default in asdict(type(given)()).items():
            if name not in used and getattr(given, name) != default:
                raise ValueError(
                    f"{table}: {name} is {getattr(given, name)!r}, but data of the kind {kind!r} do not use it; leave "
                    f"it out, or take another kind. Used of [{table}]: {', '.join(sorted(used))}"
                )


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
