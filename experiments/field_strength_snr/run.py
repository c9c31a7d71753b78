"""The sweep from the command line."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from experiments.field_strength_snr import figures, page
from experiments.field_strength_snr.parallel import dask_map
from experiments.field_strength_snr.settings import HERE, read_settings
from experiments.field_strength_snr.sweep import sweep

FIGURES = HERE.parents[1] / "docs" / "figures"


def main(arguments: list[str] | None = None) -> None:
    """Run the sweep, draw the figures, write result.md.

    Args:
        arguments: of the command line; those of this process where None.
    """
    parser = argparse.ArgumentParser(prog="python -m experiments.field_strength_snr", description=__doc__)
    parser.add_argument("--config", type=Path, default=HERE / "config.toml", help="settings (default: %(default)s)")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, as tcp://host:8786; default: this machine")
    parser.add_argument("--workers", type=int, help="processes on this machine; default: one for each core")
    parser.add_argument("--result", type=Path, default=HERE / "result.md", help="page to write (default: %(default)s)")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="folder of the figures (default: %(default)s)")
    given = parser.parse_args(arguments)
    settings = read_settings(given.config)
    start = time.perf_counter()
    with dask_map(given.scheduler, n_workers=given.workers) as run:
        found = sweep(settings, run)
    took = time.perf_counter() - start
    figures.draw(given.figures, settings, found)
    given.result.write_text(page.page(settings, found, took=took), encoding="utf-8")
    print(f"written: {given.result} and {given.figures}/field_strength_*.png; the sweep took {took:.0f} s")
