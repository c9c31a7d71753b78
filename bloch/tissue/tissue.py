"""Tissue at a field strength."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from bloch.tissue.properties import WATER_PEAK, WATER_SUSCEPTIBILITY, SpectralPeak, tissue_properties
from bloch.tissue.relaxation import (
    RelaxationFit,
    longitudinal_relaxation_time,
    relaxation_fits,
    transverse_relaxation_times,
)

SMALLEST_B0, LARGEST_B0 = 0.01, 7.0


@dataclass(frozen=True)
class Tissue:
    """What a spin of this tissue does at one field strength.

    Attributes:
        name: as in the table, e.g. ``"grey_matter"``.
        T1: longitudinal relaxation time, s.
        T2: transverse relaxation time, s.
        T2_star: transverse relaxation time of one resonance with static dephasing inside a voxel, s; at most T2.
        proton_density: relative to water.
        chemical_shift: lines of the spectrum; their amplitudes add up to 1.
        susceptibility: absolute volume susceptibility, ppm (SI); air has 0.36.
        diffusion: mean diffusivity, m²/s; 0 leaves diffusion out.
    """

    name: str
    T1: float
    T2: float
    T2_star: float
    proton_density: float
    chemical_shift: tuple[SpectralPeak, ...] = (WATER_PEAK,)
    susceptibility: float = WATER_SUSCEPTIBILITY
    diffusion: float = 0.0


def tissues_at(B0: float) -> dict[str, Tissue]:
    """Every tissue of the table at field strength B0.

    Args:
        B0: field strength, T, from 0.01 to 7.

    Returns:
        Tissues by name.

    Raises:
        ValueError: B0 is not between 0.01 and 7 T.

    Warns:
        UserWarning: for some tissues no source covers this field; their values are extrapolated.

    Source: the source columns of ``relaxation.csv``, ``properties.csv`` and ``fat_spectrum.csv``.
    """
    _check_field(B0)
    fits = relaxation_fits()
    _warn_of_extrapolation(B0, [fit for fit in fits.values() if not fit.covers(B0)])
    return {name: _tissue_at(fit, B0) for name, fit in fits.items()}


def tissue(name: str, B0: float) -> Tissue:
    """One tissue at field strength B0.

    Args:
        name: of the tissue, e.g. ``"white_matter"``.
        B0: field strength, T, from 0.01 to 7.

    Returns:
        The tissue.

    Raises:
        ValueError: the tissue is not in the table (the message lists those that are), or B0 is not from 0.01 to 7 T.

    Warns:
        UserWarning: no source of this tissue covers this field; its values are extrapolated.
    """
    _check_field(B0)
    fit = relaxation_fit(name)
    _warn_of_extrapolation(B0, [] if fit.covers(B0) else [fit])
    return _tissue_at(fit, B0)


def relaxation_fit(name: str) -> RelaxationFit:
    """The row of the table that belongs to a tissue.

    Raises:
        ValueError: the tissue is not in the table; the message lists those that are.
    """
    fits = relaxation_fits()
    if name not in fits:
        raise ValueError(f"No tissue is called {name!r}; there are {', '.join(sorted(fits))}.")
    return fits[name]


def _tissue_at(fit: RelaxationFit, B0: float) -> Tissue:
    T2, T2_star = transverse_relaxation_times(fit, B0)
    properties = tissue_properties()[fit.name]
    return Tissue(
        name=fit.name,
        T1=longitudinal_relaxation_time(fit, B0),
        T2=T2,
        T2_star=T2_star,
        proton_density=properties.proton_density,
        chemical_shift=properties.chemical_shift,
        susceptibility=properties.susceptibility,
        diffusion=properties.diffusion,
    )


def _check_field(B0: float) -> None:
    if not SMALLEST_B0 <= B0 <= LARGEST_B0:
        raise ValueError(
            f"B0 is {B0} T; relaxation times are known from {SMALLEST_B0} to {LARGEST_B0} T. "
            "If the number is in mT or MHz, convert it to T (42.58 MHz is 1 T)."
        )


def _warn_of_extrapolation(B0: float, outside: list[RelaxationFit]) -> None:
    if outside:
        warnings.warn(
            f"Relaxation times at {B0} T lie outside the range of their sources and are extrapolated for: "
            f"{', '.join(fit.name for fit in outside)}.",
            stacklevel=3,
        )
