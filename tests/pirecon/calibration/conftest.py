"""Simulated coils, a head and their k-space, made without any code of pirecon."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.rawdata import Geometry, KSpace

Simulation = tuple[KSpace, Tensor, Tensor]


def fourier(image: np.ndarray) -> np.ndarray:
    """Centred, orthonormal transform of the trailing three axes with exp(−2πi k·r), as a plain matrix product."""
    for axis in (-3, -2, -1):
        n = image.shape[axis]
        j = np.arange(n) - n // 2
        matrix = np.exp(-2j * np.pi * np.outer(j, j) / n) / np.sqrt(n)
        image = np.moveaxis(np.moveaxis(image, axis, -1) @ matrix.T, -1, axis)
    return image


def loop_coils(n_coils: int, matrix: tuple[int, int, int]) -> np.ndarray:
    """B1⁻ of loops around a field of view of 0.25 m by the law of Biot and Savart, normalised, ``(coil, z, y, x)``."""
    sides = (0.15, 0.25, 0.25)
    z, y, x = np.meshgrid(*((np.arange(n) - n // 2) / n * s for n, s in zip(matrix, sides, strict=True)), indexing="ij")
    points = np.stack([x, y, z], axis=-1)
    fields = []
    for c in range(n_coils):
        angle = 2 * np.pi * c / n_coils + 0.3
        outward = np.array([np.cos(angle), np.sin(angle), 0.0])
        around = np.array([-np.sin(angle), np.cos(angle), 0.0])
        field = np.zeros_like(points)
        for turn in 2 * np.pi * np.arange(24) / 24:
            place = 0.16 * outward + 0.06 * (np.cos(turn) * around + np.sin(turn) * np.array([0, 0, 1]))
            current = -np.sin(turn) * around + np.cos(turn) * np.array([0, 0, 1])
            distance = points - place
            cubed = (np.linalg.norm(distance, axis=-1, keepdims=True) ** 2 + 1e-4) ** 1.5
            field += np.cross(np.broadcast_to(current, distance.shape), distance) / cubed
        fields.append((field[..., 0] - 1j * field[..., 1]) * np.exp(1j * c * c))
    maps = np.stack(fields)
    return maps / np.sqrt((np.abs(maps) ** 2).sum(axis=0))


def head(matrix: tuple[int, int, int]) -> np.ndarray:
    """An ellipsoid with a dark rim, two ventricles, a lesion and a smooth phase; 1 in most of it, ``(z, y, x)``."""
    z, y, x = np.meshgrid(*((np.arange(n) - n // 2) / n * 2 for n in matrix), indexing="ij")
    within = lambda cy, cx, ry, rx: ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 + (z / 1.2) ** 2 < 1  # noqa: E731
    image = 1.0 * within(0, 0, 0.85, 0.7)
    image[within(0, 0, 0.8, 0.65)] = 0.2
    image[within(0, 0, 0.76, 0.61)] = 1.0
    image[within(0, 0.16, 0.3, 0.1) | within(0, -0.16, 0.3, 0.1)] = 0.4
    image[within(0.4, 0.25, 0.13, 0.13)] = 1.3
    return image * np.exp(1j * (1.5 * x - y + x * y + 2 * y * y))


def kspace_of(
    data: Tensor, weights: Tensor | None = None, *, n_averages: int = 1, batch_axes: tuple[str, ...] = ()
) -> KSpace:
    """A KSpace of ``(*batch, coil, kz, ky, kx)`` with a field of view of 0.25 m."""
    matrix = (data.shape[-3], data.shape[-2], data.shape[-1])
    voxel_size = (0.15 / matrix[0], 0.25 / matrix[1], 0.25 / matrix[2])
    geometry = Geometry(matrix, voxel_size, np.zeros((1, 3)), np.eye(3))
    if weights is None:
        weights = torch.ones(*data.shape[:-4], 1, *data.shape[-3:])
    return KSpace(data * (weights > 0), weights, n_averages, geometry, batch_axes)


def white_noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Complex noise with standard deviation 1 in real and imaginary part."""
    return torch.complex(torch.randn(shape, generator=generator), torch.randn(shape, generator=generator))


@pytest.fixture(name="loop_coils")
def _loop_coils() -> Callable[..., np.ndarray]:
    return loop_coils


@pytest.fixture(name="kspace_of")
def _kspace_of() -> Callable[..., KSpace]:
    return kspace_of


@pytest.fixture
def noise(generator: torch.Generator) -> Callable[[tuple[int, ...]], Tensor]:
    """White noise of a shape, new at each call."""
    return lambda shape: white_noise(shape, generator)


@pytest.fixture
def scan(generator: torch.Generator) -> Callable[..., Simulation]:
    """``scan(n_coils, matrix, snr)``: k-space in SNR units, true maps ``(coil, z, y, x)``, the head's voxels."""

    def simulate(n_coils: int, matrix: tuple[int, int, int], snr: float) -> Simulation:
        maps, image = loop_coils(n_coils, matrix), snr * head(matrix)
        data = torch.from_numpy(fourier(maps * image)).to(torch.complex64)
        data = data + white_noise(tuple(data.shape), generator)
        return kspace_of(data), torch.from_numpy(maps).to(torch.complex64), torch.from_numpy(np.abs(image) > 0.3 * snr)

    return simulate
