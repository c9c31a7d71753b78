"""Held-out 3D scans of heads: the network whose prior sees volumes against the default slice by slice and classics."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from experiments.machine import page_head, table
from pirecon.classical import cg_sense, total_variation
from pirecon.encoding import CartesianSense
from pirecon.report.metrics import ImageMetrics, image_metrics
from pirecon.training.scans.simulation import Scan, bandlimited, random_coils, random_phase, scan_volume
from pirecon.training.scans.volume_library import head_volumes
from pirecon.training.scans.volumes import random_encodings
from pirecon.unrolled import load_checkpoint

HERE = Path(__file__).parent
FIRST_HEAD = 1_000_000  # training renders heads 0, 1, 2, …
FIELDS = (0.055, 0.3)  # T; a head at each
MATRIX = (44, 56, 48)  # 4 mm over 176 × 224 × 192 mm
SEED = 11
Method = Callable[[Tensor, CartesianSense], Tensor]


@dataclass(frozen=True)
class Cell:
    """Coils, acceleration, SNR of the fully sampled image, and slice thickness in voxels of a scan."""

    coils: int
    acceleration: float
    snr: float
    thickness: float = 1.0


CELLS = (Cell(1, 1, 5), Cell(1, 2, 15), Cell(6, 3, 5), Cell(6, 3, 15), Cell(6, 6, 15), Cell(4, 2, 10, 1.6))


def scans() -> Iterator[tuple[Cell, Scan]]:
    """Every cell for every head."""
    for number, B0 in enumerate(FIELDS):
        head = torch.from_numpy(next(head_volumes(FIRST_HEAD + number, 1, (B0, B0))))
        magnitude = bandlimited(head, MATRIX)
        for index, cell in enumerate(CELLS):
            rng = np.random.default_rng([SEED, number, index])
            image = magnitude * random_phase(MATRIX, rng, largest_wraps=2.0)
            acquired = (round(MATRIX[0] / cell.thickness), *MATRIX[1:])
            lines = random_encodings((acquired[0], acquired[1]), cell.acceleration, rng)
            weights = torch.from_numpy(lines.astype(np.float32))[None, :, :, None].repeat(1, 1, 1, acquired[2])
            yield cell, scan_volume(image, random_coils(cell.coils, MATRIX, rng), weights, snr=cell.snr, rng=rng)


def main() -> None:
    """Measure, and write the page."""
    torch.set_num_threads(1)
    methods: dict[str, Method] = {"CG-SENSE": cg_sense, "TV": total_variation}
    methods |= {name: load_checkpoint(name)[0] for name in ("default", "volume")}
    found: dict[Cell, dict[str, list[ImageMetrics]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, list[float]] = defaultdict(list)
    for cell, scan in scans():
        E = CartesianSense(scan.maps, scan.weights)
        for name, method in methods.items():
            start = time.perf_counter()
            with torch.inference_mode():
                image = method(scan.kspace, E)
            seconds[name].append(time.perf_counter() - start)
            found[cell][name].append(image_metrics(image, scan.truth))
    (HERE / "result.md").write_text("\n".join(page(found, seconds)) + "\n", encoding="utf-8")


def page(found: dict[Cell, dict[str, list[ImageMetrics]]], seconds: dict[str, list[float]]) -> list[str]:
    """The lines of the result page."""
    names = list(seconds)
    fields = " and ".join(f"{B0:g}" for B0 in FIELDS)
    lines = page_head(
        "A prior that sees volumes",
        "checkpoints",
        f"Scans: {len(FIELDS)} heads that no training saw, at {fields} T, {MATRIX} voxels of 4 mm; seed {SEED}",
        "`default` takes the volume slice by slice; data consistency is 3D for both; maps are the true ones",
    )
    for title, metric, digits in (("PSNR, dB", "psnr", 2), ("SSIM", "ssim", 3)):
        rows = []
        for cell, methods in found.items():
            where = [str(cell.coils), f"{cell.acceleration:g}", f"{cell.snr:g}", f"{cell.thickness:g}"]
            means = [statistics.fmean(getattr(m, metric) for m in methods[name]) for name in names]
            rows.append([*where, *(f"{mean:.{digits}f}" for mean in means)])
        columns = [statistics.fmean(float(row[4 + i]) for row in rows) for i in range(len(names))]
        rows.append(["all", "", "", "", *(f"{mean:.{digits}f}" for mean in columns)])
        lines += [f"## {title}", "", *table(["coils", "R", "SNR", "slice, voxels", *names], rows), ""]
    cost = [f"{name} {statistics.median(times):.1f} s" for name, times in seconds.items()]
    return [*lines, f"Median time of a volume on one thread: {', '.join(cost)}."]


if __name__ == "__main__":
    main()
