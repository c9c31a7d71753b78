"""How T1, T2 and T2* of a tissue follow the field strength: the laws, and the table of their coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bloch.tissue.table import read_table

GYROMAGNETIC_RATIO = 42.577478518e6
"""γ/2π of the proton, Hz/T. Source: CODATA 2018 (bare proton; water lies 26 ppm below)."""


@dataclass(frozen=True)
class PowerLaw:
    """``T1 = a (γB0)^b``, γB0 in Hz.

    Attributes:
        a: T1 at γB0 = 1 Hz, s.
        b: exponent, dimensionless.
    """

    a: float
    b: float

    def __call__(self, B0: float) -> float:
        """T1 at B0 (T), s."""
        return self.a * (GYROMAGNETIC_RATIO * B0) ** self.b


@dataclass(frozen=True)
class RelaxationFit:
    """One row of the table: how T1, T2 and T2* of a tissue follow B0.

    Attributes:
        name: of the tissue.
        T1_laws: one or two power laws; the larger is T1.
        valid_from: smallest B0 which a source covers, T.
        valid_to: largest B0 which a source covers, T.
        R2: at B0 = 0, 1/s, and its slope, 1/(s T).
        R2_prime_per_T: static dephasing in a homogeneous magnet, 1/(s T).
        source: T1's source and T2's source.
        check: what of T1 and of T2 was confirmed, and what is assumed or recalled.
    """

    name: str
    T1_laws: tuple[PowerLaw, ...]
    valid_from: float
    valid_to: float
    R2: tuple[float, float]
    R2_prime_per_T: float
    source: tuple[str, str]
    check: tuple[str, str]

    def covers(self, B0: float) -> bool:
        """Whether a source covers this field (T)."""
        return self.valid_from <= B0 <= self.valid_to


def longitudinal_relaxation_time(fit: RelaxationFit, B0: float) -> float:
    """T1 at B0.

    ``T1 = max_i a_i (γB0)^b_i``. One power law does not reach from millitesla to 7 T: dispersion is weak at low field
    and grows towards high field, so log T1 over log B0 is convex. Two laws are the simplest convex curve: one through
    the measurement at 50 mT, where Rooney's law is 15 % (grey) and 33 % (white matter) too short, and the published
    law above the field where they cross.

    Args:
        fit: row of the table.
        B0: field strength, T.

    Returns:
        T1, s.

    Source: Rooney et al., Magn Reson Med 57:308 (2007), 1H2O of brain and blood, 0.2-7 T; Bottomley et al., Med Phys
        11:425 (1984), ``T1 = A ν^B``, 1-100 MHz; O'Reilly & Webb, Magn Reson Med 87:884 (2022), 50 mT.
    """
    return max(law(B0) for law in fit.T1_laws)


def transverse_relaxation_times(fit: RelaxationFit, B0: float) -> tuple[float, float]:
    """T2 and T2* at B0.

    ``1/T2 = R2_0 + B0 dR2/dB0`` and ``1/T2* = 1/T2 + B0 dR2'/dB0``.

    Args:
        fit: row of the table.
        B0: field strength, T.

    Returns:
        T2 and T2*, s. T2* is that of one resonance in a homogeneous magnet: without the chemical shift between the
        peaks of fat, and without the field's own inhomogeneity.

    Source: Cox & Gowland, Magn Reson Med (2010, PMID 20593370), T2 of brain at 1.5, 3 and 7 T; Peters et al., Magn
        Reson Imaging 25:748 (2007), finds R2* linear in B0.
    """
    R2 = fit.R2[0] + fit.R2[1] * B0
    return 1 / R2, 1 / (R2 + fit.R2_prime_per_T * B0)


@lru_cache(maxsize=1)
def relaxation_fits() -> dict[str, RelaxationFit]:
    """The table ``relaxation.csv`` of this package, by tissue name."""
    return {row["name"]: _fit_from_row(row) for row in read_table("relaxation.csv")}


def _fit_from_row(row: dict[str, str]) -> RelaxationFit:
    laws = []
    if row["T1_a"]:
        laws.append(PowerLaw(a=float(row["T1_a"]), b=float(row["T1_b"])))
    if row["T1_point"]:
        T1, B0, b = (float(row[key]) for key in ("T1_point", "B0_point", "b_point"))
        laws.append(PowerLaw(a=T1 / (GYROMAGNETIC_RATIO * B0) ** b, b=b))
    return RelaxationFit(
        name=row["name"],
        T1_laws=tuple(laws),
        valid_from=float(row["valid_from"]),
        valid_to=float(row["valid_to"]),
        R2=(float(row["R2_0"]), float(row["R2_per_T"])),
        R2_prime_per_T=float(row["R2prime_per_T"]),
        source=(row["T1_source"], row["T2_source"]),
        check=(row["T1_check"], row["T2_check"]),
    )
