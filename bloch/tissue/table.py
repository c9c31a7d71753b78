"""The tables beside the code."""

from __future__ import annotations

import csv
from importlib.resources import files


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file of this package, by the names in its first line.

    Args:
        name: of the file, as ``"relaxation.csv"``.

    Returns:
        One dictionary for each row; an empty field is an empty string.
    """
    text = files("bloch.tissue").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
