"""The machine that a page's numbers were measured on."""

from __future__ import annotations

import platform
from pathlib import Path


def processor() -> str:
    """Its name, as the system has it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
