"""``python -m experiments.real_and_simulated``: scans two heads, draws them beside real ones, writes result.md."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from experiments.real_and_simulated.figure import draw
from experiments.real_and_simulated.page import page
from experiments.real_and_simulated.protocols import CONTRASTS
from experiments.real_and_simulated.scan import TISSUES, Simulated, random_head, scan_head

HERE = Path(__file__).parent
FIGURE = HERE.parents[1] / "docs" / "figures" / "real_and_simulated.png"
SEEDS = (1, 2)


def main() -> None:
    """Simulate, compare, write."""
    parser = argparse.ArgumentParser(prog="python -m experiments.real_and_simulated", description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep scans here, and take those that are there")
    kept, console = parser.parse_args().keep, Console()
    with tempfile.TemporaryDirectory() as temporary:
        folder = kept or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        simulated: dict[str, list[Simulated]] = {contrast.name: [] for contrast in CONTRASTS}
        for seed in SEEDS:
            for name, scan in _scans(folder, seed, console).items():
                simulated[name].append(scan)
    draw(simulated, FIGURE)
    prose = (HERE / "prose.md").read_text(encoding="utf-8")
    (HERE / "result.md").write_text(page(simulated, prose), encoding="utf-8")
    console.print(f"written: {FIGURE}, {HERE / 'result.md'}")


def _scans(folder: Path, seed: int, console: Console) -> dict[str, Simulated]:
    """All contrasts of one head."""
    files = {contrast.name: folder / f"{contrast.name}_{seed}.npz" for contrast in CONTRASTS}
    if not all(path.exists() for path in files.values()):
        head = random_head(seed)
        for contrast in CONTRASTS:
            if not files[contrast.name].exists():
                console.print(f"head {seed}: {contrast.title}")
                scan = scan_head(head, contrast, folder, seed=seed)
                arrays: dict[str, Any] = {"image": scan.image, **scan.masks}
                np.savez(files[contrast.name], **arrays)
    found = {}
    for name, path in files.items():
        with np.load(path) as arrays:
            found[name] = Simulated(arrays["image"], {tissue: arrays[tissue] for tissue in TISSUES})
    return found


if __name__ == "__main__":
    main()
