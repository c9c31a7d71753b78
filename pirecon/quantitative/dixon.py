"""Water, fat, field and R2* from images at several echo times."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from pirecon.encoding import FatSpectrum, fat_spectrum_at
from pirecon.quantitative.displacement import undo_displacement
from pirecon.quantitative.echo_model import EchoModel, VoxelFit, echo_model, fit_voxels
from pirecon.quantitative.fat_fraction import fat_fraction
from pirecon.quantitative.first_field import Differences, first_field
from pirecon.quantitative.precision import fraction_deviation, precision_from_neighbours
from pirecon.quantitative.refinement import Maps, Smoothness, refine
from pirecon.quantitative.swaps import certainty, swap_margin
from pirecon.quantitative.two_decays import FEWEST_ECHOES, with_two_decays

MODEL_ERROR = 0.02
"""Of the signal: what spectrum and single decay leave unexplained however little noise there is."""
SEARCH_ERROR = 0.05
"""The same for the search, which knows R2* only by the steps of its list."""
ROUGHEST, SMOOTHEST = 0.5, 0.03  # ppm by which neighbouring voxels' fields differ
R2_STAR_DIFFERENCE = 20.0  # 1/s, of neighbouring voxels
POOR = 0.05


@dataclass(frozen=True)
class FatWater:
    """Quantities of water and fat, all ``(z, y, x)``.

    Attributes:
        water, fat: complex, at echo time 0, in the unit of the images.
        fat_fraction: share of fat in the signal at echo time 0; noise takes it below 0 and above 1.
        deviation: standard deviation of ``fat_fraction`` expected from noise alone; infinite without signal.
        R2_star: 1/s.
        off_resonance: δf, Hz; positive where the field is larger.
        reliability: c / (1 + (deviation / 0.1)²): 0 without signal, ½ where noise scatters by 10 percentage points; c
            is below 1 where exchanging fat and water of a whole region would explain the echoes nearly as well.
        source: what was done, in a sentence.
    """

    water: Tensor
    fat: Tensor
    fat_fraction: Tensor
    deviation: Tensor
    R2_star: Tensor
    off_resonance: Tensor
    reliability: Tensor
    source: str


@dataclass(frozen=True)
class DixonSettings:
    """What may be known better than by default.

    Attributes:
        largest_offset: fields from minus to plus this many ppm of B0 are looked for.
        relaxation_difference: R2* of fat minus R2* of water, 1/s; None estimates one for all voxels, from five echoes
            on, and takes 0 with fewer.
        voxel_size: (z, y, x), m; None for cubes.
        noise: standard deviation of the real part of the images; 1 in SNR units.
        readout_steps: time from one kx to the next of each echo, s, negative where lines are read backwards; moves fat
            back to where it is. None leaves it displaced.
    """

    largest_offset: float = 20.0
    relaxation_difference: float | None = None
    voxel_size: tuple[float, float, float] | None = None
    noise: float = 1.0
    readout_steps: tuple[float, ...] | None = None


@torch.no_grad()
def separate_fat_and_water(
    images: Tensor, echo_times: Sequence[float], field_strength: float, *, settings: DixonSettings | None = None
) -> FatWater:
    """Water, fat, R2* and field of every voxel, with a smooth field.

    s_n = (W + F Σ_p a_p exp(−2πi f_p t_n − ΔR2* t_n)) exp(−2πi δf t_n − R2* t_n). For each of many fields the residual
    of the best water, fat and R2* is known; minimum cuts choose a smooth field among its minima, and Gauss–Newton steps
    refine field and R2*. ΔR2* between fat and water is one number for all voxels. Complex images have no noise floor,
    so R2* needs no correction for one. Three echoes do not tell the R2* of each voxel: one value is taken for all in
    the result, while the search lets tissues scatter about it (else tissue that decays faster looks swapped).

    Fields that differ by several tenths of a ppm between voxels, or jump across wide gaps without signal, may be put a
    fat-water distance off, which swaps fat and water there.

    Args:
        images: complex ``(echo, z, y, x)``, of one gradient echo train, reconstructed alike (one regularisation, one
            phase reference); SNR units. Stacks of slices may be stacked along z.
        echo_times: t_n, s, growing.
        field_strength: B0, T.
        settings: what is known better.

    Returns:
        FatWater, on the device and in the precision of ``images``.

    Raises:
        ValueError: fewer than three echoes, or echo times that do not fit the images.

    Warns:
        UserWarning: noise makes the fat fraction useless at these echo times (it is said by how much).

    Source: Hernando et al., Magn Reson Med 63:79 (2010); Yu et al., Magn Reson Med 60:1122 (2008).
    """
    settings = settings or DixonSettings()
    _check(images, echo_times)
    spectrum = fat_spectrum_at(field_strength, relaxation_difference=settings.relaxation_difference or 0.0)
    signal = images.to(torch.complex128)
    model = echo_model(torch.tensor(echo_times, dtype=torch.float64, device=images.device), spectrum)
    power = signal.abs().square()
    variance, coarse = (settings.noise**2 + error**2 * power.mean(0) for error in (MODEL_ERROR, SEARCH_ERROR))
    hertz_per_ppm = -spectrum.main_frequency / 3.4
    differences = Differences(hertz_per_ppm, ROUGHEST, _relative(settings.voxel_size))
    first = first_field(signal, model, coarse, differences, largest_offset=settings.largest_offset)
    maps, smoothness = _refine(signal, model, first.maps, variance, hertz_per_ppm, settings)
    if settings.relaxation_difference is None and len(echo_times) >= FEWEST_ECHOES:
        spectrum, maps = with_two_decays(signal, model.times, spectrum, maps, smoothness=smoothness, variance=variance)
        model = echo_model(model.times, spectrum)
    fit = fit_voxels(signal.flatten(1), model, maps.off_resonance.flatten(), maps.R2_star.flatten())
    deviation = _deviation(fit, smoothness, settings.noise**2).unflatten(0, images.shape[1:])
    species = fit.species.unflatten(1, images.shape[1:])
    if settings.readout_steps is not None:
        species = undo_displacement(signal, species, maps, echo_times, spectrum, settings.readout_steps)
    fraction = fat_fraction(species[0], species[1])
    certain = certainty(swap_margin(first, fraction > 0.5))
    said = _advice(deviation, species, echo_times, spectrum, settings) + _swaps(certain, species)
    real = images.real.dtype
    return FatWater(
        water=species[0].to(images.dtype),
        fat=species[1].to(images.dtype),
        fat_fraction=fraction.to(real),
        deviation=deviation.to(real),
        R2_star=maps.R2_star.to(real),
        off_resonance=maps.off_resonance.to(real),
        reliability=(certain / (1 + (deviation / 0.1).square())).to(real),
        source=said,
    )


def _refine(
    signal: Tensor, model: EchoModel, start: Maps, variance: Tensor, ppm: float, settings: DixonSettings
) -> tuple[Maps, Smoothness]:
    """Twice: with neighbours as free as in the search, then with what that showed of the field's slopes."""
    z, y, x = _relative(settings.voxel_size)
    rates = None if len(model.times) == 3 else (R2_STAR_DIFFERENCE * z, R2_STAR_DIFFERENCE * y, R2_STAR_DIFFERENCE * x)
    free = ROUGHEST * ppm
    smoothness = Smoothness((free * z, free * y, free * x), rates)
    maps = refine(signal, model, start, smoothness=smoothness, variance=variance)
    slope = _slope(signal, maps.off_resonance, (z, y, x)).clamp(SMOOTHEST * ppm, free)
    tight = float(slope)
    smoothness = replace(smoothness, off_resonance=(tight * z, tight * y, tight * x))
    return refine(signal, model, maps, smoothness=smoothness, variance=variance), smoothness


