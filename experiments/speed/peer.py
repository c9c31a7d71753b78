"""Contenders that need an environment of their own: a process that stays warm and runs when it is told to.

``PEERS_DIR`` names the folder of the environments; ``$PEERS_DIR/sims/bin/python`` must import blochsim.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np

MISSING = (
    "The environment variable PEERS_DIR names no folder with sims/bin/python (and blochsim in it), so blochsim's row "
    "is left out."
)


def python() -> Path | None:
    """The interpreter of the simulators' environment."""
    folder = os.environ.get("PEERS_DIR")
    path = None if folder is None else Path(folder) / "sims" / "bin" / "python"
    return path if path is not None and path.exists() else None


class Peer:
    """A script in another environment: it prepares, then runs once for every line that it reads.

    Attributes:
        out: where its last result lies.
    """

    def __init__(self, interpreter: Path, script: Path, out: Path) -> None:
        self.out = out
        self.process = subprocess.Popen(
            [str(interpreter), str(script), str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
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
