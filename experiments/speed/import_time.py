"""Task: start an interpreter and import."""

from __future__ import annotations

import subprocess
import sys

from experiments.speed.measure import Contender, Task


def import_time() -> Task:
    """A new interpreter each time, with compiled files in place."""

    def start(package: str) -> None:
        subprocess.run([sys.executable, "-c", f"import {package}"], check=True)

    return Task(
        name="import in a new interpreter",
        contenders=[
            Contender("import pirecon", lambda: start("pirecon")),
            Contender("import torch", lambda: start("torch")),
        ],
        agreement=lambda name, results: "",
        wanted="import pirecon takes at most a second more",
    )
