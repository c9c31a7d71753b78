"""What a comparison hands to the page."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Row:
    """One number and its limit.

    Attributes:
        case: what was compared.
        found: the number, in the part's unit.
        limit: largest that is asked for; None where nothing is asked.
        note: in words.
    """

    case: str
    found: float
    limit: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the number keeps its limit; NaN does not."""
        return self.limit is None or self.found <= self.limit


@dataclass(frozen=True)
class Part:
    """A section of the page.

    Attributes:
        title: of the section.
        about: a paragraph: what is compared and how.
        quantity: heading of the numbers.
        rows: the numbers.
        missing: why something could not take part, a line each.
    """

    title: str
    about: str
    quantity: str
    rows: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def relative_difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """NRMSE: ‖found − wanted‖ / ‖wanted‖."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def best_scale(found: np.ndarray, wanted: np.ndarray) -> complex:
    """The complex number that brings ``found`` nearest to ``wanted``."""
    return complex(np.vdot(found, wanted) / np.vdot(found, found))
