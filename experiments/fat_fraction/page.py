"""The page of results."""

from __future__ import annotations

import numpy as np

from experiments.fat_fraction.cases import Found
from experiments.fat_fraction.vials import FRACTIONS, MATRIX, echo_times
from experiments.machine import page_head

TARGET = 0.02


def page(found: list[Found]) -> str:
    """Tables of bias and scatter, in percentage points."""
    lines = page_head(
        "The fat fraction of vials at low field",
        "fat_fraction",
        f"Matrix {MATRIX} × {MATRIX}; seeds of magnet and noise in `__main__.py`",
    )
    lines += [
        "![fat fraction](../../docs/figures/fat_fraction.png)",
        "",
    ]
    names = " | ".join(f"{100 * fraction:g} %" for fraction in FRACTIONS)
    head = [
        f"| scan | SNR | largest | {names} |",
        f"| --- | ---: | ---: | {'---: | ' * len(FRACTIONS)}".rstrip(),
    ]
    lines += ["## Bias of a vial (± its standard error from noise), percentage points", "", *head]
    for f in found:
        cells = " | ".join(f"{100 * b:+.1f} ± {100 * e:.1f}" for b, e in zip(f.bias, f.error, strict=True))
        lines.append(f"| {_name(f)} | {f.snr:g} | {100 * np.abs(f.bias).max():.1f} | {cells} |")
    lines += ["", "## Scatter of a voxel (predicted from noise), percentage points", "", *head]
    for f in found:
        cells = " | ".join(f"{100 * s:.1f} ({100 * p:.1f})" for s, p in zip(f.scatter, f.predicted, strict=True))
        lines.append(f"| {_name(f)} | {f.snr:g} | {100 * f.scatter.max():.1f} | {cells} |")
    lines += ["", "## Echo times and the worst voxel", "", "| scan | SNR | echo times, ms | largest error of a voxel |"]
    lines += ["| --- | ---: | --- | ---: |"]
    for f in found:
        times = ", ".join(f"{1e3 * t:.2f}" for t in echo_times(f.case.B0))
        lines.append(f"| {_name(f)} | {f.snr:g} | {times} | {100 * f.worst:.0f} |")
    lines += ["", *_verdict(found)]
    return "\n".join(lines) + "\n"


def _name(f: Found) -> str:
    return f"{f.case.B0:g} T, fat in {f.case.lean}, {f.case.inhomogeneity:g} ppm"


def _verdict(found: list[Found]) -> list[str]:
    asked = [f for f in found if f.case.B0 in (0.3, 0.55) and f.snr >= 20]
    largest = max(float(np.abs(f.bias).max()) for f in asked)
    kept = "kept" if largest <= TARGET else "**missed**"
    return [
        f"Asked for: bias within {100 * TARGET:g} percentage points at 0 to 100 %, SNR 20, 0.3 and 0.55 T. Largest "
        f"bias of a vial: {100 * largest:.1f} percentage points ({kept})."
    ]
