"""The tables of docs/tissue.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from bloch.tissue import (
    Deviation,
    deviation_from_published,
    fat_spectrum,
    published_points,
    relaxation_fits,
    tissue_properties,
    tissues_at,
)

FIELDS = (0.01, 0.05, 0.064, 0.1, 0.3, 0.55, 1.5, 3.0, 7.0)


def values() -> str:
    """T1 / T2 / T2* of every tissue at nine fields; italics where no source reaches."""
    tissues = {B0: tissues_at(B0) for B0 in FIELDS}
    rows = []
    for name, fit in relaxation_fits().items():
        cells = []
        for B0 in FIELDS:
            t = tissues[B0][name]
            text = " / ".join(_milliseconds(time) for time in (t.T1, t.T2, t.T2_star))
            cells.append(text if fit.covers(B0) else f"*{text}*")
        rows.append([name, *cells])
    return _markdown(["tissue", *(f"{B0:g} T" for B0 in FIELDS)], rows)


def properties() -> str:
    """What does not depend on the field."""
    rows = []
    for name, p in tissue_properties().items():
        fat = sum(peak.amplitude for peak in p.chemical_shift if peak.shift)
        rows.append(
            [name, f"{p.proton_density:.2f}", f"{fat:.0%}", f"{p.susceptibility:g}", f"{1e9 * p.diffusion:.3g}"]
        )
    return _markdown(["tissue", "proton density", "fat", "susceptibility / ppm", "diffusion / 10⁻⁹ m²/s"], rows)


def spectrum() -> str:
    """The peaks of fat."""
    peaks = fat_spectrum()
    return _markdown(
        ["shift / ppm", *(f"{p.shift:+.2f}" for p in peaks)], [["share", *(f"{p.amplitude:.3f}" for p in peaks)]]
    )


def summary() -> str:
    """Mean and worst deviation of each tissue and time, over the confirmed measurements and over the recalled ones."""
    rows = []
    for name in relaxation_fits():
        for quantity in ("T1", "T2", "T2_star"):
            found = [d for d in deviation_from_published(name) if d.quantity == quantity]
            if found:
                sets = ([d for d in found if d.point.confirmed], [d for d in found if not d.point.confirmed])
                rows.append([name, quantity.replace("_star", "*"), *(cell for part in sets for cell in _spread(part))])
    head = ["tissue", "time", "confirmed", "mean", "mean size", "worst", "recalled", "mean", "mean size", "worst"]
    return _markdown(head, rows)


def low_field() -> str:
    """Rooney's law continued downwards, and the table, against the measured T1 of brain below 0.3 T."""
    return _law_against_measurements(("grey_matter", "white_matter"), "Rooney's law", below=0.3)


def high_field() -> str:
    """Bottomley's laws, and the table, against the measured T1 of fat and liver."""
    return _law_against_measurements(("fat", "liver"), "Bottomley's law", below=8)


def deviations() -> str:
    """Every measurement and the table's deviation from it."""
    rows = [
        [
            d.point.tissue,
            f"{d.point.B0:g} T",
            d.quantity.replace("_star", "*"),
            _milliseconds(d.published),
            _milliseconds(d.table),
            f"{d.relative:+.0%}",
            d.point.source,
            d.point.check,
        ]
        for name in relaxation_fits()
        for d in deviation_from_published(name)
    ]
    return _markdown(["tissue", "field", "time", "published", "table", "deviation", "source", "check"], rows)


def sources() -> str:
    """For each tissue the sources, the range and what was confirmed."""
    rows = []
    for name, fit in relaxation_fits().items():
        other = "; ".join(f"{key.replace('_', ' ')}: {text}" for key, text in tissue_properties()[name].sources.items())
        pairs = (f"{source} — **{check}**" for source, check in zip(fit.source, fit.check, strict=True))
        rows.append([name, f"{fit.valid_from:g}–{fit.valid_to:g} T", *pairs, other])
    return _markdown(["tissue", "range", "T1", "T2, T2*", "other"], rows)


def _law_against_measurements(names: Sequence[str], title: str, *, below: float) -> str:
    rows = []
    for point in published_points():
        if point.tissue in names and point.T1 is not None and below > point.B0:
            laws = relaxation_fits()[point.tissue].T1_laws
            times = (laws[0](point.B0), max(law(point.B0) for law in laws))
            cells = [f"{_milliseconds(time)} ({time / point.T1 - 1:+.0%})" for time in times]
            rows.append([point.tissue, f"{point.B0:g} T", _milliseconds(point.T1), *cells, point.source, point.check])
    return _markdown(["tissue", "field", "measured", title, "table", "source", "check"], rows)


def _spread(found: Sequence[Deviation]) -> list[str]:
    if not found:
        return ["0", "", "", ""]
    relative = [d.relative for d in found]
    worst = max(found, key=lambda d: abs(d.relative))
    return [
        str(len(found)),
        f"{fmean(relative):+.0%}",
        f"{fmean(abs(r) for r in relative):.0%}",
        f"{worst.relative:+.0%} ({worst.point.source}, {worst.point.B0:g} T)",
    ]


def _milliseconds(time: float) -> str:
    return f"{1e3 * time:.0f}" if time >= 0.01 else f"{1e3 * time:.2g}"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
