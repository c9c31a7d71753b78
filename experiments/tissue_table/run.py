"""The picture and the tables of docs/tissue.md, from the tables in bloch/tissue."""

from __future__ import annotations

import warnings
from pathlib import Path
from string import Template

from experiments.tissue_table import tables
from experiments.tissue_table.picture import draw

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"


def main() -> None:
    """Write the page and its picture."""
    draw(DOCS / "figures" / "tissue_relaxation.png")
    (DOCS / "tissue.md").write_text(page(), encoding="utf-8")
    print(f"written: {DOCS / 'tissue.md'}")


def page() -> str:
    """The text of docs/tissue.md: page.txt with its tables filled in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page marks what is extrapolated
        return Template((HERE / "page.txt").read_text(encoding="utf-8")).substitute(
            values=tables.values(),
            properties=tables.properties(),
            spectrum=tables.spectrum(),
            summary=tables.summary(),
            high_field=tables.high_field(),
            low_field=tables.low_field(),
            deviations=tables.deviations(),
            sources=tables.sources(),
        )
