"""Relaxation times and proton density of a tissue, as a function of field strength."""

from __future__ import annotations

import csv
import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

GYROMAGNETIC_RATIO = 42.577478518e6
"""γ/2π of the proton, Hz/T. Source: CODATA 2018 (bare proton; water lies 26 ppm below)."""

SMALLEST_B0, LARGEST_B0 = 0.01, 7.0


@dataclass(frozen=True)
class Tissue:
    """What a spin of this tissue does at one field strength.

    Attributes:
        name: as in the table, e.g. ``"grey_matter"``.
        T1: longitudinal relaxation time, s.
        T2: transverse relaxation time, s.
        T2_star: transverse relaxation time with static dephasing inside a voxel, s; at most T2.
        proton_density: relative to water.
    """

    name: str
    T1: float
    T2: float
    T2_star: float
    proton_density: float


@dataclass(frozen=True)
class RelaxationFit:
    """One row of the table: how T1, T2 and T2* of a tissue follow B0.

    Attributes:
        name: of the tissue.
        a: T1 at γB0 = 1 Hz, s.
        b: exponent of the power law, dimensionless.
        valid_from: smallest B0 which a source covers, T.
        valid_to: largest B0 which a source covers, T.
        fit_from: smallest B0 of the power law, T.
        low_field: measured ``(B0, T1)`` below the power law's range, T and s, or None.
        R2: at B0 = 0, 1/s, and its slope, 1/(s T).
        R2_prime_per_T: static dephasing in a homogeneous magnet, 1/(s T).
        proton_density: relative to water.
        source: T1's source and T2's source.
    """

    name: str
    a: float
    b: float
    valid_from: float
    valid_to: float
    fit_from: float
    low_field: tuple[float, float] | None
    R2: tuple[float, float]
    R2_prime_per_T: float
    proton_density: float
    source: tuple[str, str]


def longitudinal_relaxation_time(fit: RelaxationFit, B0: float) -> float:
    """T1 at B0 by the tissue's power law.

    ``T1 = a (γB0)^b``, γB0 in Hz. Below the law's range the dispersion flattens, so where a low-field measurement
    exists, log T1 is interpolated in log B0 between it and the law.

    Args:
        fit: row of the table.
        B0: field strength, T.

    Returns:
        T1, s.

    Source: Rooney et al., Magn Reson Med 57:308 (2007), eq. for 1H2O T1 of brain; Bottomley et al., Med Phys 11:425
        (1984), ``T1 = A ν^B``; O'Reilly & Webb, Magn Reson Med 87:884 (2022) for 50 mT.
    """
    law = fit.a * (GYROMAGNETIC_RATIO * B0) ** fit.b
    if fit.low_field is None or fit.fit_from <= B0:
        return law
    B0_low, T1_low = fit.low_field
    edge = fit.a * (GYROMAGNETIC_RATIO * fit.fit_from) ** fit.b
    slope = math.log(edge / T1_low) / math.log(fit.fit_from / B0_low)
    return T1_low * (B0 / B0_low) ** slope


def tissue_at(fit: RelaxationFit, B0: float) -> Tissue:
    """The tissue at B0.

    ``1/T2 = R2_0 + B0 dR2/dB0`` and ``1/T2* = 1/T2 + B0 dR2'/dB0`` (linear through the published points).

    Args:
        fit: row of the table.
        B0: field strength, T.

    Returns:
        Tissue, times in s.
    """
    R2 = fit.R2[0] + fit.R2[1] * B0
    return Tissue(
        name=fit.name,
        T1=longitudinal_relaxation_time(fit, B0),
        T2=1 / R2,
        T2_star=1 / (R2 + fit.R2_prime_per_T * B0),
        proton_density=fit.proton_density,
    )


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

    Source: the columns ``T1_source`` and ``T2_source`` of ``relaxation.csv``.
    """
    if not SMALLEST_B0 <= B0 <= LARGEST_B0:
        raise ValueError(
            f"B0 is {B0} T; relaxation times are known from {SMALLEST_B0} to {LARGEST_B0} T. "
            "If the number is in mT or MHz, convert it to T (42.58 MHz is 1 T)."
        )
    fits = relaxation_fits()
    outside = [f.name for f in fits.values() if not f.valid_from <= B0 <= f.valid_to]
    if outside:
        warnings.warn(
            f"Relaxation times at {B0} T lie outside the range of their sources and are extrapolated for: "
            f"{', '.join(outside)}.",
            stacklevel=2,
        )
    return {name: tissue_at(fit, B0) for name, fit in fits.items()}


@lru_cache(maxsize=1)
def relaxation_fits() -> dict[str, RelaxationFit]:
    """The table ``relaxation.csv`` of this package, by tissue name."""
    text = files("bloch.tissue").joinpath("relaxation.csv").read_text(encoding="utf-8")
    return {row["name"]: _fit_from_row(row) for row in csv.DictReader(text.splitlines())}


def _fit_from_row(row: dict[str, str]) -> RelaxationFit:
    low_field = (float(row["B0_low"]), float(row["T1_low"])) if row["B0_low"] else None
    fit_from = float(row["fit_from"])
    return RelaxationFit(
        name=row["name"],
        a=float(row["T1_a"]),
        b=float(row["T1_b"]),
        valid_from=low_field[0] if low_field else fit_from,
        valid_to=float(row["fit_to"]),
        fit_from=fit_from,
        low_field=low_field,
        R2=(float(row["R2_0"]), float(row["R2_per_T"])),
        R2_prime_per_T=float(row["R2prime_per_T"]),
        proton_density=float(row["proton_density"]),
        source=(row["T1_source"], row["T2_source"]),
    )
