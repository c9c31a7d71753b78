"""Training scans with a guide: another contrast of the same anatomy, moved, sometimes of another anatomy or absent."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pirecon.priors.guide_alignment import moved
from pirecon.training.scans.anatomy import brain_contrasts
from pirecon.training.scans.image_library import SIZE, load_library, paired_slices
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.simulation import Rng, bandlimited, object_level, random_matrix
from pirecon.training.scans.sources import SCANS, anatomy_maker, load_sources
from pirecon.training.scans.stream import ScanStream, Source, augment
from pirecon.training.scans.training_data import StreamSettings, TrainingData
from pirecon.training.scans.whole_cache import code_digest, content_digest

FIELD_OF_VIEW = 0.25  # m, across a rendered image
PAIRED = ("brains", "volumes")  # sources that know several contrasts; the others have their grey values redrawn


@dataclass(frozen=True)
class GuidedScans(TrainingData):
    """Simulated scans, each with a guide: ``kind = "guided"``. The table ``[images]`` says of what, ``[scans]`` how.

    Brains are drawn with other protocols, volumes are paired by name: files that share all up to the last underscore
    are contrasts of one patient. Procedural images and photographs have their grey values redrawn.

    Attributes:
        wrong: share of guides that show another anatomy.
        absent: share of scans without a guide.
        translation: largest along each axis by which a guide has moved, m of a field of view of 0.25 m.
        rotation: largest by which a guide has turned, rad.
        inverted: share of guides whose grey values are turned around.
        guide_snr: as ``ScanRange.snr``, of the guide.
        coarser: share of scans acquired coarser than they are reconstructed, within ``ScanRange.super_resolution``.
    """

    wrong: float = 0.15
    absent: float = 0.15
    translation: float = 3e-3
    rotation: float = math.radians(3)
    inverted: float = 0.2
    guide_snr: tuple[float, float] = (15.0, 100.0)
    coarser: float = 0.7

    def __post_init__(self) -> None:
        if min(self.wrong, self.absent) < 0 or self.wrong + self.absent > 1:
            raise ValueError(f"wrong {self.wrong} and absent {self.absent} are shares; expected a sum of at most 1")
        if not 0 <= self.rotation < 0.5 or not 0 <= self.translation < 0.1:
            raise ValueError(
                f"rotation {self.rotation} and translation {self.translation} are in rad and m; expected below 0.5 and "
                "0.1. Were they in degrees and mm?"
            )

    def stream(self, settings: StreamSettings) -> GuidedStream:
        """See :class:`TrainingData`."""
        return GuidedStream(guided_sources(settings.images), self, settings)

    def sentence(self, images: ImageShares, scans: ScanRange) -> str:
        """See :class:`TrainingData`."""
        return (
            f"simulated scans of {images.in_words()}, each with another contrast as guide, moved by up to "
            f"{1e3 * self.translation:g} mm and {math.degrees(self.rotation):.2g}°; "
            f"{100 * self.wrong:.0f} % of another anatomy, {100 * self.absent:.0f} % without"
        )


class GuidedStream(ScanStream):
    """Batches of :class:`ScanStream`; also "guide", real ``(batch, 1, y, x)``, "has_guide", "right_guide" ``(batch,)``.

    Args:
        sources: images ``(n, contrast, y, x)``, or ``(n, y, x)`` of one contrast.
        guides: how guides are drawn.
        settings: ranges, batch size, seed and start.
    """

    def __init__(self, sources: list[Source], guides: GuidedScans, settings: StreamSettings) -> None:
        super().__init__(sources, settings.scans, voxels=settings.voxels, seed=settings.seed, start=settings.start)
        self.guides = guides

    def batch(self, index: int) -> dict[str, Tensor]:
        """Batch number ``index``, deterministic by the seed."""
        rng = np.random.default_rng([self.seed, index])
        matrix = random_matrix(self.scans.matrices, rng)
        n_coils, ratio = int(rng.choice(self.scans.coils)), self._resolution_ratio(rng)
        size = max(1, round(self.voxels / (matrix[0] * matrix[1])))
        more = np.random.default_rng([self.seed, index, 1])  # see ScanStream.batch
        examinations = [self._examination(matrix, n_coils, ratio, rng, more) for _ in range(size)]
        names = examinations[0]
        return {name: torch.stack([examination[name] for examination in examinations]) for name in names}

    def _examination(
        self, matrix: tuple[int, int], n_coils: int, ratio: tuple[float, float], rng: Rng, more: Rng
    ) -> dict[str, Tensor]:
        source = self.sources[rng.choice(len(self.sources), p=self._shares)]
        number = int(rng.integers(len(source.images)))
        chance = float(rng.random())
        right = chance >= self.guides.wrong + self.guides.absent or len(source.images) < 2
        shown = number if right else (number + int(rng.integers(1, len(source.images)))) % len(source.images)
        rendered, other = _two_contrasts(source.images[number], source.images[shown], rng)
        geometry = int(rng.integers(2**31))  # of both: the patient is one
        scan, again = self.scan_of(
            bandlimited(augment(rendered, np.random.default_rng(geometry)), matrix), n_coils, ratio, rng, more
        )
        has_guide = right or chance < self.guides.wrong
        guide = self._guide(augment(other, np.random.default_rng(geometry)), matrix, rng)
        return {
            "kspace": scan.kspace,
            "maps": scan.maps,
            "weights": scan.weights,
            "truth": scan.truth,
            "guide": guide[None] * has_guide,
            "has_guide": torch.tensor(float(has_guide)),
            "right_guide": torch.tensor(float(right)),
            **({} if again is None else {"kspace2": again}),
        }

    def _resolution_ratio(self, rng: Rng) -> tuple[float, float]:
        low, high = self.scans.super_resolution
        if high == low or rng.random() >= self.guides.coarser:
            return (low, low)
        ratio = float(rng.uniform(low, high))
        return (ratio, ratio) if rng.random() < 0.5 else (ratio, float(rng.uniform(low, high)))

    def _guide(self, rendered: Tensor, matrix: tuple[int, int], rng: Rng) -> Tensor:
        """Magnitude image of the guide's own scan, ``(y, x)``."""
        turn = torch.tensor([rng.uniform(-1, 1) * self.guides.rotation], dtype=torch.float32)
        way = rng.uniform(-1, 1, (1, 2)) * self.guides.translation * SIZE / FIELD_OF_VIEW
        rendered = moved(rendered[None, None], turn, torch.from_numpy(way.astype(np.float32)))[0, 0]
        if rng.random() < self.guides.inverted:
            rendered = (rendered.max() - rendered) * (rendered > 0.02 * rendered.max())
        image = bandlimited(rendered ** float(np.exp(rng.normal(0, 0.3))), matrix)
        deviation = object_level(image.abs()) / float(np.exp(rng.uniform(*np.log(self.guides.guide_snr))))
        noise = torch.view_as_complex(torch.from_numpy(rng.standard_normal((*matrix, 2), dtype=np.float32)))
        return (image + deviation * noise).abs()


