"""Smooth and fractal random fields."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Shape = tuple[int, int, int]


def seeded(generator: torch.Generator | int) -> torch.Generator:
    """A generator: the given one, or a new one on the CPU with this seed."""
    return generator if isinstance(generator, torch.Generator) else torch.Generator().manual_seed(generator)


def smooth_field(generator: torch.Generator, shape: Shape, length: float, channels: int = 1) -> Tensor:
    """Gaussian random field with features of a given length and roughly unit standard deviation.

    White noise on a coarse grid with a random offset, interpolated bicubically (trilinearly where z > 1).

    Args:
        generator: source of randomness.
        shape: voxels ``(z, y, x)``.
        length: distance between independent values, voxels.
        channels: independent fields.

    Returns:
        Fields ``(channel, z, y, x)``, float32.
    """
    coarse = [1 if n == 1 else max(math.ceil(n / length), 1) + 4 for n in shape]
    noise = torch.randn((channels, *coarse), generator=generator)
    offset = torch.rand(3, generator=generator).tolist()
    if shape[0] == 1:
        return _window_2d(noise[:, 0], shape[1:], length, offset[1:]).unsqueeze(1)
    fine = [math.ceil(n * length) for n in coarse]
    field = F.interpolate(noise.unsqueeze(0), size=fine, mode="trilinear", align_corners=False)[0] / 0.55
    start = [int(length * (1 + o)) for o in offset]
    return field[:, start[0] : start[0] + shape[0], start[1] : start[1] + shape[1], start[2] : start[2] + shape[2]]


def _window_2d(noise: Tensor, shape: Sequence[int], length: float, offset: Sequence[float]) -> Tensor:
    """Bicubic B-spline interpolation of coarse noise as two small matrix products, at a random offset."""
    rows, columns = (
        _spline_matrix(n, m, length, o) for n, m, o in zip(shape, noise.shape[1:], offset, strict=True)
    )
    return torch.matmul(torch.matmul(rows, noise), columns.T)


def _spline_matrix(n: int, n_coarse: int, length: float, offset: float) -> Tensor:
    position = torch.arange(n) / length + 1.0 + offset
    distance = (position[:, None] - torch.arange(n_coarse)[None, :]).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp_min(0) ** 3 / 6
    weights = torch.where(distance < 1, near, far)
    return weights / 0.692  # root of the mean squared sum of cubic B-spline weights: unit standard deviation


def fractal_field(
    generator: torch.Generator, shape: Shape, *, coarsest: float, finest: float, roughness: float
) -> Tensor:
    """Sum of smooth fields, each octave weaker than the coarser one before it; unit standard deviation.

    Args:
        generator: source of randomness.
        shape: voxels ``(z, y, x)``.
        coarsest: largest feature, voxels.
        finest: smallest feature, voxels, at least 1.
        roughness: amplitude of an octave relative to the one before; 1 gives equal power per octave.

    Returns:
        Field ``(z, y, x)``, float32.
    """
    total, power = torch.zeros(shape), 0.0
    length, amplitude = coarsest, 1.0
    while length >= finest:
        total = total + amplitude * smooth_field(generator, shape, length)[0]
        power += amplitude**2
        length, amplitude = length / 2, amplitude * roughness
    return total / max(power, 1e-12) ** 0.5


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """One number between low and high."""
    return low + (high - low) * float(torch.rand((), generator=generator))
