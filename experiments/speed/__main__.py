"""``make bench``: time against other packages, in turns, in one run; prints a table and writes result.md."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from experiments.speed.bart import memory_folder
from experiments.speed.bloch_gre import bloch_gre
from experiments.speed.bloch_isochromats import bloch_isochromats
from experiments.speed.cg_sense import cg_sense
from experiments.speed.coil_maps import coil_maps
from experiments.speed.example_data import make_slice
from experiments.speed.import_time import import_time
from experiments.speed.measure import Task, Timing, measure
from experiments.speed.nufft import nufft_2d, nufft_3d
from experiments.speed.raw_file import raw_file
from experiments.speed.report import machine, print_table, write_result
from experiments.speed.unrolled_network import CASES, unrolled_modl, unrolled_varnet
from experiments.speed.volume import cg_sense_3d, coil_maps_3d
from experiments.speed.wavelet import wavelet
from experiments.speed.whole_slice import whole_slice

RESULT = Path(__file__).with_name("result.md")
TASKS = [
    "raw-file",
    "slice",
    "coil-maps",
    "coil-maps-3d",
    "cg-sense",
    "cg-sense-3d",
    "wavelet",
    "nufft-2d",
    "nufft-3d",
    "bloch-isochromats",
    "bloch-gre",
    *("varnet-forward", "varnet-train", "modl-forward", "modl-train"),
    "import",
]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m experiments.speed", description=__doc__)
    explanation = f"some of {', '.join(TASKS)}; without any: all, and a new result.md"
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=explanation)
    parser.add_argument("--checkpoint", default="default", help="of the unrolled network: a shipped name or a file")
    arguments = parser.parse_args()
    if unknown := set(arguments.tasks) - set(TASKS):
        parser.error(f"no task is called {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    return arguments


def main() -> None:
    """Measure every task, or those that are named."""
    arguments = parse()
    folder, data = memory_folder(), make_slice()
    tasks: dict[str, Callable[[], Task]] = {
        "raw-file": lambda: raw_file(folder),
        "slice": lambda: whole_slice(folder, data, checkpoint=arguments.checkpoint),
        "coil-maps": lambda: coil_maps(folder, data),
        "coil-maps-3d": lambda: coil_maps_3d(folder),
        "cg-sense": lambda: cg_sense(folder, data),
        "cg-sense-3d": lambda: cg_sense_3d(folder),
        "wavelet": lambda: wavelet(folder, data),
        "nufft-2d": nufft_2d,
        "nufft-3d": nufft_3d,
        "bloch-isochromats": lambda: bloch_isochromats(folder),
        "bloch-gre": bloch_gre,
        **{f"varnet-{case}": partial(unrolled_varnet, folder, case) for case in CASES},
        **{f"modl-{case}": partial(unrolled_modl, folder, case) for case in CASES},
        "import": import_time,
    }
    chosen = arguments.tasks or TASKS
    console, facts = Console(), machine(arguments.checkpoint)
    measured: list[tuple[Task, list[Timing]]] = []
    try:
        for name in chosen:
            with console.status(f"measuring: {name}"):
                task = tasks[name]()
                measured.append((task, measure(task)))
            print_table(console, *measured[-1])
    finally:
        shutil.rmtree(folder)
    if set(chosen) == set(TASKS):
        write_result(RESULT, measured, facts)
        console.print(f"written: {RESULT}")


if __name__ == "__main__":
    main()
