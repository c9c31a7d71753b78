"""Echoes of discs with known water, fat, field and R2*."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from bloch.tissue import fat_spectrum

N = 40
B0 = 0.3
HERTZ_PER_PPM = 42.577478518 * B0
PERIOD = 1 / (3.4 * HERTZ_PER_PPM)
TIMES = tuple(PERIOD * (0.1 + 0.17 * i) for i in range(6))


@dataclass(frozen=True)
class Discs:
    """Echoes ``(echo, 1, y, x)``; the disc of each voxel, −1 outside; truth, each ``(y, x)``."""

    images: Tensor
    disc: Tensor
    fraction: Tensor
    off_resonance: Tensor
    R2_star: Tensor


class MakeDiscs:
    """Six discs from water to fat in air, whose signal is added up line by line."""

    fractions = (0.0, 0.1, 0.3, 0.6, 0.9, 1.0)

    def __call__(
        self, times: tuple[float, ...] = TIMES, *, snr: float = 40, ppm: float = 4, seed: int = 0, decay: float = 0
    ) -> Discs:
        y, x = torch.meshgrid(*[(torch.arange(N, dtype=torch.float64) - N // 2) / (N / 2)] * 2, indexing="ij")
        disc = torch.full((N, N), -1)
        for i in range(6):
            angle = 2 * math.pi * i / 6
            disc[(x - 0.6 * math.cos(angle)) ** 2 + (y - 0.6 * math.sin(angle)) ** 2 < 0.22**2] = i
        inside = disc >= 0
        fraction = torch.tensor([*self.fractions, 0.0], dtype=torch.float64)[disc]
        field = HERTZ_PER_PPM * ppm / 2 * (0.8 * x - 0.5 * y + 0.6 * x * y + 0.4 * y**3)
        R2_star = torch.where(disc % 2 == 0, 15.0, 35.0).double()
        generator = torch.Generator().manual_seed(seed)
        images = []
        for t in times:
            b = sum(p.amplitude * cmath.exp(-2j * math.pi * p.shift * HERTZ_PER_PPM * t) for p in fat_spectrum())
            amount = (1 - fraction) + fraction * b * math.exp(-decay * t)
            turned = torch.polar(torch.exp(-R2_star * t), -2 * math.pi * field * t + 0.7 + 0.4 * x)
            noise = torch.randn(N, N, dtype=torch.complex128, generator=generator) * math.sqrt(2)
            images.append(snr * inside * amount * turned + noise)
        return Discs(torch.stack(images)[:, None], disc, fraction, field, R2_star)


@pytest.fixture
def make_discs() -> MakeDiscs:
    return MakeDiscs()
