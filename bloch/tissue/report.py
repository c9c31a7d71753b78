"""What a reader wants to know of the tissues at one field: values, range, sources, nearest measurements."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bloch.tissue.properties import tissue_properties
from bloch.tissue.published import Deviation, deviation_from_published
from bloch.tissue.relaxation import RelaxationFit
from bloch.tissue.tissue import Tissue, relaxation_fit, tissues_at

NEAR = 1.5  # a measurement within this factor of the field says something about it


@dataclass(frozen=True)
class TissueReport:
    """A tissue at one field with everything that supports it.

    Attributes:
        tissue: its values.
        fit: its row of the table: laws, range, sources and what was confirmed.
        extrapolated: whether the field lies outside the range of the sources.
        sources: of the proton density, fat fraction, susceptibility and diffusion.
        nearby: the published numbers at fields within a factor 1.5 of this one, and the table's deviation from each
            at the field of the measurement.
    """

    tissue: Tissue
    fit: RelaxationFit
    extrapolated: bool
    sources: dict[str, str]
    nearby: tuple[Deviation, ...]


def tissue_report(B0: float) -> tuple[TissueReport, ...]:
    """Every tissue at B0 with its sources and the published numbers near this field.

    Args:
        B0: field strength, T, from 0.01 to 7.

    Returns:
        One report for each tissue, in the table's order.

    Raises:
        ValueError: B0 is not between 0.01 and 7 T.

    Warns:
        UserWarning: for some tissues no source covers this field; their values are extrapolated.
    """
    return tuple(_report(tissue, B0) for tissue in tissues_at(B0).values())


def _report(tissue: Tissue, B0: float) -> TissueReport:
    fit = relaxation_fit(tissue.name)
    # The tolerance keeps a measurement exactly on the border (1 T and 1.5 T) on the same side for every rounding.
    reach = math.log(NEAR) + 1e-9
    return TissueReport(
        tissue=tissue,
        fit=fit,
        extrapolated=not fit.covers(B0),
        sources=tissue_properties()[tissue.name].sources,
        nearby=tuple(d for d in deviation_from_published(tissue.name) if abs(math.log(d.point.B0 / B0)) <= reach),
    )
