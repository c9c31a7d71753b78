"""``python -m experiments.independent``: bloch beside the software of others; prints tables and writes result.md."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from experiments.independent import bart_sim, readers, replicas, simulators
from experiments.independent.part import Part, Row
from experiments.speed import bart

RESULT = Path(__file__).with_name("result.md")
PARTS: dict[str, Callable[[], Part]] = {
    "mrzero": simulators.compare,
    "bart-sim": bart_sim.compare,
    "readers": readers.compare,
    "replicas": replicas.compare,
}


def main() -> None:
    """Compare everything, or the parts that are named."""
    parser = argparse.ArgumentParser(prog="python -m experiments.independent", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; without any: all")
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    console, found = Console(), []
    for name in chosen:
        with console.status(name):
            found.append(PARTS[name]())
        show(console, found[-1])
    if set(chosen) == set(PARTS):
        RESULT.write_text(page(found), encoding="utf-8")
        console.print(f"written: {RESULT}")


def show(console: Console, part: Part) -> None:
    """One part on the screen."""
    table = Table(title=part.title, caption="\n".join(part.missing), title_justify="left")
    for heading in ("case", part.quantity, "asked for", "", "note"):
        table.add_column(heading)
    for row in part.rows:
        table.add_row(*cells(row))
    console.print(table)


def page(parts: list[Part]) -> str:
    """All parts as Markdown."""
    lines = ["# bloch beside the software of others", ""]
    lines += ["Written by `python -m experiments.independent`; [question.md](question.md) says how.", ""]
    lines += [f"- Date: {datetime.date.today().isoformat()}", f"- {', '.join(_versions())}"]
    for part in parts:
        lines += ["", f"## {part.title}", "", part.about, ""]
        if part.rows:
            lines += [f"| case | {part.quantity} | asked for | | note |", "| --- | ---: | ---: | --- | --- |"]
            lines += [f"| {' | '.join(cells(row))} |" for row in part.rows]
        lines += [text for line in part.missing for text in ("", line)]
    return "\n".join(lines) + "\n"


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """A row of a table."""
    limit = "" if row.limit is None else f"{row.limit:g}"
    verdict = "" if row.limit is None else ("holds" if row.holds else "**missed**")
    return row.case, f"{row.found:.2g}", limit, verdict, row.note


def _versions() -> list[str]:
    found = []
    for name in ("torch", "numpy", "MRzeroCore"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return [*found, *([f"BART {bart.version()}"] if bart.installed() else [])]


if __name__ == "__main__":
    main()
