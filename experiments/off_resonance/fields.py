"""Fields over the image, Hz, as functions of its y and x in m."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from experiments.off_resonance.scan import FOV, Field


def constant(strength: float) -> Field:
    """The scanner's frequency is off."""

    def field(y: Tensor, x: Tensor) -> Tensor:
        return torch.full_like(x + y, strength)

    return field


def smooth(strength: float, seed: int) -> Field:
    """A magnet's and a body's field: polynomial of third order, ``strength`` at its largest in the field of view."""
    rng = np.random.default_rng(seed)
    powers = [(i, j) for i in range(4) for j in range(4) if 0 < i + j <= 3]
    weights = rng.normal(size=len(powers)) / [1.0 + i + j for i, j in powers]

    def shape(y: Tensor, x: Tensor) -> Tensor:
        u, v = 2 * y / FOV, 2 * x / FOV
        return sum((w * u**i * v**j for w, (i, j) in zip(weights, powers, strict=True)), torch.zeros_like(u + v))

    line = torch.linspace(-FOV / 2, FOV / 2, 65, dtype=torch.float64)
    largest = float(shape(line[:, None], line).abs().max())

    def field(y: Tensor, x: Tensor) -> Tensor:
        return strength * shape(y, x) / largest

    return field


def steep(strength: float) -> Field:
    """A wave of 25 cm: twelve times its strength in a metre … the limit of what can be put right."""

    def field(y: Tensor, x: Tensor) -> Tensor:
        return strength * torch.cos(2 * math.pi * y / 0.25 + 0.5) * torch.cos(2 * math.pi * x / 0.3)

    return field
