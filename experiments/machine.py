"""What a page says about the run that wrote it."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path


def processor() -> str:
    """The processor's name, as the system has it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def page_head(title: str, experiment: str, *facts: str) -> list[str]:
    """Title, command, date, versions and machine of a result page.

    Args:
        title: of the page.
        experiment: name of its folder in experiments.
        facts: seeds and settings; a line each.
    """
    return [
        f"# {title}",
        "",
        f"Written by `python -m experiments.{experiment}`; [question.md](question.md) says how.",
        "",
        f"- Date: {datetime.date.today().isoformat()}; pirecon {version('pirecon')}, torch {version('torch')}",
        f"- Machine: {processor()}, {os.cpu_count()} cores",
        *(f"- {fact}" for fact in facts),
        "",
    ]


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown, first column left, the others right."""
    marks = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(row)} |" for row in (header, marks, *rows)]
