"""The command and its entry point."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from pirecon.cli.adapt import adapt_command
from pirecon.cli.combine import combine_command
from pirecon.cli.degrade import degrade_command
from pirecon.cli.fat_water import fat_water_command
from pirecon.cli.field_map import field_map_command
from pirecon.cli.info import info_command
from pirecon.cli.models import models_command
from pirecon.cli.quantify import quantify_command
from pirecon.cli.reconstruct import reconstruct_command
from pirecon.cli.train import evaluate_command, train_command

app = typer.Typer(
    help="Reconstruct raw low-field MRI with a physics-informed unrolled network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("info")(info_command)
app.command("reconstruct")(reconstruct_command)
app.command("combine")(combine_command)
app.command("fat-water")(fat_water_command)
app.command("quantify")(quantify_command)
app.command("field-map")(field_map_command)
app.command("degrade")(degrade_command)
app.command("models")(models_command)
app.command("adapt")(adapt_command)
app.command("train")(train_command)
app.command("evaluate")(evaluate_command)


def main() -> None:
    """Entry point; exit code 0 when done, 1 for wrong data, 2 for wrong usage."""
    try:
        app()
    except ModuleNotFoundError as error:
        _fail(f"{error}; install the optional packages with pip install 'pirecon[train]'")
    except (ImportError, ValueError, OSError, FloatingPointError) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    Console(stderr=True).print(f"pirecon: {message}", highlight=False, markup=False)
    sys.exit(1)
