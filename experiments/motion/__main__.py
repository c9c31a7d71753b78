"""``python -m experiments.motion``: motion found and undone; writes result.md."""

from __future__ import annotations

import datetime
import os
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from experiments.machine import processor
from experiments.motion.scans import GRE_LINES, Measured, N, Protocol, gre, measured, random_poses, scan, tse
from pirecon.classical import cg_sense
from pirecon.encoding import CartesianSense
from pirecon.motion import Motion, MotionSettings, estimate_motion, moving_encoding
from pirecon.report.motion_figure import motion_figure

RESULT = Path(__file__).with_name("result.md")
SEEDS = (1, 2, 3)
COLUMNS = (
    "sequence", "seed", "motion found", "shift error, mm: rms (largest)", "angle error, degrees: rms (largest)",
    "NRMSE at rest", "moved", "corrected", "ratio to rest", "with the true poses", "scan at rest",
)  # fmt: skip


def estimated(data: Measured) -> Motion:
    settings = MotionSettings(most_states=max(8, N // GRE_LINES))
    return estimate_motion(
        data.kspace, data.maps, data.weights, data.shots, voxel_size=data.voxel_size, settings=settings
    )


def image(data: Measured, motion: Motion) -> Tensor:
    """Magnitude, in the unit of the raw file's noise-free signal."""
    E = CartesianSense(data.maps, data.weights[0])
    if motion.found:
        moving = moving_encoding(motion, data.maps, data.weights, voxel_size=data.voxel_size)
        return cg_sense(data.kspace, moving).abs() * data.noise_scale
    return cg_sense(data.kspace, E).abs() * data.noise_scale


def row(protocol: Protocol, seed: int, folder: Path) -> str:
    """Scan at rest and moving, and compare."""
    way = random_poses(protocol, seed)
    rest, moved = (measured(scan(protocol, seed, motion), folder) for motion in (None, way))
    found, found_at_rest = estimated(moved), estimated(rest)
    d = found.translations[:, 1:] - way.translations[:, [1, 0]]
    angle = torch.rad2deg(found.rotations[:, 0] - way.rotations[:, 2])
    none = replace(found, found=False)
    known = replace(
        found,
        found=True,
        translations=way.translations[:, [2, 1, 0]].float(),
        rotations=way.rotations[:, [2, 1, 0]].float(),
    )
    support = (moved.maps.abs().amax(0) > 0) & (rest.maps.abs().amax(0) > 0)
    at_rest = image(rest, none)
    truth = rest.truth * support
    truth = truth * float((at_rest * truth).sum() / truth.square().sum())
    errors = [
        float(((x - truth) * support).norm() / truth.norm())
        for x in (at_rest, image(moved, none), image(moved, found), image(moved, known))
    ]
    if found.found:
        motion_figure(RESULT.with_name("motion.png"), found)
    mm, degrees = 1e3 * d[1:].square().mean().sqrt(), angle[1:].square().mean().sqrt()
    cells = (
        protocol.name,
        str(seed),
        "yes" if found.found else "no: " + found.source.partition(", since ")[2].partition(";")[0],
        f"{float(mm):.2f} ({1e3 * float(d.abs().max()):.2f})" if found.found else "–",
        f"{float(degrees):.2f} ({float(angle.abs().max()):.2f})" if found.found else "–",
        *(f"{error:.3f}" for error in errors[:3]),
        f"{errors[2] / errors[0]:.2f}",
        f"{errors[3] / errors[0]:.2f}",
        "moved" if found_at_rest.found else "left alone",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Scan, estimate, compare, write."""
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    lines = ["# Is motion found and undone?", ""]
    lines += ["Written by `python -m experiments.motion`; [question.md](question.md) says how.", ""]
    lines += [
        f"- Date: {datetime.date.today().isoformat()}; pirecon {version('pirecon')}, torch {version('torch')}",
        f"- Machine: {processor()}, {os.cpu_count()} cores; seeds {', '.join(map(str, SEEDS))}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "| --- " * len(COLUMNS) + "|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for protocol in (gre(1), gre(N // GRE_LINES), tse(16), tse(8)):
            for seed in SEEDS if protocol.name != "GRE, in order" else SEEDS[:1]:
                lines.append(row(protocol, seed, Path(folder)))
                Console().print(lines[-1], highlight=False)
    lines += ["", "Poses found in the last scan: ![motion](motion.png)"]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
