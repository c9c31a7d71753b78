"""BART's command line, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

MISSING = "BART is not installed (Debian and Ubuntu: apt install bart), so its rows are left out."


def installed() -> bool:
    """Whether the command ``bart`` is there."""
    return shutil.which("bart") is not None


def version() -> str:
    """What ``bart version`` says."""
    return subprocess.run(["bart", "version"], capture_output=True, text=True, check=True).stdout.strip()


def memory_folder() -> Path:
    """A new folder in memory, where the system has one, for BART's files."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="bench-", dir=memory if memory.is_dir() else None))


def bart(*arguments: object) -> None:
    """Run one tool."""
    subprocess.run(["bart", *map(str, arguments)], check=True, capture_output=True)


def write_cfl(path: Path, kspace: np.ndarray) -> Path:
    """Write ``(coil, z, y, x)``, ``(coil, y, x)`` or ``(y, x)`` with BART's axes.

    These are x, y, z, coil, the first running fastest.
    """
    if kspace.ndim == 4:
        shape = kspace.shape[::-1]
    else:
        x, y, coils = (*kspace.shape[::-1], 1)[:3]
        shape = (x, y, 1, coils)
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, shape + (1,) * (16 - len(shape)))) + "\n")
    np.ascontiguousarray(kspace, dtype=np.complex64).tofile(path.with_suffix(".cfl"))
    return path


def read_cfl(path: Path) -> np.ndarray:
    """Read back with all axes of length 1 dropped, the first axis running slowest: ``(coil, y, x)`` or ``(y, x)``."""
    shape = [int(n) for n in path.with_suffix(".hdr").read_text().splitlines()[1].split()]
    return np.fromfile(path.with_suffix(".cfl"), np.complex64).reshape(shape[::-1]).squeeze()
