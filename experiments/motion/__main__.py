"""``python -m experiments.motion``: motion found and undone; writes result.md."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from experiments.machine import page_head
from experiments.motion import breathing
from experiments.motion.scans import GRE_LINES, Measured, N, Protocol, gre, measured, random_poses, scan, tse
from pirecon.classical import cg_sense
from pirecon.encoding import CartesianSense, MotionSense, RigidMotion
from pirecon.motion import Motion, MotionSettings, estimate_motion, moving_encoding
from pirecon.report.motion_figure import motion_figure

RESULT = Path(__file__).with_name("result.md")
SEEDS = {"TSE": (1, 2, 3), "GRE, interleaved": (1, 2), "GRE, in order": (1,)}
COLUMNS = (
    "sequence", "seed", "motion found", "shift error, mm: rms (largest)", "angle error, degrees: rms (largest)",
    "NRMSE at rest", "moved", "corrected", "ratio to rest", "without fitted maps", "true poses",
    "true poses and maps", "scan at rest",
)  # fmt: skip

ENDING = ("", "Poses found in the last scan with motion: ![motion](motion.png)")


def estimated(data: Measured) -> Motion:
    settings = MotionSettings(most_states=max(8, N // GRE_LINES))
    return estimate_motion(
        data.kspace, data.maps, data.weights, data.shots, voxel_size=data.voxel_size, settings=settings
    )


def image(data: Measured, motion: Motion) -> Tensor:
    """Magnitude, in the unit of the raw file's noise-free signal."""
    if motion.found:
        moving = moving_encoding(motion, data.maps, data.weights, voxel_size=data.voxel_size)
        return cg_sense(data.kspace, moving).abs() * data.noise_scale
    return cg_sense(data.kspace, CartesianSense(data.maps, data.weights[0])).abs() * data.noise_scale


def image_of_truth(data: Measured, motion: Motion) -> Tensor:
    """The same with the simulator's maps, and with their root sum of squares as the shading."""
    _, z, y, x = data.true_maps.shape
    poses = RigidMotion((z, y, x), data.voxel_size, translations=motion.translations, rotations=motion.rotations)
    E = MotionSense(data.true_maps, data.weights, motion.states, poses, shading=data.true_strength)
    return cg_sense(data.kspace, E).abs() * data.noise_scale


def row(protocol: Protocol, seed: int, folder: Path) -> str:
    """Scan at rest and moving, and compare."""
    way = random_poses(protocol, seed)
    rest, moved = (measured(scan(protocol, seed, motion), folder) for motion in (None, way))
    found, found_at_rest = estimated(moved), estimated(rest)
    d = found.translations[:, 1:] - way.translations[:, [1, 0]]
    angle = torch.rad2deg(found.rotations[:, 0] - way.rotations[:, 2])
    none = replace(found, found=False)
    plain = replace(found, maps=None)
    known = replace(
        plain,
        found=True,
        translations=way.translations[:, [2, 1, 0]].float(),
        rotations=way.rotations[:, [2, 1, 0]].float(),
    )
    support = (moved.maps.abs().amax(0) > 0) & (rest.maps.abs().amax(0) > 0)
    at_rest = image(rest, none)
    truth = rest.truth * support
    truth = truth * float((at_rest * truth).sum() / truth.square().sum())
    images = [at_rest, *(image(moved, motion) for motion in (none, found, plain, known)), image_of_truth(moved, known)]
    errors = [float(((x - truth) * support).norm() / truth.norm()) for x in images]
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
        *(f"{error / errors[0]:.2f}" for error in errors[2:]),
        "moved" if found_at_rest.found else "left alone",
    )
    return f"| {' | '.join(cells)} |"


def heading(columns: tuple[str, ...]) -> list[str]:
    """Of a table."""
    return [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]


def write(lines: list[str], line: str) -> None:
    """Add a line to the result; what is known stays if the run is cut off."""
    lines.append(line)
    Console().print(line, highlight=False, soft_wrap=True)
    RESULT.write_text("\n".join([*lines, *ENDING]) + "\n", encoding="utf-8")


def main() -> None:
    """Scan, estimate, compare; what is known is written after every row."""
    torch.set_num_threads(1)  # two threads on a busy machine are slower than one
    lines = page_head("Is motion found and undone?", "motion")[:-1]
    with tempfile.TemporaryDirectory() as folder:
        lines += ["", "## A liver that breathes", "", *heading(breathing.COLUMNS)]
        for seed in breathing.PERIODS:
            write(lines, breathing.row(seed, Path(folder)))
        lines += ["", "## A head that moves between shots", "", *heading(COLUMNS)]
        for protocol in (tse(8), tse(16), gre(N // GRE_LINES), gre(1)):
            for seed in next(seeds for name, seeds in SEEDS.items() if protocol.name.startswith(name)):
                write(lines, row(protocol, seed, Path(folder)))


if __name__ == "__main__":
    main()
