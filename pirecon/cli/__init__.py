"""The command ``pirecon``."""

from pirecon.cli.main import app, main

__all__ = ["app", "main"]
