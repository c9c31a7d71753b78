"""One field strength is one task; a sweep is many of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bloch.receiver.noise import CROSSOVER_FIELD
from bloch.snr import (
    Homogeneity,
    ScanPlan,
    echo_signal,
    intrinsic_snr,
    optimal_plans,
    scan_time,
    smallest_pixel_bandwidth,
    standard_plan,
    tissue_times,
    typical_homogeneity,
    with_crossover,
)
from bloch.snr.table import field_spread
from bloch.tissue import tissue
from experiments.field_strength_snr.anatomy import COILS, N_POINTS, Anatomy, make_anatomy
from experiments.field_strength_snr.draws import CAUSES, TISSUES, Draws, draw, drawn_times
from experiments.field_strength_snr.settings import Settings

SEQUENCES = ("spin_echo", "turbo_spin_echo", "spoiled_gradient_echo", "balanced_ssfp")
QUANTITIES = ("grey_matter", "white_matter", "grey/white", "tumour/white")
KINDS = ("fixed", "optimised")
WEIGHTS = {
    "snr": torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64),
    "grey/white": torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64),
    "tumour/white": torch.tensor([0.0, -1.0, 1.0], dtype=torch.float64),
}
COIL = next(iter(COILS))

Map = Callable[..., Iterable[Any]]
"""``map(function, items, **shared)``: built on Python's or on Dask's."""


@dataclass(frozen=True, eq=False)
class FieldResult:
    """What the sweep finds at one field strength.

    Attributes:
        B0: field strength, T.
        plans: the scans, by sequence and ``"fixed"`` or the criterion that they are best for.
        values: SNR of a tissue or CNR of a pair in the wanted minutes, ``(draw,)``, by (sequence, kind, quantity).
        nominal: the same without draws: mean over the heads, table's relaxation, nominal crossover field.
        spread: relative half width (16th to 84th percentile) by (cause, kind, quantity), mean over the sequences.
        psi: intrinsic SNR, mean over the brain ``(draw,)``, by coil, m⁻³ s^−½.
        homogeneity: of the magnet with a head in it.
    """

    B0: float
    plans: dict[tuple[str, str], ScanPlan]
    values: dict[tuple[str, str, str], np.ndarray]
    nominal: dict[tuple[str, str, str], float]
    spread: dict[tuple[str, str, str], float]
    psi: dict[str, np.ndarray]
    homogeneity: Homogeneity

    def plan(self, sequence: str, kind: str, quantity: str) -> ScanPlan:
        """The scan behind a value."""
        criterion = quantity if quantity in WEIGHTS else "snr"
        return self.plans[sequence, "fixed" if kind == "fixed" else criterion]


def keeps_limits(result: FieldResult, plan: ScanPlan, settings: Settings) -> bool:
    """Whether neither inhomogeneity nor chemical shift displaces by more than the limits."""
    needed = smallest_pixel_bandwidth(
        result.homogeneity,
        result.B0,
        largest_shift=settings.limits.largest_shift,
        largest_fat_shift=settings.limits.largest_fat_shift,
    )
    return plan.pixel_bandwidth >= needed * (1 - 1e-9)


@dataclass(frozen=True, eq=False)
class Sweep:
    """All that is found.

    Attributes:
        heads: random heads.
        fields: a result for each field strength.
        magnets: SNR of white matter per root minute of the best scan in the weakest field, nominal, by peak to peak
            (ppm) and sequence.
    """

    heads: list[Anatomy]
    fields: list[FieldResult]
    magnets: dict[float, dict[str, float]]


def sweep(settings: Settings, run: Map) -> Sweep:
    """Heads first, then fields and magnets.

    Args:
        settings: the sweep.
        run: maps a function over items, in order.

    Returns:
        Sweep.
    """
    heads = list(run(make_anatomy, [1000 * settings.seed + n for n in range(settings.n_anatomies)]))
    fields = list(run(field_result, list(settings.fields), settings=settings, heads=heads))
    magnets = run(magnet_result, list(settings.magnets), settings=settings, heads=heads)
    return Sweep(heads, fields, dict(zip(settings.magnets, magnets, strict=True)))


def serial_map(function: Callable[..., Any], items: Iterable[Any], **shared: Any) -> list[Any]:
    """In this process, one after the other."""
    return [function(item, **shared) for item in items]


def field_result(B0: float, *, settings: Settings, heads: list[Anatomy]) -> FieldResult:
    """Everything at one field strength; it depends on nothing but its arguments."""
    torch.set_num_threads(1)  # one field is one task
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # result.md says what is extrapolated
        times = tissue_times([tissue(name, B0) for name in TISSUES])
    magnet = magnet_at(B0, heads)
    plans = _plans(B0, times, magnet, settings)
    nominal_draws = _nominal(settings)
    draws = draw(settings, CROSSOVER_FIELD)
    spread = {}
    for cause in CAUSES:
        for key, value in _means(
            _values(B0, plans, times, draw(settings, CROSSOVER_FIELD, causes=(cause,)), magnet, settings, heads)
        ).items():
            spread[(cause, *key)] = value
    nominal = {
        key: float(v.mean()) for key, v in _values(B0, plans, times, nominal_draws, magnet, settings, heads).items()
    }
    return FieldResult(
        B0,
        plans,
        _values(B0, plans, times, draws, magnet, settings, heads),
        nominal,
        spread,
        {coil: _psi(B0, coil, draws, heads).mean(1).numpy() for coil in COILS},
        magnet,
    )


def magnet_result(peak_to_peak: float, *, settings: Settings, heads: list[Anatomy]) -> dict[str, float]:
    """What the best scan of the weakest field gives in a magnet of so many ppm, by sequence."""
    torch.set_num_threads(1)
    B0 = min(settings.fields)
    times = tissue_times([tissue(name, B0) for name in TISSUES])
    magnet = replace(magnet_at(B0, heads), peak_to_peak=peak_to_peak)
    psi = float(_psi(B0, COIL, _nominal(settings), heads)[:, 1].mean())
    found = {}
    for sequence in SEQUENCES:
        weights = {"snr": WEIGHTS["snr"]}
        plan = standard_plan(sequence)
        best = optimal_plans(plan, times, weights, B0=B0, homogeneity=magnet, limits=settings.limits)["snr"]
        listening = best.plan.listening_time * 60 / scan_time(best.plan)
        signal = float(best.signal[TISSUES.index("white_matter")])
        found[sequence] = signal * psi * plan.voxel_volume * math.sqrt(listening)
    return found


def magnet_at(B0: float, heads: list[Anatomy]) -> Homogeneity:
    """A typical magnet of this field strength with a typical head in it."""
    return typical_homogeneity(B0, susceptibility=float(np.mean([head.susceptibility for head in heads])))


def _plans(B0: float, times: Any, magnet: Homogeneity, settings: Settings) -> dict[tuple[str, str], ScanPlan]:
    plans = {}
    for sequence in SEQUENCES:
        fixed = standard_plan(sequence)
        plans[sequence, "fixed"] = fixed
        best = optimal_plans(fixed, times, WEIGHTS, B0=B0, homogeneity=magnet, limits=settings.limits)
        for criterion, candidate in best.items():
            plans[sequence, criterion] = candidate.plan
    return plans


def _values(
    B0: float,
    plans: dict[tuple[str, str], ScanPlan],
    times: Any,
    draws: Draws,
    magnet: Homogeneity,
    settings: Settings,
    heads: list[Anatomy],
) -> dict[tuple[str, str, str], np.ndarray]:
    psi = _psi(B0, COIL, draws, heads)
    mean_psi = {"grey_matter": psi[:, 0], "white_matter": psi[:, 1]}
    drawn = drawn_times(times, draws)
    values = {}
    for sequence in SEQUENCES:
        for kind in KINDS:
            for quantity in QUANTITIES:
                criterion = quantity if quantity in WEIGHTS else "snr"
                plan = plans[sequence, "fixed" if kind == "fixed" else criterion]
                m = echo_signal(plan, drawn, field_spread(plan, magnet, B0))
                wanted = (m @ WEIGHTS[quantity]).abs() if quantity in WEIGHTS else m[:, TISSUES.index(quantity)]
                listening = plan.listening_time * 60 * settings.minutes / scan_time(plan)
                total = wanted * mean_psi.get(quantity, psi.mean(1)) * plan.voxel_volume * math.sqrt(listening)
                values[sequence, kind, quantity] = total.numpy()
    return values


def _psi(B0: float, coil: str, draws: Draws, heads: list[Anatomy]) -> Tensor:
    """Intrinsic SNR in grey and in white matter ``(draw, 2)``."""
    rows = []
    for head, ratio in zip(draws.anatomy.tolist(), draws.crossover_ratio.tolist(), strict=True):
        psi = intrinsic_snr(with_crossover(heads[head].receivers[coil], ratio), B0)
        rows.append(torch.stack((psi[:N_POINTS].mean(), psi[N_POINTS:].mean())))
    return torch.stack(rows)


def _nominal(settings: Settings) -> Draws:
    """Every head once, all else as the table and the model have it."""
    n = settings.n_anatomies
    one = torch.ones(n, dtype=torch.float64)
    return Draws(torch.arange(n), one, torch.ones(4, n, len(TISSUES), dtype=torch.float64))


def _means(values: dict[tuple[str, str, str], np.ndarray]) -> dict[tuple[str, str], float]:
    """Relative half width of the values, mean over the sequences, by (kind, quantity)."""
    return {
        (kind, quantity): float(np.mean([half_width(values[sequence, kind, quantity]) for sequence in SEQUENCES]))
        for kind in KINDS
        for quantity in QUANTITIES
    }


def half_width(values: np.ndarray) -> float:
    """Half of what lies between the 16th and the 84th percentile, over the median."""
    low, middle, high = np.percentile(values, (16, 50, 84))
    return float((high - low) / (2 * middle))