def guided_sources(images: ImageShares) -> list[Source]:
    """The sources of a config, in several contrasts where they have them."""
    plain = {name: share for name, share in images.shares.items() if name not in PAIRED}
    sources = load_sources(replace(images, shares=plain)) if any(plain.values()) else []
    cache = Path(images.cache)
    if images.shares.get("brains", 0) > 0:
        make, key = anatomy_maker(brain_contrasts, images.brains, images.field_strength)
        brains = load_library("brain-contrasts", make, cache, key)
        sources.append(Source("brains", brains, images.shares["brains"]))
    patients = _patients(images.volumes) if images.shares.get("volumes", 0) > 0 else []
    if patients:
        files = [[content_digest(path) for path in patient] for patient in patients]
        key = [files, code_digest(f"{SCANS}/image_library.py")]
        slices = load_library("volume-contrasts", lambda: _real_contrasts(patients), cache, key)
        sources.append(Source("volumes", slices, images.shares["volumes"]))
    if not sources:
        raise ValueError(f"nothing to train on: no source of {images.shares} is there")
    return sources


def _two_contrasts(target: np.ndarray, guide: np.ndarray, rng: Rng) -> tuple[Tensor, Tensor]:
    """What is scanned and what guides, ``(y, x)`` each, from images ``(contrast, y, x)`` or ``(y, x)``."""
    if target.ndim == 3:
        first, second = rng.choice(len(target), 2, replace=False)
        return _tensor(target[first]), _tensor(guide[second])
    return _tensor(target), redrawn(_tensor(guide), rng)


def redrawn(image: Tensor, rng: Rng) -> Tensor:
    """The same image with other grey values: a random continuous curve, 0 stays 0, that may rise and fall.

    Args:
        image: real ``(y, x)``, ≥ 0.
        rng: draws the curve.
    """
    knots = int(rng.integers(3, 9))
    values = np.concatenate([[0.0], rng.uniform(0, 1, knots)])
    places = np.concatenate([[0.0], np.sort(rng.uniform(0.02, 1, knots))])
    scaled = (image / image.max().clamp_min(1e-6)).numpy()
    return torch.from_numpy(np.interp(scaled, places, values).astype(np.float32))


def _patients(volumes: tuple[str, ...]) -> list[list[Path]]:
    """Files by patient, with at least two contrasts each; says what is absent."""
    by_patient: dict[str, list[Path]] = defaultdict(list)
    for path in map(Path, volumes):
        if path.is_file():
            by_patient[path.name.rsplit("_", 1)[0]].append(path)
    found = [sorted(paths) for _, paths in sorted(by_patient.items()) if len(paths) > 1]
    if sum(map(len, found)) < len(volumes):
        warnings.warn(
            f"{len(volumes) - sum(map(len, found))} of {len(volumes)} training volumes are absent or the only contrast "
            "of their patient: trained without them",
            stacklevel=2,
        )
    return found


def _real_contrasts(patients: list[list[Path]]) -> Iterator[np.ndarray]:
    """Slices of every patient, the first two … of all contrasts, each fitted to the same field of view."""
    most = min(len(patient) for patient in patients)
    for patient in patients:
        yield from paired_slices(patient[:most])


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image.astype(np.float32))
