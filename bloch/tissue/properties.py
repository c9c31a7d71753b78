"""What does not depend on the field: proton density, chemical shift, susceptibility, diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bloch.tissue.table import read_table

AIR_SUSCEPTIBILITY = 0.36
"""Volume susceptibility of air, ppm (SI). Source: Schenck, Med Phys 23:815 (1996)."""

WATER_SUSCEPTIBILITY = -9.05
"""Volume susceptibility of water at 37 °C, ppm (SI). Source: Schenck, Med Phys 23:815 (1996)."""


@dataclass(frozen=True)
class SpectralPeak:
    """A line of a tissue's proton spectrum.

    Attributes:
        shift: from water, ppm; a positive one precesses faster, fat's main peak lies at -3.4.
        amplitude: share of the tissue's protons; those of a tissue add up to 1.
    """

    shift: float
    amplitude: float


WATER_PEAK = SpectralPeak(shift=0.0, amplitude=1.0)


@dataclass(frozen=True)
class TissueProperties:
    """One row of ``properties.csv``.

    Attributes:
        name: of the tissue.
        proton_density: visible protons relative to water.
        chemical_shift: the tissue's spectrum.
        susceptibility: absolute volume susceptibility, ppm (SI).
        diffusion: mean diffusivity, m²/s.
        sources: of the proton density, fat fraction, susceptibility and diffusion, with what was confirmed.
    """

    name: str
    proton_density: float
    chemical_shift: tuple[SpectralPeak, ...]
    susceptibility: float
    diffusion: float
    sources: dict[str, str]


@lru_cache(maxsize=1)
def fat_spectrum() -> tuple[SpectralPeak, ...]:
    """The six peaks of human fat; amplitudes add up to 1.

    Source: Hamilton et al., NMR Biomed 24:784 (2011), in vivo liver fat; the table ``fat_spectrum.csv``.
    """
    rows = [(float(row["shift_ppm"]), float(row["amplitude"])) for row in read_table("fat_spectrum.csv")]
    total = sum(amplitude for _, amplitude in rows)  # 0.999 as published
    return tuple(SpectralPeak(shift, amplitude / total) for shift, amplitude in rows)


def mixed_spectrum(fat_fraction: float) -> tuple[SpectralPeak, ...]:
    """The spectrum of a mixture of water and fat.

    Args:
        fat_fraction: share of fat in the visible protons, 0 to 1.

    Returns:
        Water first, where there is any, then the peaks of fat; amplitudes add up to 1.

    Raises:
        ValueError: the fraction is not between 0 and 1.
    """
    if not 0 <= fat_fraction <= 1:
        raise ValueError(
            f"The fat fraction is {fat_fraction}; it is a share of the protons, from 0 to 1. Divide per cent by 100."
        )
    water = (SpectralPeak(0.0, 1 - fat_fraction),) if fat_fraction < 1 else ()
    fat = tuple(SpectralPeak(p.shift, fat_fraction * p.amplitude) for p in fat_spectrum()) if fat_fraction > 0 else ()
    return water + fat


@lru_cache(maxsize=1)
def tissue_properties() -> dict[str, TissueProperties]:
    """The table ``properties.csv`` of this package, by tissue name."""
    return {row["name"]: _properties_from_row(row) for row in read_table("properties.csv")}


def _properties_from_row(row: dict[str, str]) -> TissueProperties:
    ending = "_source"
    return TissueProperties(
        name=row["name"],
        proton_density=float(row["proton_density"]),
        chemical_shift=mixed_spectrum(float(row["fat_fraction"])),
        susceptibility=float(row["susceptibility_ppm"]),
        diffusion=float(row["diffusion_m2_per_s"]),
        sources={key.removesuffix(ending): text for key, text in row.items() if key.endswith(ending) and text},
    )
