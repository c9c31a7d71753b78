"""``python -m experiments.thick_slices``: three stacks into one volume; writes result.md."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from experiments.machine import page_head
from experiments.thick_slices.parts import first_head, motion_part, played_cube, second_head

HERE = Path(__file__).parent


def main() -> None:
    """Simulate, combine, compare, write."""
    lines = page_head(
        "Three stacks of thick slices against one isotropic volume", "thick_slices", "Heads 1, 2 and 4, cube of head 3"
    )
    start = time.perf_counter()
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:  # one thread each
        for done in [pool.submit(work) for work in (first_head, second_head, played_cube, motion_part)]:
            lines += done.result()
    Console().print(f"{time.perf_counter() - start:.0f} s in all", highlight=False)
    (HERE / "result.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
