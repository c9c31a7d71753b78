"""Contenders that need an environment of their own: a process that stays warm and runs when it is told to.

``PEERS_DIR`` names the folder of the environments: ``$PEERS_DIR/sims/bin/python`` must import blochsim,
``$PEERS_DIR/dl/bin/python`` fastmri and deepinv.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np


def python(environment: str) -> Path | None:
    """The interpreter of an environment of the peers: "sims" or "dl"; None where it is not there."""
    folder = os.environ.get("PEERS_DIR")
    path = None if folder is None else Path(folder) / environment / "bin" / "python"
    return path if path is not None and path.exists() else None


def missing(environment: str, packages: str) -> str:
    """Why some rows are left out."""
    return (
        f"The environment variable PEERS_DIR names no folder with {environment}/bin/python (and {packages} in it), so "
        f"{packages} did not take part."
    )


class Peer:
    """A script in another environment: it prepares, then runs once for every line that it reads.

    Attributes:
        out: where its last result lies.
    """

    def __init__(self, interpreter: Path, script: Path, *arguments: str, out: Path) -> None:
        self.out = out
        command = [str(interpreter), str(script), *arguments, str(out)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._wait("ready")

    def run(self) -> None:
        """Run once."""
        self._say("run")
        self._wait("done")

    def result(self) -> np.ndarray:
        """What the last run gave; written outside the clock."""
        self._say("save")
        self._wait("saved")
        return np.load(self.out)

    def close(self) -> None:
        """End the process."""
        self.process.communicate("end\n", timeout=30)

    def _say(self, word: str) -> None:
        assert self.process.stdin is not None  # a pipe, by construction
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def _wait(self, word: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise RuntimeError(f"the peer's process ended before it said {word!r}; run its script by hand to see why")
