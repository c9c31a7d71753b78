"""Smooth and fractal random fields."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Shape = tuple[int, int, int]
Lengths = tuple[float, float, float]


def seeded(generator: torch.Generator | int) -> torch.Generator:
    """A generator: the given one, or a new one on the CPU with this seed."""
    return generator if isinstance(generator, torch.Generator) else torch.Generator().manual_seed(generator)


def smooth_field(generator: torch.Generator, shape: Shape, length: Lengths, channels: int = 1) -> Tensor:
    """Gaussian random field with features of a given length and unit standard deviation.

    White noise on a coarse grid at a random offset, interpolated with cubic B-splines one axis after the other.

    Args:
        generator: source of randomness.
        shape: voxels ``(z, y, x)``.
        length: distance between independent values along ``(z, y, x)``, voxels.
        channels: independent fields.

    Returns:
        Fields ``(channel, z, y, x)``, float32.
    """
    coarse = [1 if n == 1 else math.ceil(n / step) + 4 for n, step in zip(shape, length, strict=True)]
    field = torch.randn((channels, *coarse), generator=generator)
    offset = torch.rand(3, generator=generator).tolist()
    for axis in (2, 1, 0):
        if shape[axis] > 1:
            matrix = _spline_matrix(shape[axis], coarse[axis], length[axis], offset[axis])
            field = torch.matmul(field.movedim(axis + 1, -1), matrix.T).movedim(-1, axis + 1)
    return field.contiguous()


def _spline_matrix(n: int, n_coarse: int, length: float, offset: float) -> Tensor:
    position = torch.arange(n) / length + 1.0 + offset
    distance = (position[:, None] - torch.arange(n_coarse)[None, :]).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp_min(0) ** 3 / 6
    weights = torch.where(distance < 1, near, far)
    return weights / 0.692  # root of the mean squared sum of cubic B-spline weights: unit standard deviation


def fractal_field(
    generator: torch.Generator, shape: Shape, *, coarsest: Lengths, octaves: int, roughness: float
) -> Tensor:
    """Sum of smooth fields, each octave weaker than the coarser one before it; unit standard deviation.

    Args:
        generator: source of randomness.
        shape: voxels ``(z, y, x)``.
        coarsest: largest feature along ``(z, y, x)``, voxels; no feature gets smaller than a voxel.
        octaves: how often the feature is halved, plus one.
        roughness: amplitude of an octave relative to the one before; 1 gives equal power per octave.

    Returns:
        Field ``(z, y, x)``, float32.
    """
    total, power = torch.zeros(shape), 0.0
    for octave in range(octaves):
        z, y, x = (max(step / 2**octave, 1.0) for step in coarsest)
        total = total + roughness**octave * smooth_field(generator, shape, (z, y, x))[0]
        power += roughness ** (2 * octave)
    return total / power**0.5


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """One number between low and high."""
    return low + (high - low) * float(torch.rand((), generator=generator))
