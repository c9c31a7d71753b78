"""Real scans as training data: folders of MRD, fastMRI and M4Raw files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import magnet_field_map, random_magnet
from bloch.receiver.noise import CROSSOVER_FIELD
from bloch.tissue import GYROMAGNETIC_RATIO
from pirecon.encoding import CartesianSense
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.low_field import LowField, degrade_to_low_field, distort_along_readout, snr_factor
from pirecon.training.scans.recorded_files import calibrated_slices, group_repetitions, list_files
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.simulation import Rng, random_lines
from pirecon.training.scans.training_data import BatchStream, StreamSettings, TrainingData
from pirecon.training.scans.whole_cache import StoredArrays

OWN_NOISE = 0.03  # share r² of the recorded noise in a degraded scan, up to which two draws count as two averages
Place = tuple[StoredArrays, int]


@dataclass(frozen=True)
class RecordedScans(TrainingData):
    """Raw files, calibrated once and kept; ``[scans]`` says which acceleration is drawn and whether there are averages.

    Attributes:
        files: raw files, or folders of them.
        n_coils: compress to so many virtual coils; 0 keeps all.
        repetitions: repetitions (M4Raw: files …01, …02, …) show the same object, and count as averages of it.
        lowest_snr: slices below are left out: empty ones at the ends of a stack.
        truth_snr: fully sampled slices from this SNR on give a truth, the image of all their samples.
        field_strength: degrade to this field, T; 0 leaves the scans as they are.
        crossover_field: field at which coils hear body and copper alike, T; 0 for body noise alone.
        relaxation: signal at the lower field over that now, by relaxation and times; see ``relaxation_factor``.
        bandwidth_ratio: readout bandwidth at the lower field over that now.
        inhomogeneity: of the lower field's magnet, ppm peak to peak over a sphere of 20 cm.
        cache: folder of the calibrated slices.
    """

    image_keys = ()
    scan_keys = ("acceleration", "averages")

    files: tuple[Path, ...]
    n_coils: int = 0
    repetitions: bool = False
    lowest_snr: float = 3.0
    truth_snr: float = 30.0
    field_strength: float = 0.0
    crossover_field: float = CROSSOVER_FIELD
    relaxation: float = 1.0
    bandwidth_ratio: float = 1.0
    inhomogeneity: float = 0.0
    cache: Path = Path("runs/cache/recorded")

    def stream(self, settings: StreamSettings) -> RecordedStream:
        """See :class:`TrainingData`."""
        return RecordedStream(self, settings.scans, voxels=settings.voxels, seed=settings.seed, start=settings.start)

    def sentence(self, images: ImageShares, scans: ScanRange) -> str:
        """See :class:`TrainingData`."""
        lower = f", degraded to {self.field_strength} T" if self.field_strength else ""
        return f"{len(list_files(self.files))} raw files in {', '.join(path.name for path in self.files)}{lower}"

    def ranges(self, images: ImageShares, scans: ScanRange) -> dict[str, tuple[float, float]]:
        """See :class:`TrainingData`; the files themselves know the rest."""
        degraded = {"field_strength": (self.field_strength, self.field_strength)} if self.field_strength else {}
        return super().ranges(images, scans) | degraded

    @property
    def low_field(self) -> LowField | None:
        """To which field scans are degraded."""
        if not self.field_strength:
            return None
        return LowField(self.field_strength, crossover_field=self.crossover_field, bandwidth_ratio=self.bandwidth_ratio)


class RecordedStream(BatchStream):
    """Batches of slices of one shape, coil count and kind.

    Undersampling is drawn for slices of which every line was measured; others are given as they are. "truth" is there
    for slices of a high SNR (see :class:`RecordedScans`); its noise is that of the scan, so degrade the scan where that
    matters. "kspace2" is there with ``[scans] averages = 2``.

    Args:
        data: which files, and what becomes of them.
        scans: ``acceleration`` and ``averages`` are used.
        voxels: voxels in a batch, about.
        seed: of everything drawn.
        start: number of the first batch.

    Raises:
        FileNotFoundError: files that are not there.
        ValueError: no slice is left.
    """

    def __init__(self, data: RecordedScans, scans: ScanRange, *, voxels: int, seed: int, start: int = 0) -> None:
        super().__init__(start=start)
        self.data, self.scans, self.voxels, self.seed = data, scans, voxels, seed
        files = list_files(data.files)
        parts = group_repetitions(files) if data.repetitions else [[file] for file in files]
        stored = [
            calibrated_slices(part, data.cache, n_coils=data.n_coils, repetitions=data.repetitions) for part in parts
        ]
        self._groups = self._grouped(stored)
        sizes = np.array([len(group) for group in self._groups.values()], float)
        self._shares = sizes / sizes.sum()

    def _grouped(self, stored: Sequence[StoredArrays]) -> dict[tuple[object, ...], list[Place]]:
        groups: dict[tuple[object, ...], list[Place]] = {}
        faint = single = 0
        for arrays in stored:
            for number in range(len(arrays)):
                facts = arrays.facts(number)
                if float(facts["snr"]) < self.data.lowest_snr:  # type: ignore[arg-type]
                    faint += 1
                elif self.scans.averages > 1 and not self._has_second(facts):
                    single += 1
                else:
                    groups.setdefault(self._kind(facts), []).append((arrays, number))
        if faint or single:
            warnings.warn(
                f"{faint} slices with an SNR below {self.data.lowest_snr} and {single} measured only once are left out",
                stacklevel=4,
            )
        if not groups:
            raise ValueError(
                f"no slice is left to train on: {faint} have an SNR below lowest_snr = {self.data.lowest_snr}, "
                f"{single} were measured only once where averages = 2 asks for two"
            )
        return groups

    def _kind(self, facts: dict[str, object]) -> tuple[object, ...]:
        places: dict[str, dict[str, object]] = facts["arrays"]  # type: ignore[assignment]
        shapes = [str(places[name]["shape"]) for name in ("kspace", "maps")]
        return (*shapes, self._has_truth(facts))

    def _has_truth(self, facts: dict[str, object]) -> bool:
        return bool(facts["complete"]) and float(facts["snr"]) >= self.data.truth_snr  # type: ignore[arg-type]

    def _has_second(self, facts: dict[str, object]) -> bool:
        return "second" in facts["arrays"] or self._factor(facts) ** 2 <= OWN_NOISE  # type: ignore[operator]

    def _factor(self, facts: dict[str, object]) -> float:
        change = self.data.low_field
        if change is None:
            return 1.0
        B0 = _known(facts, "field_strength", "which a lower field starts from")
        return snr_factor(change, B0, relaxation=self.data.relaxation)

    def batch(self, index: int) -> dict[str, Tensor]:
        """Batch number ``index``: kspace, maps, weights, and truth and kspace2 where there are any."""
        rng = np.random.default_rng([self.seed, index])
        group = list(self._groups.values())[rng.choice(len(self._groups), p=self._shares)]
        arrays, number = group[0]
        places: dict[str, dict[str, list[int]]] = arrays.facts(number)["arrays"]  # type: ignore[assignment]
        y, x = places["maps"]["shape"][-2:]
        size = max(1, round(self.voxels / (y * x)))
        chosen = rng.choice(len(group), size, replace=size > len(group))
        scans = [self._scan(*group[int(i)], rng) for i in chosen]
        return {name: torch.stack([scan[name] for scan in scans]) for name in scans[0]}

    def _scan(self, arrays: StoredArrays, number: int, rng: Rng) -> dict[str, Tensor]:
        facts = arrays.facts(number)
        stored = {name: torch.from_numpy(array) for name, array in arrays.read(number).items()}
        twice = self.scans.averages > 1
        halved = twice and "second" in stored
        names, weights = (["first", "second"], "half_weights") if halved else (["kspace"], "weights")
        measured = [stored[name] for name in names]
        factor = self._factor(facts)
        if bool(facts["complete"]):
            if self.data.inhomogeneity > 0:
                measured = self._distorted(measured, facts, rng)
            mask = torch.from_numpy(self._lines(measured[0].shape[-2], rng)).float()[:, None]
        else:
            mask = torch.ones(())
        found = {"maps": stored["maps"], "weights": stored[weights] * mask}
        if self._has_truth(facts):
            E = CartesianSense(stored["maps"], stored[weights])
            # The best image there is: of both halves, in the unit of one.
            found["truth"] = factor * torch.stack([E.adjoint(samples) for samples in measured]).mean(0)
        draws = measured if halved or not twice else 2 * measured
        for name, samples in zip(("kspace", "kspace2"), draws, strict=False):
            low = degrade_to_low_field(samples, factor, rng, weights=stored[weights]) if factor < 1 else samples
            found[name] = low * mask
        return found

    def _lines(self, n_lines: int, rng: Rng) -> np.ndarray:
        low, high = self.scans.acceleration
        return random_lines(n_lines, float(rng.uniform(low, high)), rng)

    def _distorted(self, measured: list[Tensor], facts: dict[str, object], rng: Rng) -> list[Tensor]:
        """As a magnet of the lower field's inhomogeneity has it; the truth is distorted as well."""
        needed = "which the distortion by an inhomogeneity depends on"
        dwell_time = _known(facts, "dwell_time", needed)
        B0 = self.data.field_strength or _known(facts, "field_strength", needed)
        matrix, extents = measured[0].shape[-3:], facts["field_of_view"]
        voxel_size = tuple(extent / n for extent, n in zip(extents, matrix, strict=True))  # type: ignore[call-overload]
        magnet = random_magnet(int(rng.integers(2**31)), self.data.inhomogeneity)
        ppm = magnet_field_map(magnet, tuple(matrix), voxel_size)  # type: ignore[arg-type]
        hertz = ppm * 1e-6 * GYROMAGNETIC_RATIO * B0
        return [distort_along_readout(samples, hertz, dwell_time / self.data.bandwidth_ratio) for samples in measured]


def _known(facts: dict[str, object], name: str, needed: str) -> float:
    """A number that raw files may lack; ``needed`` says what for."""
    if facts[name] is None:
        raise ValueError(f"{facts['file']} does not say its {name.replace('_', ' ')}, {needed}")
    return float(facts[name])  # type: ignore[arg-type]
