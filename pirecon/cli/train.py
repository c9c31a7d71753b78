"""``pirecon train`` and ``pirecon evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pirecon.cli.words import Quiet, notes

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG.toml")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Delete what an earlier run left in the run folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the run folder, of another config too.")]


def train_command(config: ConfigFile, fresh: Fresh = False, resume: Resume = False, quiet: Quiet = False) -> None:
    """Train an unrolled network; an interrupted run goes on when called again."""
    if fresh and resume:
        raise typer.BadParameter("one starts over, the other goes on; give one of them", param_hint="--fresh, --resume")
    from pirecon.training.config import ConfigError, read_config
    from pirecon.training.fit import fit  # Lightning is slow to import and an optional dependency

    console = Console(stderr=True, quiet=quiet)
    try:
        with notes(console):
            path = fit(read_config(config), progress=not quiet, fresh=fresh, changed=resume)
    except KeyboardInterrupt as stop:  # the command ends without a word of its own
        console.print(str(stop) or "stopped; run the command again to go on", highlight=False, markup=False)
        raise
    except ConfigError as error:
        raise ValueError(f"{config}: {error}") from error
    console.print(f"wrote {path}", highlight=False, markup=False)


def evaluate_command(config: ConfigFile, quiet: Quiet = False) -> None:
    """Measure methods on held-out scans with a known truth."""
    from pirecon.training.evaluation.evaluate import run  # scikit-image is slow to import and an optional dependency

    console = Console(stderr=True, quiet=quiet)
    with notes(console):
        run(config, console=console)
