"""What is not known exactly, drawn at random."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from bloch.snr import TissueTimes
from bloch.tissue import published_points
from experiments.field_strength_snr.settings import Settings

TISSUES = ("grey_matter", "white_matter", "tumour")
CAUSES = ("head", "relaxation", "crossover")


@dataclass(frozen=True, eq=False)
class Draws:
    """Factors on what the table and the model say.

    Attributes:
        anatomy: which head ``(draw,)``.
        crossover_ratio: crossover field over its nominal value ``(draw,)``.
        factors: on proton density, T1, T2 and R2′ ``(4, draw, tissue)``; the same at every field strength.
    """

    anatomy: Tensor
    crossover_ratio: Tensor
    factors: Tensor


def draw(settings: Settings, nominal_crossover: float, *, causes: tuple[str, ...] = CAUSES) -> Draws:
    """Draws that depend on the seed alone.

    Args:
        settings: numbers and standard deviations.
        nominal_crossover: of the receivers, T.
        causes: which of ``CAUSES`` vary; the others stay nominal (the first head stands for all).

    Returns:
        Draws; relaxation times log-normal, the crossover field log-uniform.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    n = settings.n_draws
    heads = torch.arange(n) % settings.n_anatomies
    u = torch.rand(n, generator=generator, dtype=torch.float64)
    low, high = settings.crossover_field
    ratio = low * (high / low) ** u / nominal_crossover
    normal = torch.randn(4, n, len(TISSUES), generator=generator, dtype=torch.float64)
    factors = torch.exp(normal * _relative_sd(settings).unsqueeze(1))
    return Draws(
        heads if "head" in causes else torch.zeros_like(heads),
        ratio if "crossover" in causes else torch.ones_like(ratio),
        factors if "relaxation" in causes else torch.ones_like(factors),
    )


def drawn_times(times: TissueTimes, draws: Draws) -> TissueTimes:
    """Relaxation times of the table at a field strength, times the factors: ``(draw, tissue)``."""
    density, T1, T2, static = draws.factors
    R2_prime = (1 / times.T2_star - 1 / times.T2) * static
    new_T2 = times.T2 * T2
    return TissueTimes(times.proton_density * density, times.T1 * T1, new_T2, 1 / (1 / new_T2 + R2_prime))


def published_sd(tissue: str, quantity: str) -> float | None:
    """Root mean square of the published relative standard deviations of a tissue's T1 or T2, or None without any."""
    found = [
        getattr(point, f"{quantity}_sd") / getattr(point, quantity)
        for point in published_points()
        if point.tissue == tissue and getattr(point, f"{quantity}_sd") is not None
    ]
    return math.sqrt(fmean(sd**2 for sd in found)) if found else None


def _relative_sd(settings: Settings) -> Tensor:
    """Of proton density, T1, T2, R2′: ``(4, tissue)``."""
    times = [[published_sd(name, q) or settings.assumed_sd for name in TISSUES] for q in ("T1", "T2")]
    rows = [[settings.assumed_density_sd] * 3, *times, [settings.assumed_static_sd] * 3]
    return torch.tensor(rows, dtype=torch.float64)
