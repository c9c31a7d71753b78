"""Published measurements, and how far the table lies from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bloch.tissue.relaxation import longitudinal_relaxation_time, transverse_relaxation_times
from bloch.tissue.table import read_table
from bloch.tissue.tissue import relaxation_fit


@dataclass(frozen=True)
class PublishedPoint:
    """A measurement: one row of ``published.csv``.

    Attributes:
        tissue: name in the table of tissues.
        B0: field strength, T.
        T1: s; None where not measured.
        T2: s; None where not measured.
        T2_star: s; None where not measured.
        T1_sd: standard deviation as published, s; None where not given.
        T2_sd: standard deviation as published, s; None where not given.
        source: paper.
        check: how the number was confirmed; "recalled" where it was not.
    """

    tissue: str
    B0: float
    T1: float | None
    T2: float | None
    T2_star: float | None
    T1_sd: float | None
    T2_sd: float | None
    source: str
    check: str

    @property
    def confirmed(self) -> bool:
        """Whether every number of the row was found again in a public copy of the paper or in a text that cites it."""
        return "recalled" not in self.check


@dataclass(frozen=True)
class Deviation:
    """The table against one measured number.

    Attributes:
        point: the measurement.
        quantity: ``"T1"``, ``"T2"`` or ``"T2_star"``.
        published: the measured time, s.
        table: the time of the table at the same field, s.
    """

    point: PublishedPoint
    quantity: str
    published: float
    table: float

    @property
    def relative(self) -> float:
        """``table / published - 1``."""
        return self.table / self.published - 1


@lru_cache(maxsize=1)
def published_points() -> tuple[PublishedPoint, ...]:
    """Every published measurement, by rising field: the table ``published.csv`` of this package."""
    return tuple(_point_from_row(row) for row in read_table("published.csv"))


def deviation_from_published(tissue: str | None = None) -> tuple[Deviation, ...]:
    """How far the table lies from each published number.

    Args:
        tissue: name of one tissue; None for all.

    Returns:
        One entry for each measured T1, T2 and T2*, by rising field; empty for a tissue that nobody measured.

    Raises:
        ValueError: the tissue is not in the table.
    """
    if tissue is not None:
        relaxation_fit(tissue)
    points = [point for point in published_points() if tissue in (None, point.tissue)]
    return tuple(deviation for point in points for deviation in _deviations(point))


def _deviations(point: PublishedPoint) -> list[Deviation]:
    fit = relaxation_fit(point.tissue)
    T2, T2_star = transverse_relaxation_times(fit, point.B0)
    pairs = {
        "T1": (point.T1, longitudinal_relaxation_time(fit, point.B0)),
        "T2": (point.T2, T2),
        "T2_star": (point.T2_star, T2_star),
    }
    return [
        Deviation(point, quantity, published, table)
        for quantity, (published, table) in pairs.items()
        if published is not None
    ]


def _point_from_row(row: dict[str, str]) -> PublishedPoint:
    def number(key: str) -> float | None:
        return float(row[key]) if row[key] else None

    return PublishedPoint(
        tissue=row["tissue"],
        B0=float(row["B0"]),
        T1=number("T1"),
        T2=number("T2"),
        T2_star=number("T2_star"),
        T1_sd=number("T1_sd"),
        T2_sd=number("T2_sd"),
        source=row["source"],
        check=row["check"],
    )
