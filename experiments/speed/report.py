"""The measurements as a table on the screen and as a page."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numba
import torch
from rich.console import Console
from rich.table import Table

from experiments.machine import processor
from experiments.speed import bart
from experiments.speed.measure import Task, Timing

HEADINGS = ("contender", "best", "median (turns)", "first", "time ÷ ours", "agreement")


def machine(checkpoint: str) -> list[str]:
    """What the figures depend on, a line each; ask before measuring, since measuring loads the machine."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "ismrmrd", "h5py", "sigpy", "numba"))
    peers = f", BART {bart.version()}" if bart.installed() else ""
    return [
        f"Date: {datetime.date.today().isoformat()}",
        f"Version: pirecon {version('pirecon')}, checkpoint {Path(checkpoint).name}",
        f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}",
        f"Threads: {torch.get_num_threads()} (torch), {numba.config.NUMBA_NUM_THREADS} (numba)",
        f"Load before the first task (1 min average): {os.getloadavg()[0]:.1f}; priority: {_priority()}",
        f"Python {platform.python_version()}, {packages}{peers}",
    ]


def _priority() -> str:
    real_time = hasattr(os, "SCHED_RR") and os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO)
    return "real time" if real_time else "as other programs"


def row(timing: Timing) -> tuple[str, ...]:
    """One contender, in the order of ``HEADINGS``."""
    return (
        timing.name,
        f"{timing.best:.3g} s",
        f"{timing.median:.3g} s ({timing.turns})",
        f"{timing.first:.3g} s",
        f"{timing.ratio:.3g}",
        timing.agreement,
    )


def print_table(console: Console, task: Task, timings: Sequence[Timing]) -> None:
    """Show one task."""
    table = Table(title=task.name, caption="\n".join([f"wanted: {task.wanted}", *task.missing]), title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("contender", "agreement") else "right")
    for timing in timings:
        table.add_row(*row(timing))
    console.print(table)


def write_result(path: Path, measured: Sequence[tuple[Task, Sequence[Timing]]], facts: Sequence[str]) -> None:
    """Write all tasks as a page of Markdown."""
    lines = ["# Speed beside other packages", "", "Written by `make bench`; [question.md](question.md) says how.", ""]
    lines += [f"- {fact}" for fact in facts]
    for task, timings in measured:
        lines += ["", f"## {task.name[0].upper()}{task.name[1:]}", "", f"Wanted: {task.wanted}.", ""]
        lines += [f"| {' | '.join(HEADINGS)} |", "| --- | ---: | ---: | ---: | ---: | --- |"]
        lines += [f"| {' | '.join(row(timing))} |" for timing in timings]
        lines += [text for line in task.missing for text in ("", line)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
