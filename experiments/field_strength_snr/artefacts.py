"""Chemical shift, susceptibility, inhomogeneity and Maxwell terms, in Hz and in voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from bloch.phantom import magnet_field, random_magnet
from bloch.snr import brain_points, maxwell_frequency, typical_homogeneity
from bloch.snr.head_receiver import BRAIN_RADIUS
from bloch.snr.inhomogeneity import FAT_SHIFT
from bloch.tissue import GYROMAGNETIC_RATIO

PIXEL_BANDWIDTH = 200.0
"""Hz, the same at every field for this comparison."""

PIXEL = 2e-3
OFF_CENTRE = 0.1
LOBE_GRADIENT, LOBE_TIME = 10e-3, 5e-3
"""A crusher or diffusion-like lobe: 10 mT/m for 5 ms."""


@dataclass(frozen=True)
class Artefacts:
    """At one field strength, Hz unless said; all but Maxwell's are displaced by Hz / pixel bandwidth voxels.

    Attributes:
        B0: field strength, T.
        fat: chemical shift.
        susceptibility: half the range over 95 % of the brain.
        magnet: half the range over 20 cm of a typical magnet.
        magnet_ppm: its peak to peak, ppm.
        maxwell: of the readout gradient, 10 cm from the isocentre along B0.
        maxwell_phase: of the lobe at the same place, rad.
    """

    B0: float
    fat: float
    susceptibility: float
    magnet: float
    magnet_ppm: float
    maxwell: float
    maxwell_phase: float


def artefacts_at(B0: float, susceptibility: float) -> Artefacts:
    """All of them.

    Args:
        B0: field strength, T.
        susceptibility: half the range over 95 % of the brain, ppm.

    Returns:
        Artefacts.
    """
    per_ppm = GYROMAGNETIC_RATIO * B0 * 1e-6
    ppm = typical_homogeneity(B0).peak_to_peak
    return Artefacts(
        B0,
        fat=per_ppm * FAT_SHIFT,
        susceptibility=per_ppm * susceptibility,
        magnet=per_ppm * ppm / 2,
        magnet_ppm=ppm,
        maxwell=maxwell_frequency(readout_gradient(), OFF_CENTRE, B0),
        maxwell_phase=2 * math.pi * maxwell_frequency(LOBE_GRADIENT, OFF_CENTRE, B0) * LOBE_TIME,
    )


def readout_gradient() -> float:
    """``G = pixel bandwidth / (γ/2π · pixel)``, T/m."""
    return PIXEL_BANDWIDTH / (GYROMAGNETIC_RATIO * PIXEL)


def slope_of_magnets(seed: int, *, n_magnets: int = 20) -> tuple[float, float]:
    """Slope in the brain of random magnets, over peak to peak / diameter, which the model takes.

    Args:
        seed: of the first magnet.
        n_magnets: how many.

    Returns:
        Median over the magnets of the root mean square, and of the largest, length of the gradient in a ball like a
        brain; dimensionless.
    """
    points, step = brain_points(BRAIN_RADIUS, n_across=7), 1e-4
    rms, largest = [], []
    for n in range(n_magnets):
        magnet = random_magnet(seed + n, 1.0, radius=0.1)
        slopes = []
        for axis in torch.eye(3, dtype=torch.float64):
            difference = magnet_field(magnet, points + step * axis) - magnet_field(magnet, points - step * axis)
            slopes.append(difference / (2 * step))
        length = torch.stack(slopes).norm(dim=0) * 0.2
        rms.append(float(length.square().mean().sqrt()))
        largest.append(float(length.max()))
    return float(torch.tensor(rms).median()), float(torch.tensor(largest).median())
