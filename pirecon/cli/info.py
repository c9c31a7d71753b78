"""``pirecon info``."""

from __future__ import annotations

from rich.console import Console

from pirecon.cli.words import EncodingIndex, RawFile, notes
from pirecon.rawdata import read_mrd
from pirecon.report.info_table import describe


def info_command(raw: RawFile, encoding: EncodingIndex = 0) -> None:
    """Print header, dimensions, sampling, SNR estimate and audit of a raw file."""
    with notes(Console(stderr=True)):
        Console().print(describe(read_mrd(raw, encoding=encoding)))
