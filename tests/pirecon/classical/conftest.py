"""A small scan with known truth: sharp object with smooth phase, loop-like coils, undersampled lines, unit noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from pirecon.encoding import CartesianSense


@dataclass(frozen=True)
class Scan:
    """Truth ``(z, y, x)`` in SNR units, forward operator, and samples with unit noise on top of E(truth)."""

    truth: Tensor
    E: CartesianSense
    kspace: Tensor

    def error(self, image: Tensor) -> float:
        """Normalised root mean square error of ``image``."""
        difference = torch.linalg.vector_norm(image - self.truth)
        return float(difference / torch.linalg.vector_norm(self.truth))


def _coordinates(shape: tuple[int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    axes = [(torch.arange(n, dtype=torch.float64) - n // 2) / (n / 2) for n in shape]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return z, y, x


def make_object(shape: tuple[int, int, int]) -> Tensor:
    """A head-like ellipse of brightness 1 with dark and bright inclusions and a gentle phase."""
    z, y, x = _coordinates(shape)
    image = ((x / 0.75) ** 2 + (y / 0.9) ** 2 < 1).double()
    image[((x - 0.25) / 0.2) ** 2 + ((y + 0.1) / 0.35) ** 2 < 1] = 0.4
    image[((x + 0.3) / 0.15) ** 2 + ((y - 0.3) / 0.2) ** 2 < 1] = 1.6
    image[(x.abs() < 0.06) & (y.abs() < 0.5) & (z < 0.5)] = 0.7
    return image * torch.exp(1j * (0.7 * x + 0.4 * y * y + 0.2 * z))


def make_maps(shape: tuple[int, int, int], n_coils: int) -> Tensor:
    """Smooth maps whose root sum of squares is 1; one coil has a unit map."""
    if n_coils == 1:
        return torch.ones(1, *shape, dtype=torch.complex128)
    z, y, x = _coordinates(shape)
    maps = []
    for coil in range(n_coils):
        angle = 2 * math.pi * coil / n_coils
        distance = (x - 1.3 * math.cos(angle)) ** 2 + (y - 1.3 * math.sin(angle)) ** 2
        phase = angle + 0.7 * (x * math.cos(angle) + y * math.sin(angle)) + 0.1 * z
        maps.append(torch.exp(-distance / 1.6) * torch.exp(1j * phase))
    stacked = torch.stack(maps)
    return stacked / torch.linalg.vector_norm(stacked, dim=0)


def make_lines(shape: tuple[int, int, int], acceleration: float, generator: torch.Generator) -> Tensor:
    """Weights ``(1, z, y, x)``: a fully sampled centre and random phase-encode lines around it."""
    if acceleration == 1:
        return torch.ones(1, *shape, dtype=torch.float64)
    n = shape[1]
    line = torch.zeros(n, dtype=torch.float64)
    centre = max(4, n // 8)
    line[n // 2 - centre // 2 : n // 2 + (centre + 1) // 2] = 1
    free = torch.nonzero(line == 0).flatten()
    wanted = max(0, round(n / acceleration) - centre)
    line[free[torch.randperm(len(free), generator=generator)[:wanted]]] = 1
    return line[None, None, :, None].expand(1, *shape).contiguous()


@pytest.fixture(scope="session")
def make_scan() -> Callable[..., Scan]:
    """``make_scan(shape, n_coils=…)``; ``snr`` is the brightness of the object in units of the noise."""

    def make(
        shape: tuple[int, int, int] = (1, 40, 37),
        *,
        n_coils: int = 4,
        acceleration: float = 1,
        snr: float = 10,
        noise: float = 1,
        seed: int = 0,
    ) -> Scan:
        generator = torch.Generator().manual_seed(seed)
        truth = snr * make_object(shape)
        E = CartesianSense(make_maps(shape, n_coils), make_lines(shape, acceleration, generator))
        parts = torch.randn(n_coils, *shape, 2, dtype=torch.float64, generator=generator)
        return Scan(truth, E, E(truth) + noise * torch.view_as_complex(parts) * E.weights)

    return make