def _slope(signal: Tensor, field: Tensor, relative: tuple[float, float, float]) -> Tensor:
    """Root mean square of the field's difference between voxels of edge 1 that both have signal."""
    weight = signal.abs().square().sum(0)
    squares, weights = torch.zeros((), dtype=field.dtype, device=field.device), torch.zeros((), device=field.device)
    for axis, edge in enumerate(relative):
        n = field.shape[axis]
        both = weight.narrow(axis, 0, n - 1) * weight.narrow(axis, 1, n - 1)
        squares = squares + (both * (field.diff(dim=axis) / edge).square()).sum()
        weights = weights + both.sum()
    return (squares / weights.clamp_min(torch.finfo(field.dtype).tiny)).sqrt()


def _relative(voxel_size: tuple[float, float, float] | None) -> tuple[float, float, float]:
    """Edges over the smallest edge."""
    if voxel_size is None:
        return (1.0, 1.0, 1.0)
    z, y, x = (edge / min(voxel_size) for edge in voxel_size)
    return z, y, x


def _deviation(fit: VoxelFit, smoothness: Smoothness, variance: float) -> Tensor:
    h = fit.curvature / variance
    own = torch.stack([h[0, 0] - h[0, 1].square() / h[1, 1].clamp_min(1e-30), h[1, 1]])
    known = torch.full_like(own, 1e12)
    known[0] = precision_from_neighbours(own[0], [s**-2 for s in smoothness.off_resonance[1:]])
    if smoothness.R2_star is not None:
        known[1] = precision_from_neighbours(own[1], [s**-2 for s in smoothness.R2_star[1:]])
    return fraction_deviation(fit, torch.full_like(own[0], variance), known)


