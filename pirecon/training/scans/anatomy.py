"""Simulated anatomies: tissues in fine voxels, the signal of each by its equation at a field strength.

Signals of tissues are mixed, never their T1 and T2: a voxel half CSF, half white matter gives half of each signal.
"""

from __future__ import annotations

import numpy as np
import torch

from bloch.phantom import Phantom, abdomen, knee, magnetisation_image, random_brain_slice
from bloch.sequence import random_protocol
from pirecon.training.scans.image_library import SIZE

FIELD_STRENGTH = (0.05, 0.55)  # T
CONTRASTS = 3  # of every brain of :func:`brain_contrasts`
# What draws a phantom and the magnetisation of its tissues: the images in a cache follow it.
BLOCH_CODE = ("bloch/phantom", "bloch/tissue", "bloch/sequence/protocol.py", "bloch/sequence/signal_equations.py")

Range = tuple[float, float]


def brain_image(seed: int, *, field_strength: Range = FIELD_STRENGTH) -> np.ndarray:
    """Brain slice number ``seed``: a random anatomy, protocol and field strength by ``bloch``.

    Args:
        seed: number of the image.
        field_strength: range of B0, T; drawn with equal odds for equal ratios.

    Returns:
        Magnitude, its 99.9th percentile 1, float32 ``(SIZE, SIZE)``.
    """
    generator = torch.Generator().manual_seed(1_000_003 * seed + 2)
    B0 = draw_field_strength(field_strength, generator)
    phantom = random_brain_slice(generator, matrix=(SIZE, SIZE))
    return _contrast(phantom, B0, generator)


def brain_contrasts(seed: int, *, field_strength: Range = FIELD_STRENGTH) -> np.ndarray:
    """Brain slice number ``seed`` under several protocols at one field strength, ``(contrast, SIZE, SIZE)``.

    See :func:`brain_image`.
    """
    generator = torch.Generator().manual_seed(1_000_003 * seed + 7)
    B0 = draw_field_strength(field_strength, generator)
    phantom = random_brain_slice(generator, matrix=(SIZE, SIZE))
    return np.stack([_contrast(phantom, B0, generator) for _ in range(CONTRASTS)])


def knee_image(seed: int, *, field_strength: Range = FIELD_STRENGTH) -> np.ndarray:
    """Knee slice number ``seed`` in one of three orientations; see :func:`brain_image`."""
    generator = torch.Generator().manual_seed(1_000_003 * seed + 3)
    B0 = draw_field_strength(field_strength, generator)
    fat, cartilage = _between(generator, 3e-3, 15e-3), _between(generator, 1e-3, 2.5e-3)
    matrix, voxel_size, axis, index = _one_plane(generator, extent=0.16, reach=(0.06, 0.05, 0.05))
    phantom = knee(matrix, voxel_size=voxel_size, fat_thickness=fat, cartilage_thickness=cartilage)
    return _contrast(_plane(phantom, axis, index), B0, generator)


def abdomen_image(seed: int, *, field_strength: Range = FIELD_STRENGTH) -> np.ndarray:
    """Abdomen slice number ``seed`` in one of three orientations; see :func:`brain_image`."""
    generator = torch.Generator().manual_seed(1_000_003 * seed + 4)
    B0 = draw_field_strength(field_strength, generator)
    liver_fat, fat = _between(generator, 0.05, 0.35), _between(generator, 5e-3, 40e-3)
    matrix, voxel_size, axis, index = _one_plane(generator, extent=0.36, reach=(0.09, 0.07, 0.11))
    phantom = abdomen(matrix, voxel_size=voxel_size, liver_fat_fraction=liver_fat, fat_thickness=fat)
    return _contrast(_plane(phantom, axis, index), B0, generator)


def _contrast(phantom: Phantom, B0: float, generator: torch.Generator) -> np.ndarray:
    protocol = random_protocol(generator, B0)
    image = magnetisation_image(phantom, protocol, B0, generator=generator)[0]
    scaled: np.ndarray = (image / image.quantile(0.999).clamp_min(1e-6)).numpy()
    return scaled


def draw_field_strength(field_strength: Range, generator: torch.Generator) -> float:
    """B0 within a range, T, with equal odds for equal ratios."""
    low, high = field_strength
    return low * (high / low) ** float(torch.rand((), generator=generator))


def _between(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _one_plane(
    generator: torch.Generator, *, extent: float, reach: tuple[float, float, float]
) -> tuple[tuple[int, int, int], tuple[float, float, float], int, int]:
    """Grid of three planes of which the outer one lies ``reach`` or less off the centre: matrix, voxel, axis, index."""
    axis = int(torch.randint(3, (), generator=generator))
    offset = _between(generator, -reach[axis], reach[axis])
    matrix, voxel_size = [SIZE] * 3, [extent / SIZE] * 3
    matrix[axis], voxel_size[axis] = 3, max(abs(offset), extent / SIZE)
    z, y, x = matrix
    dz, dy, dx = voxel_size
    return (z, y, x), (dz, dy, dx), axis, 2 if offset > 0 else 0


def _plane(phantom: Phantom, axis: int, index: int) -> Phantom:
    fractions = phantom.fractions.select(1 + axis, index).unsqueeze(1)
    edge = min(phantom.voxel_size)
    return Phantom(fractions.contiguous(), phantom.tissues, (edge, edge, edge))
