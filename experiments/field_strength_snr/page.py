"""result.md: page.md with its tables and facts filled in."""

from __future__ import annotations

import datetime
import os
import platform
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from string import Template

import numpy as np

from bloch.snr.head_receiver import BRAIN_RADIUS
from experiments.field_strength_snr import claims, tables
from experiments.field_strength_snr.anatomy import Anatomy
from experiments.field_strength_snr.artefacts import slope_of_magnets
from experiments.field_strength_snr.draws import TISSUES, published_sd
from experiments.field_strength_snr.settings import HERE, Settings
from experiments.field_strength_snr.sweep import COIL, SEQUENCES, FieldResult, Sweep
from experiments.machine import processor


def page(settings: Settings, sweep: Sweep, *, took: float) -> str:
    """The text of result.md.

    Args:
        settings: of the sweep.
        sweep: what it found.
        took: the sweep, s.

    Returns:
        Markdown.
    """
    heads, results = sweep.heads, sweep.fields
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page says what is extrapolated and displaced
        found = {
            "facts": "\n".join(f"- {fact}" for fact in _facts(settings, took)),
            "limits": tables.limits(),
            "intrinsic": tables.intrinsic(results),
            "exponents": tables.exponents(settings),
            "published_exponents": claims.exponents_beside_published(),
            "noise_figures": claims.noise_figures(),
            "one_scan": tables.one_scan(),
            "fixed": tables.values(results, "fixed", settings),
            "optimised": tables.values(results, "optimised", settings),
            "magnets": tables.magnets(sweep.magnets),
            "times": tables.times(results, settings),
            "slopes": tables.slopes(results),
            "plans": tables.plans(results),
            "spreads": tables.spreads(results),
            "artefacts": tables.artefacts(heads),
            "claims": claims.claims(heads, results),
        }
    return Template((HERE / "page.md").read_text(encoding="utf-8")).substitute(
        found, **_numbers(settings, heads, results), **_losses(sweep)
    )


def _numbers(settings: Settings, heads: Sequence[Anatomy], results: Sequence[FieldResult]) -> dict[str, str]:
    """Single numbers in the prose."""
    volumes = [1e3 * head.volume for head in heads]
    ranges = [head.susceptibility for head in heads]
    rms, largest = slope_of_magnets(settings.seed)
    sds = {name: [published_sd(name, quantity) for quantity in ("T1", "T2")] for name in TISSUES}
    fixed = {result.B0: result.nominal["spin_echo", "fixed", "white_matter"] for result in results}
    best = {result.B0: result.nominal["spin_echo", "optimised", "white_matter"] for result in results}
    return {
        "n_anatomies": str(settings.n_anatomies),
        "n_draws": str(settings.n_draws),
        "low_crossover": f"{settings.crossover_field[0]:g}",
        "high_crossover": f"{settings.crossover_field[1]:g}",
        "minutes": f"{settings.minutes:g}",
        "wanted_snr": f"{settings.wanted_snr:g}",
        "volume": f"{np.mean(volumes):.1f} l ({min(volumes):.1f}–{max(volumes):.1f} l)",
        "susceptibility": f"±{np.mean(ranges):.2f} ppm (±{min(ranges):.2f} to ±{max(ranges):.2f} ppm)",
        "slope_rms": f"{rms:.2f}",
        "slope_largest": f"{largest:.2f}",
        "brain_radius": f"{100 * BRAIN_RADIUS:.1f} cm",
        "grey_sd": " and ".join(f"{100 * (sd or 0):.0f} %" for sd in sds["grey_matter"]),
        "white_sd": " and ".join(f"{100 * (sd or 0):.0f} %" for sd in sds["white_matter"]),
        "assumed_sd": f"{100 * settings.assumed_sd:.0f} %",
        "shift": f"{settings.limits.largest_shift:g}",
        "fat_shift": f"{settings.limits.largest_fat_shift:g}",
        **_headline(results),
        "cost_low": f"{100 * (1 - best[0.15] / fixed[0.15]):.0f} %",
        "cost_high": f"{100 * (1 - best[7.0] / fixed[7.0]):.0f} %",
    }


def _headline(results: Sequence[FieldResult]) -> dict[str, str]:
    """How much 3 T has over 0.05 T, and the exponents of the best scans above 0.55 T."""
    by_field = {result.B0: result for result in results}
    water = float(np.median(by_field[3.0].psi[COIL]) / np.median(by_field[0.05].psi[COIL]))
    keys = [(sequence, "optimised", "white_matter") for sequence in SEQUENCES]
    gains = [by_field[3.0].nominal[key] / by_field[0.05].nominal[key] for key in keys]
    slopes = [tables.slope(results, key, 0.55, 7.0) for key in keys]
    return {
        "water_gain": f"{water:.0f}",
        "least_gain": f"{min(gains):.0f}",
        "most_gain": f"{max(gains):.0f}",
        "least_slope": f"{min(slopes):.1f}",
        "most_slope": f"{max(slopes):.1f}",
    }


def _losses(sweep: Sweep) -> dict[str, str]:
    """What inhomogeneity costs each sequence, from the best to the worst magnet."""
    least, most = min(sweep.magnets), max(sweep.magnets)
    lost = {s: 1 - sweep.magnets[most][s] / sweep.magnets[least][s] for s in SEQUENCES}
    losses = {f"loss_{sequence}": f"{100 * loss:.0f} %" for sequence, loss in lost.items()}
    return {"least_ppm": f"{least:g}", "most_ppm": f"{most:g}", **losses}


def _facts(settings: Settings, took: float) -> list[str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "dask", "distributed", "nilearn"))
    return [
        f"Command: `python -m experiments.field_strength_snr`, seed {settings.seed}",
        f"Date: {datetime.date.today().isoformat()}; version: pirecon {version('pirecon')}",
        f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}; the sweep took {took:.0f} s",
        f"Python {platform.python_version()}, {packages}",
    ]

