"""An endless, seeded stream of examinations with several contrasts of one head, and the truth of its tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pirecon.encoding import CartesianSense
from pirecon.training.scans.protocols import protocol_tensors, random_protocols
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.simulation import (
    bandlimited,
    object_level,
    random_coils,
    random_lines,
    random_matrix,
    random_phase,
    window,
)
from pirecon.training.scans.tissue_maps import TissueMaps, mixed_signal, tissue_maps
from pirecon.training.scans.training_data import BatchStream

Rng = np.random.Generator
PURE = 0.1  # standard deviation of ln T1 and ln T2 inside a voxel up to which it has a T1 and a T2


@dataclass(frozen=True)
class ContrastRange:
    """What examinations are drawn from.

    Attributes:
        contrasts: numbers of contrasts: T1-weighted, T2-weighted, PD-weighted, FLAIR, then any.
        field_strength: B0, T.
        first: of the first (T1-weighted) contrast, where it differs: a sharper or better guide. ``None``: as the rest.
        contrast_phase: largest turns across the field of view by which the phases of two contrasts differ.
    """

    contrasts: tuple[int, ...] = (3, 4)
    field_strength: tuple[float, float] = (0.05, 0.55)
    first: ScanRange | None = None
    contrast_phase: float = 0.5


class ContrastStream(BatchStream):
    """Batches of examinations, the same for a seed.

    Args:
        anatomies: labels and fractions as :func:`load_anatomies` returns, ``(n, 4, y, x)``.
        scans: ranges of every contrast; SNR, acceleration and resolution are drawn for each, coils and matrix shared.
        voxels: image voxels of all contrasts in a batch, about: the batch size follows.
        seed: of everything drawn.
        start: index of the first batch, to resume a stream.
        contrasts: how many contrasts at which field.
    """

    def __init__(
        self,
        anatomies: np.ndarray,
        scans: ScanRange,
        *,
        voxels: int,
        seed: int,
        start: int = 0,
        contrasts: ContrastRange | None = None,
    ) -> None:
        super().__init__(start=start)
        self.anatomies, self.scans, self.voxels, self.seed = anatomies, scans, voxels, seed
        self.contrasts = contrasts or ContrastRange()

    def batch(self, index: int) -> dict[str, Tensor]:
        """Batch number ``index``.

        Returns:
            "kspace" complex ``(batch, contrast, coil, 1, ky, kx)``, "maps" ``(batch, 1, coil, 1, y, x)``, "weights"
            ``(batch, contrast, 1, 1, ky, kx)``, all on the reconstruction matrix: coarser contrasts have no samples
            outside; "truth" ``(batch, contrast, 1, y, x)``, SNR units. Of the tissue, ``(batch, 1, y, x)``: "pd" in
            units of water times the coils' shading, "t1", "t2" (s), and "pure", 1 where a voxel has one T1 and one T2.
            "gain" ``(batch, contrast)``: a contrast's SNR units per unit of "pd"; "field_strength" ``(batch,)``, T;
            and the protocol, see :data:`pirecon.training.scans.protocols.KEYS`.
        """
        rng = np.random.default_rng([self.seed, index])
        matrix = random_matrix(self.scans.matrices, rng)
        n_coils, n_contrasts = int(rng.choice(self.scans.coils)), int(rng.choice(self.contrasts.contrasts))
        size = max(1, round(self.voxels / (matrix[0] * matrix[1] * n_contrasts)))
        exams = [self._examine(matrix, n_coils, n_contrasts, rng) for _ in range(size)]
        return {name: torch.stack([exam[name] for exam in exams]) for name in exams[0]}

    def _examine(self, matrix: tuple[int, int], n_coils: int, n_contrasts: int, rng: Rng) -> dict[str, Tensor]:
        low, high = self.contrasts.field_strength
        field_strength = float(low * (high / low) ** rng.random())
        anatomy = torch.from_numpy(self.anatomies[rng.integers(len(self.anatomies))].astype(np.float32))
        tissue = tissue_maps(_turned(anatomy, rng), field_strength, rng=rng)
        protocols = random_protocols(n_contrasts, field_strength, rng)
        coils = random_coils(n_coils, matrix, rng)
        shading = coils.abs().square().sum(0).sqrt()
        phase, wraps = random_phase(matrix, rng), self.contrasts.contrast_phase
        images = torch.stack(
            [
                bandlimited(mixed_signal(tissue, protocol), matrix) * (shading * phase * _own_phase(matrix, wraps, rng))
                for protocol in protocols
            ]
        )
        scanned = _scan_contrasts(images, coils / shading, _ranges(self.scans, self.contrasts.first, n_contrasts), rng)
        return {
            **scanned,
            **tissue_truth(tissue, matrix, shading),
            **protocol_tensors(protocols),
            "field_strength": torch.tensor(field_strength, dtype=torch.float32),
        }


def tissue_truth(tissue: TissueMaps, matrix: tuple[int, int], shading: Tensor) -> dict[str, Tensor]:
    """PD, T1 and T2 on the reconstruction grid, means weighted by proton density, and where they mean something.

    Args:
        tissue: on the finer grid.
        matrix: reconstruction grid (y, x).
        shading: of the coils, ``(y, x)``.

    Returns:
        "pd", "t1", "t2" (s), "pure" (0 or 1), float32 ``(1, y, x)`` each.
    """
    weight = tissue.fractions * tissue.proton_density
    logs = torch.stack([tissue.T1.log(), tissue.T2.log()])  # (time, tissue, y, x)
    moments = torch.stack([weight, *(weight * logs), *(weight * logs.square())]).sum(1)
    filled = tissue.fractions.sum(0)
    pooled = torch.nn.functional.adaptive_avg_pool2d(torch.cat([moments, filled[None]])[None], matrix)[0]
    pd = pooled[0]
    mean, square = pooled[1:3] / pd.clamp_min(1e-6), pooled[3:5] / pd.clamp_min(1e-6)
    spread = (square - mean.square()).clamp_min(0).sqrt()
    pure = (spread.amax(0) < PURE) & (pooled[5] > 0.95) & (pd > 0.3)
    T1, T2 = mean.exp().unbind(0)
    return {"pd": (pd * shading)[None], "t1": T1[None], "t2": T2[None], "pure": pure.float()[None]}


def _scan_contrasts(images: Tensor, maps: Tensor, ranges: list[ScanRange], rng: Rng) -> dict[str, Tensor]:
    """k-space of every contrast with its own lines, window and SNR; ``images`` in units of the magnetisation."""
    matrix = (images.shape[-2], images.shape[-1])
    lines, acquired = zip(*(_weights(matrix, scans, rng) for scans in ranges), strict=True)
    weights = torch.stack(lines)[:, None, None]  # (contrast, 1, 1, ky, kx)
    snr = torch.tensor([np.exp(rng.uniform(*np.log(scans.snr))) for scans in ranges], dtype=torch.float32)
    # A grid finer than acquired shares the samples' noise among more voxels.
    finer = torch.tensor([np.sqrt(np.prod(matrix) / np.prod(shape)) for shape in acquired], dtype=torch.float32)
    gain = snr / (finer * torch.stack([object_level(image.abs()) for image in images]))
    truth = (gain[:, None, None] * images)[:, None]
    unit_maps = maps[None, :, None]  # (1, coil, 1, y, x)
    shape = (len(images), len(maps), 1, *matrix)
    noise = torch.view_as_complex(torch.from_numpy(rng.standard_normal((*shape, 2), dtype=np.float32)))
    kspace = CartesianSense(unit_maps.expand(len(images), -1, -1, -1, -1), weights)(truth) + weights * noise
    return {"kspace": kspace, "maps": unit_maps, "weights": weights, "truth": truth, "gain": gain}


def _weights(matrix: tuple[int, int], scans: ScanRange, rng: Rng) -> tuple[Tensor, tuple[int, int]]:
    """1 where measured, float32 ``(ky, kx)``, and the acquired matrix, which may be smaller than the image's."""
    low, high = scans.super_resolution
    coarse = high > low and rng.random() >= 0.3
    ratio = (float(rng.uniform(low, high)), float(rng.uniform(low, high))) if coarse else (low, low)
    acquired = window(matrix, ratio)
    lines = random_lines(acquired[0], float(rng.uniform(*scans.acceleration)), rng)
    weights = torch.zeros(matrix)
    y, x = (n // 2 - a // 2 for n, a in zip(matrix, acquired, strict=True))
    weights[y : y + acquired[0], x : x + acquired[1]] = torch.from_numpy(lines.astype(np.float32))[:, None]
    return weights, acquired


def _ranges(scans: ScanRange, first: ScanRange | None, n_contrasts: int) -> list[ScanRange]:
    return [scans if first is None or c > 0 else first for c in range(n_contrasts)]


def _turned(anatomy: Tensor, rng: Rng) -> Tensor:
    """Flipped and turned by quarters: labels allow no interpolation."""
    anatomy = anatomy.mT if rng.random() < 0.5 else anatomy
    return torch.rot90(anatomy, int(rng.integers(4)), (-2, -1)).contiguous()


def _own_phase(matrix: tuple[int, int], wraps: float, rng: Rng) -> Tensor:
    """What differs between the phases of contrasts: eddy currents, echo times."""
    y, x = torch.meshgrid(*(torch.linspace(-0.5, 0.5, n) for n in matrix), indexing="ij")
    offset, slope_y, slope_x, bend = (float(v) for v in rng.uniform(-1, 1, 4))
    turns = 0.5 * offset + wraps * (slope_y * y + slope_x * x + bend * (y.square() + x.square()))
    return torch.polar(torch.ones(matrix), 2 * torch.pi * turns)
