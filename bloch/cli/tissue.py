"""``bloch tissue``: what the tissue table says at a field strength."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bloch.cli.words import NOMINAL_FIELD, Field, notes
from bloch.tissue import TissueReport, tissue_report


def tissue_command(field: Field = NOMINAL_FIELD) -> None:
    """Print relaxation times and proton density at a field strength, with sources and measurements nearby."""
    console = Console()
    with notes(Console(stderr=True)):
        reports = tissue_report(field)
    table = Table(title=f"Tissue at {field} T (* extrapolated)")
    table.add_column("tissue")
    for name in ("T1 / ms", "T2 / ms", "T2* / ms", "proton density"):
        table.add_column(name, justify="right")
    table.add_column("measured nearby (table minus measurement)")
    for report in reports:
        t = report.tissue
        times = (f"{1e3 * time:.3g}" for time in (t.T1, t.T2, t.T2_star))
        table.add_row(
            t.name + ("*" if report.extrapolated else ""), *times, f"{t.proton_density:.2f}", _measurements(report)
        )
    console.print(table)
    for report in reports:
        T1_source, T2_source = report.fit.source
        console.print(f"{report.tissue.name}: T1 {T1_source}. T2 {T2_source}.", highlight=False, markup=False)


def _measurements(report: TissueReport) -> str:
    return "; ".join(
        f"{d.quantity} {1e3 * d.published:.3g} ms at {d.point.B0:g} T ({100 * d.relative:+.0f} %)"
        for d in report.nearby
    )