def _advice(
    deviation: Tensor, species: Tensor, echo_times: Sequence[float], spectrum: FatSpectrum, settings: DixonSettings
) -> str:
    """One sentence on what was done, and a warning where noise rules."""
    total = species.sum(0).abs() / settings.noise
    inside = total > 0.3 * torch.quantile(total.flatten()[:: max(1, total.numel() // 1_000_000)], 0.98)
    snr = float(total[inside].median()) if bool(inside.any()) else 0.0
    periods = (max(echo_times) - min(echo_times)) * abs(spectrum.main_frequency)
    typical = float(deviation[inside].median()) if bool(inside.any()) else float("inf")
    times = ", ".join(f"{1e3 * t:.3g}" for t in echo_times)
    if not typical < POOR:
        warnings.warn(
            f"the echo times {times} ms span {periods:.2g} of a fat-water period "
            f"({1e3 / abs(spectrum.main_frequency):.3g} ms at {spectrum.field_strength:g} T), and the SNR is "
            f"{snr:.3g}: the fat fraction of a voxel is unreliable, its expected standard deviation is "
            f"{100 * typical:.2g} percentage points. Spread the echoes over a period, measure more of them, or average "
            "the fraction over regions",
            stacklevel=3,
        )
    rate = "one R2* for all" if len(echo_times) == 3 else "R2* of each voxel"
    apart = f", that of fat {spectrum.relaxation_difference:+.2g} 1/s from that of water"
    return (
        f"fat and water from {len(echo_times)} echoes ({times} ms, {periods:.2g} fat-water periods) with six lines of "
        f"fat at {spectrum.field_strength:g} T, a smooth field by minimum cuts and {rate}"
        f"{apart}; fat fraction scatters by {100 * typical:.2g} percentage points at the median SNR of {snr:.3g}"
    )


def _swaps(certain: Tensor, species: Tensor) -> str:
    """How much of the signal might be swapped."""
    weight = species.abs().square().sum(0)
    doubtful = float((weight * (certain < 0.5)).sum() / weight.sum().clamp_min(1e-30))
    if doubtful < 0.005:
        return ""
    return (
        f"; regions with {100 * doubtful:.2g} % of the signal may have fat and water exchanged (the echoes hardly tell "
        "which is which there; reliability is low)"
    )


def _check(images: Tensor, echo_times: Sequence[float]) -> None:
    if images.ndim != 4 or not images.is_complex() or len(images) != len(echo_times):
        raise ValueError(
            f"expected complex images (echo, z, y, x) and as many echo times; found {images.dtype} of shape "
            f"{tuple(images.shape)} and {len(echo_times)} echo times"
        )
    if len(echo_times) < 3:
        raise ValueError(
            f"{len(echo_times)} echoes cannot tell water, fat and field apart: two complex numbers for each voxel have "
            "four values, and water, fat and field have five. Measure three echoes or more"
        )
    if not all(0 < a < b < 1 for a, b in pairwise(echo_times)):
        raise ValueError(
            f"the echo times {tuple(echo_times)} must grow and be in s, such as (0.004, 0.010, 0.016); if they are in "
            "ms, multiply by 0.001"
        )
    if not bool(torch.isfinite(torch.view_as_real(images)).all()):
        raise ValueError("the images hold infinite or undefined values; look at the reconstruction")
