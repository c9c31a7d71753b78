"""The command ``bloch``: simulate a scan, look up tissues, predict SNR."""

from bloch.cli.main import app, main

__all__ = ["app", "main"]
