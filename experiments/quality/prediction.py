"""How well does each method predict samples that it was not given?

χ² = mean |E x − y|² / 2 over the samples that were kept back, in SNR units: 1 where only noise is left.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

import torch
from torch import Tensor

from experiments.quality.real_data import RealFile, RealSlice, all_methods, brain_files, real_file
from pirecon.encoding import CartesianSense
from pirecon.methods import Method

SHARE = 0.1
CENTRE = 16  # samples on each axis, about the strongest sample, of which none is kept back
SEED = 40

Rows = dict[str, dict[str, float]]


def prediction(checkpoint: str) -> dict[str, Rows]:
    """χ² by kind of prediction, file and method."""
    methods = all_methods(checkpoint)
    samples: Rows = {}
    lines: Rows = {}
    for file in brain_files():
        samples[file.name] = held_out_chi2(file, methods, random_samples)
        lines[file.name] = held_out_chi2(file, methods, random_lines)
    averages = {file.name: second_average_chi2(file, methods) for file in brain_files("*interference*.h5")}
    return {"samples": samples, "lines": lines, "averages": averages}


def held_out_chi2(
    file: RealFile, methods: dict[str, Method], choose: Callable[[RealSlice, torch.Generator], Tensor]
) -> dict[str, float]:
    """Mean over slices of the χ² of each method, and of predicting zero."""
    found: dict[str, list[float]] = {name: [] for name in (*methods, "zero")}
    for index, slice_ in enumerate(file.slices):
        generator = torch.Generator().manual_seed(SEED + index)
        held = choose(slice_, generator)
        given = CartesianSense(slice_.E.maps, slice_.E.weights * ~held)
        asked = CartesianSense(slice_.E.maps, slice_.E.weights * held)
        target = slice_.samples * held
        count = 2 * int((asked.weights > 0).sum())
        for name, solve in methods.items():
            error = asked(solve(slice_.samples * ~held, given)) - target
            found[name].append(float(error.abs().square().sum()) / count)
        found["zero"].append(float(target.abs().square().sum()) / count)
    return {name: fmean(values) for name, values in found.items()}


def random_samples(slice_: RealSlice, generator: torch.Generator) -> Tensor:
    """A tenth of the measured samples away from the centre, bool ``(1, kz, ky, kx)``."""
    away = _away_from_centre(slice_)
    return away & (torch.rand(away.shape, generator=generator) < SHARE)


def random_lines(slice_: RealSlice, generator: torch.Generator) -> Tensor:
    """A tenth of the measured phase-encode lines away from the central ones, bool ``(1, kz, ky, kx)``."""
    away = _away_from_centre(slice_, lines=True)
    chosen = torch.rand(away.shape[:-1], generator=generator) < SHARE
    return away & chosen[..., None]


def _away_from_centre(slice_: RealSlice, *, lines: bool = False) -> Tensor:
    energy = slice_.samples.abs().square().sum(0)  # (kz, ky, kx)
    peak = torch.unravel_index(energy.argmax(), energy.shape)
    ky, kx = (torch.arange(n) for n in energy.shape[-2:])
    central = ((ky - peak[1]).abs() <= CENTRE // 2)[:, None] & (((kx - peak[2]).abs() <= CENTRE // 2)[None] | lines)
    return (slice_.E.weights > 0) & ~central


def second_average_chi2(file: RealFile, methods: dict[str, Method]) -> dict[str, float]:
    """Reconstruct from the first average, predict the second; "itself" predicts by the first average's samples."""
    first, second = (real_file(file.path, average=number) for number in (0, 1))
    scale = first.measurement.noise_scale / second.measurement.noise_scale
    found: dict[str, list[float]] = {name: [] for name in (*methods, "itself")}
    for given, asked in zip(first.slices, second.slices, strict=True):
        measured = asked.E.weights > 0
        for name, solve in methods.items():
            found[name].append(_chi2(scale * asked.E(solve(given.samples, given.E)), asked.samples, measured))
        found["itself"].append(_chi2(scale * given.samples, asked.samples, measured))
    return {name: fmean(values) for name, values in found.items()}


def _chi2(predicted: Tensor, measured: Tensor, where: Tensor) -> float:
    error = (predicted - measured) * where
    return float(error.abs().square().sum() / (2 * where.sum() * measured.shape[0]))
