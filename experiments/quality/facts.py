"""What the numbers depend on besides the data."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

from experiments.machine import processor
from pirecon.training.evaluation.measure import weights_digest


def facts(checkpoint: str) -> list[str]:
    """Command, date, versions, machine; a line each. Seeds stand beside the numbers."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scipy", "scikit-image"))
    return [
        f"Command: `python -m experiments.quality`, checkpoint `{Path(checkpoint).name}` "
        f"(SHA-256 of the weights: {weights_digest(checkpoint)[:16]}…)",
        f"Date: {datetime.date.today().isoformat()}; pirecon {version('pirecon')}",
        f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}; {torch.get_num_threads()} threads",
        f"Python {platform.python_version()}, {packages}",
    ]
