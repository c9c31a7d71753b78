"""Where the refinement starts: the cost of many fields in every voxel, and a smooth choice among them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.quantitative.echo_model import EchoModel, residuals
from pirecon.quantitative.field_search import search_field
from pirecon.quantitative.refinement import Maps

RATES = (0.0, 6.0, 12.0, 18.0, 25.0, 33.0, 43.0, 55.0, 70.0, 90.0, 120.0, 170.0, 250.0)  # 1/s, that the search tries
RATE_SCATTER = 20.0  # 1/s, of tissues about the R2* that fits most of them
LARGEST_COST = 200.0  # of a voxel, in units of log-likelihood
NARROW_PRIOR = 10.0  # ppm: weak preference for fields near 0, which decides only what the data cannot


@dataclass(frozen=True)
class Differences:
    """How fields of neighbouring voxels differ.

    Attributes:
        hertz_per_ppm: Hz.
        deviation: standard deviation along the smallest edge of a voxel, ppm.
        edges: (z, y, x) of a voxel over the smallest.
    """

    hertz_per_ppm: float
    deviation: float
    edges: tuple[float, float, float]


@dataclass(frozen=True)
class FirstField:
    """The labels chosen, and what others would have cost.

    Attributes:
        maps: field of the labels, and R2*.
        cost: negative log-likelihood, float ``(label, z, y, x)``.
        labels: int64 ``(z, y, x)``.
        weights: of (label difference)² between neighbours along z, y, x.
        swap: labels from water to fat.
        turn: labels after which the closest two echoes repeat.
    """

    maps: Maps
    cost: Tensor
    labels: Tensor
    weights: tuple[float, float, float]
    swap: int
    turn: int


def first_field(
    signal: Tensor, model: EchoModel, variance: Tensor, differences: Differences, *, largest_offset: float
) -> FirstField:
    """Labels are fields a sixteenth of a turn at the last echo apart; min_R ‖s − m(δf, R)‖²/2σ² + ln(1 + ((R − R̄)/s)²).

    One R2* R̄ for all would fit tissue that decays faster than most better with fat and water exchanged, in every voxel
    alike, and outweigh the smoothness at its border. The tails are those of Cauchy's distribution, for iron. The second
    term is for three echoes; more tell R2* themselves, and with it two vials in air were swapped that are not without.

    Args:
        signal: s, complex128 ``(echo, z, y, x)``.
        model: of the echoes.
        variance: σ², float64 ``(z, y, x)``.
        differences: of neighbours.
        largest_offset: ppm.

    Returns:
        FirstField.
    """
    shape, latest, ppm = signal.shape[1:], float(model.times[-1]), differences.hertz_per_ppm
    step = 1 / (16 * latest)
    n = round(largest_offset * ppm / step)
    fields = step * torch.arange(-n, n + 1, dtype=torch.float64, device=signal.device)
    voxels = signal.flatten(1).to(torch.complex64)
    rates = torch.tensor(RATES, dtype=torch.float64, device=signal.device)
    doubled, unlikely = 2 * variance.flatten().float(), None
    if len(model.times) == 3:
        common = _common_rate(voxels, model, fields, variance)
        unlikely = ((rates - common) / RATE_SCATTER).square().log1p().float()[:, None] * doubled
    cost = (residuals(voxels, model, fields, rates, unlikely) / doubled).clamp_max(LARGEST_COST)
    cost = cost + 0.5 * (fields / (NARROW_PRIOR * ppm)).square().unsqueeze(1).to(cost)
    cost = cost.unflatten(1, shape)
    z, y, x = (0.5 * (step / (differences.deviation * ppm * edge)) ** 2 for edge in differences.edges)
    shortest = float(model.times.diff().min())
    swap, turn = round(3.4 * ppm / step), round(1 / (shortest * step))
    labels = search_field(cost, (z, y, x), (swap, turn, 3, 1))
    found = fields[labels]
    rate = _best_rate(signal, model, found, rates if unlikely is None else common)
    return FirstField(Maps(found, rate), cost, labels, (z, y, x), swap, turn)


def _common_rate(voxels: Tensor, model: EchoModel, fields: Tensor, variance: Tensor) -> Tensor:
    """The one R2* that explains all voxels best, float ``(1,)``."""
    rates = torch.linspace(0, 120, 25, dtype=torch.float64, device=fields.device)
    total = [
        (residuals(voxels, model, fields, rate[None]).amin(0) / variance.flatten()).clamp_max(LARGEST_COST).sum()
        for rate in rates
    ]
    return rates[torch.stack(total).argmin()][None]


def _best_rate(signal: Tensor, model: EchoModel, field: Tensor, rates: Tensor) -> Tensor:
    """R2* of the least residual at a known field: demodulated images are on resonance."""
    turned = (signal * model.turn(field).movedim(-1, 0).conj()).flatten(1)
    resonance = torch.zeros(1, dtype=torch.float64, device=field.device)
    left = torch.cat([residuals(turned, model, resonance, rate[None]) for rate in rates])
    return rates[left.argmin(0)].reshape(field.shape)
