"""Published numbers that were looked up: published.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache

from experiments.field_strength_snr.settings import HERE


@dataclass(frozen=True)
class Published:
    """A number of a paper.

    Attributes:
        kind: ``exponent``, ``ratio``, ``absolute``, ``absolute_theory``, ``coil_noise_figure`` or ``relaxation``.
        B0_low: from, T.
        B0_high: to, T.
        value: in the unit that ``what`` names.
        sd: standard deviation, or None.
        what: was measured or computed.
        source: paper.
        check: where the number was read.
    """

    kind: str
    B0_low: float
    B0_high: float
    value: float
    sd: float | None
    what: str
    source: str
    check: str


@lru_cache(maxsize=1)
def published() -> tuple[Published, ...]:
    """All rows."""
    with (HERE / "published.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Published(
                row["kind"],
                float(row["B0_low"]),
                float(row["B0_high"]),
                float(row["value"]),
                float(row["sd"]) if row["sd"] else None,
                row["what"],
                row["source"],
                row["check"],
            )
            for row in csv.DictReader(file)
        )


def of_kind(kind: str) -> list[Published]:
    """Rows of one kind."""
    return [row for row in published() if row.kind == kind]
