"""Training data of the kind "examinations": several contrasts of one simulated head."""

from __future__ import annotations

from dataclasses import dataclass

from torch.utils.data import IterableDataset

from pirecon.training.scans.contrasts import ContrastRange, ContrastStream
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.tissue_maps import load_anatomies
from pirecon.training.scans.training_data import StreamSettings, TrainingData


@dataclass(frozen=True)
class Examinations(TrainingData):
    """T1-, T2-, PD-weighted and FLAIR scans of ``images.brains`` random slices at ``images.field_strength``.

    Attributes:
        contrasts: numbers of contrasts to draw from.
        contrast_phase: largest turns across the field of view by which the phases of two contrasts differ.
    """

    image_keys = ("brains", "field_strength", "cache")
    scan_keys = ("snr", "acceleration", "coils", "super_resolution", "matrices")

    contrasts: tuple[int, ...] = (3, 4)
    contrast_phase: float = 0.5

    def stream(self, settings: StreamSettings) -> IterableDataset:
        """See :class:`TrainingData`."""
        anatomies = load_anatomies(settings.images.brains, settings.images.cache)
        return ContrastStream(
            anatomies,
            settings.scans,
            voxels=settings.voxels,
            seed=settings.seed,
            start=settings.start,
            contrasts=ContrastRange(
                tuple(self.contrasts), settings.images.field_strength, contrast_phase=self.contrast_phase
            ),
        )

    def sentence(self, images: ImageShares, scans: ScanRange) -> str:
        """See :class:`TrainingData`."""
        counts = " or ".join(str(n) for n in self.contrasts)
        return f"simulated examinations of {images.brains} brain slices with {counts} contrasts each"
