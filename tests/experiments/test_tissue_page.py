"""docs/tissue.md is generated; it must say what the tables say now."""

from __future__ import annotations

from pathlib import Path

import experiments.tissue_table.run
from experiments.tissue_table.run import DOCS, page


def test_page_is_up_to_date() -> None:
    advice = "docs/tissue.md is older than the tables of bloch/tissue; run: python -m experiments.tissue_table"
    assert (DOCS / "tissue.md").read_text(encoding="utf-8") == page(), advice


def test_picture_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "tissue.png"
    experiments.tissue_table.run.draw(path)
    assert path.read_bytes().startswith(b"\x89PNG")
