"""The command and its entry point."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from bloch.cli.simulate import simulate_command
from bloch.cli.snr import snr_command
from bloch.cli.tissue import tissue_command

app = typer.Typer(
    help="Simulate a low-field MRI scanner.", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
app.command("simulate")(simulate_command)
app.command("tissue")(tissue_command)
app.command("snr")(snr_command)


def main() -> None:
    """Entry point; exit code 0 when done, 1 for wrong data, 2 for wrong usage."""
    try:
        app()
    except (ValueError, OSError, ModuleNotFoundError, MemoryError) as error:
        Console(stderr=True).print(f"bloch: {error}", highlight=False, markup=False)
        sys.exit(1)
