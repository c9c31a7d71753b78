"""Images that no network was trained on: simulated brains from seeds of their own, and volumes kept apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pirecon.training.scans.image_library import SIZE, load_library
from pirecon.training.scans.simulation import bandlimited

# Training renders brains from seeds 1,000,003 n + 2 with n of a few thousand; these lie far beyond.
FIRST_SEED = 2**40
MULTIPLE = 8  # voxels: matrices of scanners


@dataclass(frozen=True)
class HeldOutImages:
    """Which images are the truth of a benchmark.

    Attributes:
        field_strengths: of simulated brains, T; one series for each.
        brains: simulated brains in a series; the cells of a benchmark take them in turn.
        brain_matrix: matrix of simulated brains, both axes.
        volumes: magnitude NIfTI files, one series for each; relative paths start at the config's folder.
        voxel: in-plane voxel edge of the volumes' scans, m; about, for matrices are multiples of 8, and a coarser file
            keeps its own.
        cache: folder of the rendered brains.
    """

    field_strengths: tuple[float, ...] = ()
    brains: int = 4
    brain_matrix: int = 128
    volumes: tuple[str, ...] = ()
    voxel: float = 0.0017
    cache: str = "runs/cache"


@dataclass(frozen=True)
class HeldOut:
    """One truth.

    Attributes:
        name: for tables.
        image: real ``(y, x)`` on the benchmark's matrix, any scale, with the ringing of a k-space window.
    """

    name: str
    image: Tensor


def load_held_out(images: HeldOutImages) -> list[list[HeldOut]]:
    """The series of images, brains first.

    Raises:
        FileNotFoundError: a volume is not there.
        ValueError: no images are asked for.
    """
    series = [_brains(number, images) for number in range(len(images.field_strengths))]
    series += [_volume(Path(path), images.voxel) for path in images.volumes]
    if not series or not all(series):
        raise ValueError("the benchmark has no images: give images.field_strengths (with brains ≥ 1) or images.volumes")
    return series


def held_out_brain(number: int, field_strength: float) -> np.ndarray:
    """Brain slice ``(SIZE, SIZE)`` of a random anatomy and contrast at a given field by ``bloch``, maximum about 1.

    Args:
        number: another number is another brain; none of them is one of ``image_library.brain_image``.
        field_strength: B0, T.
    """
    from bloch.phantom import magnetisation_image, random_brain_slice  # nilearn is slow to import
    from bloch.sequence import random_protocol

    generator = torch.Generator().manual_seed(FIRST_SEED + number)
    phantom = random_brain_slice(generator, matrix=(SIZE, SIZE))
    protocol = random_protocol(generator, field_strength)
    image = magnetisation_image(phantom, protocol, field_strength, generator=generator)[0]
    return (image / image.quantile(0.999).clamp_min(1e-6)).numpy()


def _brains(series: int, images: HeldOutImages) -> list[HeldOut]:
    field_strength = images.field_strengths[series]

    def render() -> Iterator[np.ndarray]:
        for number in range(images.brains):
            yield held_out_brain(1000 * series + number, field_strength)

    library = load_library("held-out", render, Path(images.cache), [series, field_strength, images.brains])
    matrix = (images.brain_matrix, images.brain_matrix)
    return [
        HeldOut(f"brain {field_strength:g} T no. {number}", bandlimited(_real(image), matrix).real)
        for number, image in enumerate(library)
    ]


def _volume(path: Path, voxel: float) -> list[HeldOut]:
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no held-out volume {path}: name NIfTI files that you have under images.volumes "
            "(relative paths start at the config's folder)"
        )
    from nibabel.nifti1 import Nifti1Image

    stored = Nifti1Image.from_filename(os.fspath(path))
    volume = np.asarray(stored.dataobj, dtype=np.float32)
    # Some files count from an offset; the air around the head is zero.
    volume = np.clip(volume - np.percentile(volume, 1), 0, None)
    edges = [1e-3 * float(zoom) for zoom in stored.header.get_zooms()[:2]]  # NIfTI stores mm
    matrix = tuple(
        min(n, MULTIPLE * round(n * edge / voxel / MULTIPLE)) for n, edge in zip(volume.shape[:2], edges, strict=True)
    )
    name = path.name.split(".")[0]
    return [
        HeldOut(f"{name} slice {z}", bandlimited(_real(volume[:, :, z].T), (matrix[1], matrix[0])).real)
        for z in range(volume.shape[2])
    ]


def _real(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))
