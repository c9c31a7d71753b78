"""How tissue differs from person to person and from place to place: real tissue is nowhere flat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.phantom.phantom import Phantom
from bloch.phantom.random_field import fractal_field

AMPLITUDES = (0.04, 0.07, 0.07)  # standard deviation of ln PD, ln T1, ln T2
COARSEST = 40e-3  # m


@dataclass(frozen=True, eq=False)
class TissueTexture:
    """Logarithms of factors on proton density and relaxation times.

    Attributes:
        person: of ln PD, ln T1, ln T2 of each tissue, ``(3, tissue)``, float64.
        density: of ln PD at every place, ``(z, y, x)``, float32; None without texture.
        relaxation: of ln T1 and ln T2 at every place (free water lengthens both), ``(z, y, x)``; None without.
    """

    person: Tensor
    density: Tensor | None
    relaxation: Tensor | None


def tissue_texture(phantom: Phantom, *, generator: torch.Generator, strength: float = 1.0) -> TissueTexture:
    """Draw the texture of a phantom.

    Args:
        phantom: tissue fractions.
        generator: source of randomness, on the CPU.
        strength: 1 gives standard deviations of 4 % in proton density and 7 % in T1 and T2 between persons, and the
            same within a tissue, with features from 40 mm down to a voxel; 0 gives none.

    Returns:
        TissueTexture, on the device of the phantom.
    """
    spread = torch.tensor(AMPLITUDES, dtype=torch.float64)[:, None]
    shape = (3, len(phantom.tissues))
    person = strength * spread * torch.randn(shape, generator=generator, dtype=torch.float64)
    if strength == 0:
        return TissueTexture(person, None, None)
    density, relaxation = (_fractal(generator, phantom).to(phantom.fractions.device) for _ in range(2))
    return TissueTexture(person, strength * AMPLITUDES[0] * density, strength * AMPLITUDES[1] * relaxation)


def _fractal(generator: torch.Generator, phantom: Phantom) -> Tensor:
    """Features from 40 mm down to a voxel."""
    z, y, x = (max(COARSEST / edge, 1.0) for edge in phantom.voxel_size)
    octaves = 1 + math.floor(math.log2(max(y, x)))
    return fractal_field(generator, phantom.matrix, coarsest=(z, y, x), octaves=octaves, roughness=0.85)
