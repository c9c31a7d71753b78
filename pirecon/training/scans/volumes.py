"""Training data of the kind "volumes": simulated 3D Cartesian scans of heads and procedural solids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.simulation import (
    Rng,
    Scan,
    bandlimited,
    lose_samples,
    measure,
    modulate_lines,
    random_coils,
    random_phase,
    rough_phase,
    scan_volume,
)
from pirecon.training.scans.training_data import BatchStream, StreamSettings, TrainingData
from pirecon.training.scans.volume_library import VOXEL, StoredVolume, load_heads, load_solids

RENDERED_FINER = 1.5  # than the reconstruction grid, on each axis; k-space is then cut
FEWEST_PARTITIONS = 8


@dataclass(frozen=True)
class Volumes(TrainingData):
    """Parts of random heads, ``images.brains`` of them at ``images.field_strength``, and of procedural solids.

    ``[scans]`` says the rest: ``matrices`` are those of y and x, ``super_resolution`` that of z (thick partitions).
    Both phase encodings are undersampled at random round a fully sampled block.

    Attributes:
        slices: voxels along z.
        voxel: smallest and largest edge of the reconstruction's voxels, m, in y and x.
        anisotropy: largest edge along z over that in y and x; half of the scans have cubes.
        contrasts: protocols for each head.
        solids: number of procedural volumes.
        solid_share: of the scans that are of solids.
    """

    image_keys = ("brains", "field_strength", "cache")
    scan_keys = (
        *("snr", "acceleration", "coils", "super_resolution", "matrices"),
        *("rough_phase", "line_modulation", "lost_samples", "averages"),
    )

    slices: tuple[int, ...] = (16, 24, 32, 40)
    voxel: tuple[float, float] = (2e-3, 4e-3)
    anisotropy: float = 2.0
    contrasts: int = 4
    solids: int = 40
    solid_share: float = 0.3

    def __post_init__(self) -> None:
        if not self.slices or min(self.slices) < FEWEST_PARTITIONS:
            raise ValueError(f"slices is {self.slices}; a volume has at least {FEWEST_PARTITIONS} along z")
        if not 1e-3 <= self.voxel[0] <= self.voxel[1] <= 8e-3:
            raise ValueError(f"voxel is {self.voxel} m; expected (smallest, largest) within 1–8 mm: heads have 2 mm")
        if not 0 <= self.solid_share <= 1 or not 1 <= self.anisotropy <= 4:
            raise ValueError(
                f"solid_share is {self.solid_share} and anisotropy {self.anisotropy}; expected 0 to 1, and 1 to 4"
            )
        if self.contrasts < 1 or (self.solid_share > 0 and self.solids < 1):
            raise ValueError(f"contrasts is {self.contrasts} and solids {self.solids}; expected at least 1 of each")

    def stream(self, settings: StreamSettings) -> VolumeStream:
        """See :class:`TrainingData`."""
        images = settings.images
        heads = load_heads(images.brains, self.contrasts, images.field_strength, images.cache)
        solids = load_solids(self.solids, images.cache) if self.solid_share > 0 else []
        if not heads and self.solid_share < 1:
            raise ValueError("images.brains is 0: there is no head to scan; give some, or set solid_share = 1")
        return VolumeStream(heads, solids, self, settings)

    def sentence(self, images: ImageShares, scans: ScanRange) -> str:
        """See :class:`TrainingData`."""
        heads, solids = images.brains, round(100 * self.solid_share)
        low, high = (1e3 * edge for edge in self.voxel)
        return (
            f"simulated 3D Cartesian scans, voxels of {low:g}–{high:g} mm, up to {self.anisotropy:g} times that along "
            f"z, {min(self.slices)}–{max(self.slices)} "
            f"slices: {100 - solids} % {heads} heads with {self.contrasts} contrasts each, {solids} % procedural solids"
        )

    def ranges(self, images: ImageShares, scans: ScanRange) -> dict[str, tuple[float, float]]:
        """See :class:`TrainingData`; solids have no field strength."""
        found = super().ranges(images, scans)
        return found if self.solid_share < 1 else {name: found[name] for name in found if name != "field_strength"}


class VolumeStream(BatchStream):
    """Batches of 3D scans of one matrix and coil count.

    Args:
        heads: rendered heads.
        solids: procedural volumes.
        data: the table ``[data]``.
        settings: images, scans, voxels in a batch and seed.
    """

    def __init__(
        self, heads: list[StoredVolume], solids: list[StoredVolume], data: Volumes, settings: StreamSettings
    ) -> None:
        super().__init__(start=settings.start)
        self.heads, self.solids, self.data, self.scans = heads, solids, data, settings.scans
        self.voxels, self.seed = settings.voxels, settings.seed

    def batch(self, index: int) -> dict[str, Tensor]:
        """Batch number ``index``: kspace, maps, weights, truth as in :class:`Scan`, and kspace2 with two averages."""
        rng = np.random.default_rng([self.seed, index])
        matrix = (int(rng.choice(self.data.slices)), *(int(n) for n in rng.choice(self.scans.matrices, 2)))
        n_coils = int(rng.choice(self.scans.coils))
        low, high = self.scans.super_resolution
        thick = low if rng.random() < 0.5 else float(rng.uniform(low, high))
        acquired = (max(FEWEST_PARTITIONS, round(matrix[0] / thick)), *matrix[1:])
        size = max(1, round(self.voxels / int(np.prod(matrix))))
        scans = [self._scan(matrix, acquired, n_coils, rng) for _ in range(size)]
        found = {name: torch.stack([getattr(scan, name) for scan in scans]) for name in Scan.__dataclass_fields__}
        if self.scans.averages > 1:
            found["kspace2"] = torch.stack([measure(scan.truth, scan.maps, scan.weights, rng) for scan in scans])
        return found

    def _scan(self, matrix: Sequence[int], acquired: Sequence[int], n_coils: int, rng: Rng) -> Scan:
        is_solid = bool(self.solids) and rng.random() < self.data.solid_share
        volumes = self.solids if is_solid else self.heads
        rendered = volumes[int(rng.integers(len(volumes)))].read()
        edge = float(np.exp(rng.uniform(*np.log(self.data.voxel)))) / VOXEL
        thick = 1.0 if rng.random() < 0.5 else float(rng.uniform(1.0, self.data.anisotropy))
        fine = random_part(rendered, matrix, (thick * edge, edge, edge), rng)
        magnitude = bandlimited(fine, matrix)
        image = magnitude * random_phase(matrix, rng, largest_wraps=3.0)
        if rng.random() < self.scans.rough_phase:
            image = image * rough_phase(magnitude.abs(), rng)
        if rng.random() < self.scans.line_modulation:
            image = modulate_lines(image, rng)
        maps = random_coils(n_coils, matrix, rng)
        least, most = self.scans.acceleration
        acceleration = least if rng.random() < 0.2 else float(rng.uniform(least, most))
        measured = torch.from_numpy(random_encodings((acquired[0], acquired[1]), acceleration, rng).astype(np.float32))
        weights = measured[None, :, :, None].repeat(1, 1, 1, acquired[2])
        if rng.random() < self.scans.lost_samples:
            weights = lose_samples(weights, float(rng.uniform(0.02, 0.3)), rng)
        snr = float(np.exp(rng.uniform(*np.log(self.scans.snr))))
        return scan_volume(image, maps, weights, snr=snr, rng=rng)


def random_part(volume: Tensor, matrix: Sequence[int], voxel: Sequence[float], rng: Rng) -> Tensor:
    """A turned, mirrored and otherwise contrasted part of a rendered volume, faded out where it is cut.

    Args:
        volume: real ``(z, y, x)``.
        matrix: of the scan; the part is ``RENDERED_FINER`` times finer.
        voxel: edges ``(z, y, x)`` of the scan's voxels, in voxels of the volume.
        rng: draws it.

    Returns:
        float32, maximum about 1, somewhere above a fifth of it.
    """
    shape = [round(RENDERED_FINER * n) for n in matrix]
    extent = (np.array(matrix) * np.array(voxel))[::-1]  # x, y, z, as affine_grid has them
    whole = np.array(volume.shape)[::-1]
    axes = np.eye(3)[rng.permutation(3)] * rng.choice((-1, 1), 3)[:, None]
    turn = _rotation(rng.normal(0, 0.25, 3)) @ axes
    shear = np.eye(3) + rng.normal(0, 0.04, (3, 3))
    room = np.maximum(1 - np.abs(turn @ np.diag(extent)).sum(1) / whole, 0.15)
    middle = room * rng.uniform(-0.8, 0.8, 3)
    theta = np.concatenate([(shear @ turn) * extent[None, :] / whole[:, None], middle[:, None]], 1)
    grid = torch.nn.functional.affine_grid(torch.from_numpy(theta[None].astype(np.float32)), [1, 1, *shape], False)
    part = torch.nn.functional.grid_sample(volume[None, None], grid, align_corners=False)[0, 0]
    peak = part.max()
    if peak < 0.2:  # air: the middle has something to see
        return random_part(volume, matrix, voxel, rng)
    part = (part / peak) ** float(np.exp(rng.normal(0, 0.25)))
    for axis, n in enumerate(shape):  # as slab profiles and coils do
        width = float(rng.uniform(0.02, 0.12)) * n
        distance = torch.minimum(torch.arange(n) + 0.5, n - 0.5 - torch.arange(n))
        fade = torch.sin(0.5 * np.pi * (distance / width).clamp(max=1)).square()
        part = part * fade.reshape([-1 if a == axis else 1 for a in range(3)])
    return part


def random_encodings(shape: tuple[int, int], acceleration: float, rng: Rng) -> np.ndarray:
    """Which phase encodings are measured: a lattice, uniform or variable density, round a fully sampled block.

    Args:
        shape: of the full matrix, ``(kz, ky)``.
        acceleration: their number over the number measured, about; corners left out count towards it.

    Returns:
        bool ``(kz, ky)``.
    """
    if acceleration < 1.05:
        return np.ones(shape, bool)
    place = [(np.arange(n) - n // 2) / (n / 2) for n in shape]
    radius = np.hypot(place[0][:, None], place[1][None, :])
    budget = shape[0] * shape[1] / acceleration
    side = min(int(rng.integers(6, 17)), int(np.sqrt(0.6 * budget)))
    block = [np.abs(p) * n <= min(side, n) for p, n in zip(place, shape, strict=True)]
    centre = block[0][:, None] & block[1][None, :]
    allowed = (radius <= 1) if rng.random() < 0.5 and acceleration > 1.4 else np.ones(shape, bool)
    n_more = int(np.clip(round(budget - centre.sum()), 0, (allowed & ~centre).sum()))
    kind = rng.integers(3)
    if kind == 0:  # lattice, sheared as in CAIPIRINHA
        rate = max(1, round((allowed & ~centre).sum() / max(n_more, 1)))
        z, y = np.ogrid[: shape[0], : shape[1]]
        return centre | (allowed & ((y + int(rng.integers(rate)) * z + int(rng.integers(rate))) % rate == 0))
    density = np.ones(shape) if kind == 1 else (1 - 0.95 * np.minimum(radius, 1)) ** rng.uniform(0.5, 3)
    density = (density * (allowed & ~centre)).ravel()
    chosen = rng.choice(density.size, n_more, replace=False, p=density / density.sum())
    measured = centre.ravel().copy()
    measured[chosen] = True
    found: np.ndarray = measured.reshape(shape)
    return found


def _rotation(vector: np.ndarray) -> np.ndarray:
    """Rotation by |vector| about it (Rodrigues)."""
    from scipy.spatial.transform import Rotation

    matrix: np.ndarray = Rotation.from_rotvec(vector).as_matrix()
    return matrix
