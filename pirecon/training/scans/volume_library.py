"""Volumes that 3D training scans: simulated heads and procedural solids, rendered once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pirecon.training.scans.anatomy import BLOCH_CODE, Range, draw_field_strength
from pirecon.training.scans.course import told
from pirecon.training.scans.simulation import Rng
from pirecon.training.scans.whole_cache import StoredArrays, code_digest, find_arrays, store_arrays

VOXEL = 2e-3  # m
HEAD = (88, 112, 96)  # voxels: 176 × 224 × 192 mm
SOLID = 72  # voxels across a procedural volume
Array = np.ndarray


@dataclass(frozen=True)
class StoredVolume:
    """One volume in the cache: set ``number`` of ``arrays``."""

    arrays: StoredArrays
    number: int

    def read(self) -> Tensor:
        """Magnitude ``(z, y, x)`` float32, its 99.9th percentile 1.

        Raises:
            ValueError: the file was changed or cut off after it was written.
        """
        return torch.from_numpy(self.arrays.read(self.number)["volume"].astype(np.float32))


def load_heads(count: int, contrasts: int, field_strength: Range, cache: str | Path) -> list[StoredVolume]:
    """``count`` random heads with ``contrasts`` protocols each; those that are not in the cache are rendered.

    A head is written when it is done: an interrupted rendering goes on where it was.
    """
    key = [contrasts, list(field_strength), VOXEL, HEAD]
    paths = [_path("head", number, key, Path(cache)) for number in range(count)]
    missing = [number for number, path in enumerate(paths) if find_arrays(path) is None]
    for number in told(missing, len(missing), f"heads; they are kept in {cache}"):
        _store(paths[number], head_volumes(number, contrasts, field_strength))
    found = [arrays for path in paths if (arrays := find_arrays(path)) is not None]
    return [StoredVolume(arrays, number) for arrays in found for number in range(len(arrays))]


def load_solids(count: int, cache: str | Path) -> list[StoredVolume]:
    """``count`` procedural volumes, rendered where they are not in the cache."""
    path = _path("solids", count, [SOLID], Path(cache))
    arrays = find_arrays(path)
    if arrays is None:
        solids = (procedural_volume(SOLID, np.random.default_rng([5, number])) for number in range(count))
        arrays = _store(path, told(solids, count, f"procedural solids; they are kept as {path}"))
    return [StoredVolume(arrays, number) for number in range(len(arrays))]


def head_volumes(number: int, contrasts: int, field_strength: Range, *, voxel: float = VOXEL) -> Iterator[Array]:
    """Head ``number`` in several contrasts, each with its own protocol and field strength.

    Args:
        number: another number is another head.
        contrasts: how many.
        field_strength: range of B0, T; drawn with equal odds for equal ratios.
        voxel: edge, m; the field of view is 176 × 224 × 192 mm.

    Yields:
        Magnitude, its 99.9th percentile 1, float32 ``(z, y, x)``.
    """
    from bloch.phantom import brain_volume, magnetisation_image  # nilearn is slow to import
    from bloch.sequence import random_protocol

    generator = torch.Generator().manual_seed(1_000_003 * number + 6)
    matrix = tuple(round(n * VOXEL / voxel) for n in HEAD)
    phantom = brain_volume(generator, matrix, voxel_size=(voxel,) * 3, lesions=True)  # type: ignore[arg-type]
    for _ in range(contrasts):
        B0 = draw_field_strength(field_strength, generator)
        image = magnetisation_image(phantom, random_protocol(generator, B0), B0, generator=generator)
        level = np.quantile(image.numpy(), 0.999)  # torch's quantile takes no array of this size
        yield image.numpy() / max(float(level), 1e-6)


def procedural_volume(size: int, rng: Rng) -> Array:
    """Opaque textured ellipsoids and polyhedra that hide one another, in a solid with air around, 0–1, float32.

    Dead leaves in three dimensions: occlusion, edges and texture of every size, without any anatomy to memorise.
    Source: Lee, Mumford and Huang, Int J Comput Vis 41:35 (2001).
    """
    from bloch.phantom.random_field import fractal_field

    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    texture = fractal_field(generator, (size,) * 3, coarsest=(size / 5,) * 3, octaves=5, roughness=0.9).numpy()
    volume = rng.uniform(0.1, 1) + rng.gamma(1.0, 0.1) * texture
    smallest = rng.uniform(0.02, 0.05) * size
    # Radii with density r^-4: every octave fills the same volume.
    radii = smallest / np.cbrt(1 - rng.uniform(0, 1 - (smallest / (0.4 * size)) ** 3, int(rng.integers(150, 500))))
    for radius in radii:
        centre = rng.uniform(-0.1 * size, 1.1 * size, 3)
        low = np.clip(np.floor(centre - 1.5 * radius).astype(int), 0, size)
        high = np.clip(np.ceil(centre + 1.5 * radius).astype(int) + 1, 0, size)
        if (high <= low).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        place = (np.moveaxis(np.mgrid[box], 0, -1) - centre) / radius
        leaf = rng.uniform(0, 1) + rng.normal(0, 0.1) * place[..., 0]
        if rng.random() < 0.7:
            leaf = leaf + rng.gamma(1.0, 0.1) * texture[box]
        volume[box] = np.where(_inside(place, rng), leaf, volume[box])
    if rng.random() < 0.8:
        place = (np.moveaxis(np.mgrid[:size, :size, :size], 0, -1) - size / 2) / (rng.uniform(0.35, 0.5, 3) * size)
        volume = volume * (np.linalg.norm(place, axis=-1) + 0.1 * texture < 1)
    return np.clip(volume, 0, 1.5).astype(np.float32)


def _inside(place: Array, rng: Rng) -> Array:
    """Inside of a random ellipsoid, shell or convex polyhedron about the origin; ``place`` is ``(z, y, x, 3)``."""
    turned = place @ np.linalg.qr(rng.normal(size=(3, 3)))[0] / rng.uniform(0.35, 1, 3)
    distance = np.linalg.norm(turned, axis=-1)
    kind = rng.integers(3)
    if kind == 0:
        return distance < 1
    if kind == 1:
        return (distance < 1) & (distance > rng.uniform(0.4, 0.9))
    faces = rng.normal(size=(3, int(rng.integers(4, 9))))
    return np.all(turned @ (faces / np.linalg.norm(faces, axis=0)) < 0.7, axis=-1) & (distance < 1.4)


def _path(name: str, number: int, key: object, cache: Path) -> Path:
    code = code_digest("pirecon/training/scans/volume_library.py", *BLOCH_CODE)
    digest = hashlib.sha256(json.dumps([key, code]).encode()).hexdigest()[:12]
    return cache / f"volume-{name}-{digest}-{number}.samples"


def _store(path: Path, volumes: Iterable[Array]) -> StoredArrays:
    return store_arrays(path, [({"volume": volume.astype(np.float16)}, {}) for volume in volumes])
