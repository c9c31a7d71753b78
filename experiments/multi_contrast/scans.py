"""How targets and guides of this experiment are scanned."""

from __future__ import annotations

import itertools
from dataclasses import astuple, dataclass

import numpy as np
import torch
from torch import Tensor

from experiments.multi_contrast.pairs import Pair, misplacement
from pirecon.priors.guide_alignment import moved
from pirecon.training.scans.simulation import (
    Scan,
    bandlimited,
    random_coils,
    random_lines,
    random_phase,
    scan_image,
    window,
)

MATRIX = (80, 80)
GUIDE_SNR = 30.0
GUIDES = ("right, aligned", "right, moved", "right, inverted", "other head", "other slice")
WRONG = ("other head", "other slice")
SEED = 4711


@dataclass(frozen=True)
class Cell:
    """A setting of the target's scan.

    Attributes:
        super_resolution: voxels of the image over those acquired, per axis.
        snr: of the acquired voxel.
        acceleration: R.
    """

    super_resolution: float
    snr: float
    acceleration: float


CELLS = tuple(Cell(*values) for values in itertools.product((1.0, 1.5, 2.0), (5.0, 15.0), (1.0, 2.0)))
SAME_NOISE = tuple(Cell(ratio, snr * ratio, 1.0) for snr in (4.0, 8.0) for ratio in (1.0, 1.25, 1.5, 2.0))
"""The same noise in every sample and fewer of them: what a shorter scan costs."""


def target_scan(image: Tensor, cell: Cell, number: int) -> Scan:
    """Scan of a fine image ``(y, x)``; one coil for even numbers, four for odd ones; phase and coils by number."""
    own = np.random.default_rng([SEED, number])
    setting = [int(100 * value) for value in astuple(cell)]
    rng = np.random.default_rng([SEED, number, *setting])
    seen = bandlimited(image, MATRIX).abs() * random_phase(MATRIX, own, largest_wraps=3.0)
    maps = random_coils((1, 4)[number % 2], MATRIX, own)
    acquired = window(MATRIX, (cell.super_resolution, cell.super_resolution))
    lines = random_lines(acquired[0], cell.acceleration, rng)
    return scan_image(seen, maps, lines, acquired_columns=acquired[1], snr=cell.snr, rng=rng)


def guides_of(pair: Pair, number: int) -> dict[str, Tensor]:
    """All guides of a pair, real ``(1, y, x)``, by the names in ``GUIDES``."""
    rng = np.random.default_rng([SEED, number, 1])
    turn, shift = misplacement(rng)
    shown = {
        "right, aligned": pair.guide,
        "right, moved": moved(pair.guide[None, None], turn, shift)[0, 0],
        "right, inverted": (pair.guide.max() - pair.guide) * (pair.guide > 0.02 * pair.guide.max()),
        "other head": pair.other_head,
        "other slice": pair.other_slice,
    }
    return {name: guide_scan(image, rng) for name, image in shown.items()}


def guide_scan(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Magnitude image ``(1, y, x)`` of a guide at the full resolution and ``GUIDE_SNR``."""
    seen = bandlimited(image, MATRIX)
    magnitude = seen.abs()
    deviation = magnitude[magnitude > 0.1 * magnitude.max()].mean() / GUIDE_SNR
    noise = torch.view_as_complex(torch.from_numpy(rng.standard_normal((*MATRIX, 2), dtype=np.float32)))
    return (seen + deviation * noise).abs()[None]
