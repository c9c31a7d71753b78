"""Volumes from stacks by every way, and how far they are from the truth."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from scipy.ndimage import map_coordinates
from torch import Tensor

from bloch.sequence import Protocol
from experiments.thick_slices.scans import FLIP_ANGLE, WAYS, Case, head, played
from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.classical.stack_registration import StackPose
from pirecon.encoding import SliceProfile, box_profile, pulse_profile
from pirecon.image import Image
from pirecon.image.combine_stacks import combine_stacks
from pirecon.rawdata.geometry import Geometry
from pirecon.report.figures import comparison_figure
from pirecon.report.metrics import image_metrics, psnr

HERE = Path(__file__).parent
T2_WEIGHTED = Protocol("turbo_spin_echo", 0.09, 3.0, echo_train_length=12, echo_spacing=0.015)
T1_WEIGHTED = Protocol("spin_echo", 0.012, 0.4)
COMBINED, MEAN, KNOWN = "pirecon combine", "average of the three", "pirecon combine, profile known"


def interpolated(image: Image, grid: Geometry) -> Tensor:
    """The magnitudes of a stack at the voxels of a grid, by cubic splines."""
    geometry = image.geometry
    directions = np.asarray(geometry.directions)
    from_first = voxel_positions(grid)[0].numpy() - geometry.centres[0]
    thickness = float((geometry.centres[1] - geometry.centres[0]) @ directions[0])
    index = np.moveaxis(from_first @ directions.T / np.array([thickness, *geometry.voxel_size[1:]]), -1, 0)
    index[1:] += np.array([n // 2 for n in geometry.matrix[1:]])[:, None, None, None]
    values = map_coordinates(image.data[:, 0].abs().double().numpy(), index, order=3, mode="nearest")
    return torch.from_numpy(np.clip(values, 0, None)).float()


def combined(
    stacks: list[Image], grid: Geometry, profile: SliceProfile | None = None, *, align: bool = False
) -> Tensor:
    """By pirecon, with its defaults; cut to the grid of the truth, on whose points its own lie."""
    return on_grid(combine_stacks(stacks, voxel=grid.voxel_size[0], profile=profile, align=align), grid)


def on_grid(image: Image, grid: Geometry) -> Tensor:
    """A transaxial volume on a transaxial grid."""
    step = np.array(grid.voxel_size)
    offset = (voxel_positions(grid)[0, 0, 0, 0] - voxel_positions(image.geometry)[0, 0, 0, 0]).numpy()[::-1] / step
    z, y, x = (round(float(o)) for o in offset)
    if np.abs(offset - np.round(offset)).max() > 1e-3 or min(z, y, x) < 0:  # another grid: interpolate
        return interpolated_volume(image, grid)
    n_z, n_y, n_x = grid.matrix
    return image.data[z : z + n_z, y : y + n_y, x : x + n_x].abs()


def interpolated_volume(image: Image, grid: Geometry) -> Tensor:
    """A transaxial volume at the voxels of another transaxial grid, by cubic splines."""
    offset = voxel_positions(grid)[0].numpy() - voxel_positions(image.geometry)[0, 0, 0, 0].numpy()
    index = np.moveaxis(offset[..., ::-1] / np.array(image.geometry.voxel_size), -1, 0)
    return torch.from_numpy(map_coordinates(image.data.abs().double().numpy(), index, order=3)).float()


def volumes(stacks: list[Image], grid: Geometry, *, known: SliceProfile) -> dict[str, Tensor]:
    """Every way to make a volume."""
    found = {f"{way} alone": interpolated(image, grid) for way, image in zip(WAYS, stacks, strict=True)}
    found[MEAN] = torch.stack(list(found.values())).mean(dim=0)
    found[COMBINED] = combined(stacks, grid)
    found[KNOWN] = combined(stacks, grid, known)
    return found


def scaled(image: Tensor, truth: Tensor, inside: Tensor) -> Tensor:
    """Times the factor that is best over the object."""
    return image * float((image * truth)[inside].sum() / image[inside].square().sum())


def part(case: Case, *, known: SliceProfile) -> tuple[list[str], dict[str, Tensor]]:
    """A table, and the volumes at SNR 20."""
    inside = case.truth > 0.1 * case.truth.max()
    lines = [f"## {case.name[0].upper()}{case.name[1:]}", "", "| volume | noise | PSNR | PSNR in the object | SSIM |"]
    lines += ["| --- | --- | ---: | ---: | ---: |"]
    found: dict[str, Tensor] = {}
    for noise, stacks in (("none", case.clean), ("SNR 20", case.noisy)):
        start = time.perf_counter()
        made = volumes(stacks, case.grid, known=known)
        found = {name: scaled(image, case.truth, inside) for name, image in made.items()}
        numbers = {name: image_metrics(image, case.truth) for name, image in found.items()}
        for name, m in numbers.items():
            object_ = psnr(found[name], case.truth, mask=inside)
            lines.append(f"| {name} | {noise} | {m.psnr:.1f} | {object_:.1f} | {m.ssim:.3f} |")
        gains = {name: numbers[COMBINED].psnr - m.psnr for name, m in numbers.items()}
        best = min(gains[f"{way} alone"] for way in WAYS)
        verdict = f"{noise}: {best:+.1f} dB over the best single stack, {gains[MEAN]:+.1f} dB over the average"
        Console().print(f"{case.name}; {verdict}; {time.perf_counter() - start:.0f} s", highlight=False)
        lines.append(f"| **gain of combining** | {verdict} | | | |")
    return [*lines, ""], found


def motion_part() -> list[str]:
    """The patient moves between stacks, or not; with and without looking for it."""
    torch.set_num_threads(1)
    size = (0.09, 0.12, 0.105)
    poses = {
        "coronal": StackPose(np.array([3e-3, -2e-3, 4e-3]), np.radians([4.0, -3.0, 2.0])),
        "sagittal": StackPose(np.array([-2e-3, 5e-3, -1e-3]), np.radians([-2.0, 5.0, 3.0])),
    }
    lines = [
        "## Motion between stacks",
        "",
        "A part of head 4 at SNR 20. Moved: by 5.4 and 5.5 mm, 5.4 and 6.2 degrees.",
        "",
    ]
    lines += ["| stacks | volume | PSNR | found |", "| --- | --- | ---: | --- |"]
    for name, given in (("at rest", {}), ("moved", poses)):
        case = head(4, 0.3, T2_WEIGHTED, size=size, poses=given)
        inside = case.truth > 0.1 * case.truth.max()
        for align in (False, True):
            image = combine_stacks(case.noisy, voxel=case.grid.voxel_size[0], align=align)
            value = psnr(scaled(on_grid(image, case.grid), case.truth, inside), case.truth)
            said = image.notes["motion between stacks"]
            row = f"| {name} | pirecon combine{' --align' if align else ''} | {value:.1f} | {said} |"
            Console().print(row, highlight=False, soft_wrap=True)
            lines.append(row)
        lines.append(f"| {name} | given | | {_given(given)} |")
    return [*lines, ""]


def _given(poses: dict[str, StackPose]) -> str:
    said = [
        f"stack {WAYS.index(way) + 1}: {(1e3 * p.translation).round(2).tolist()} mm and "
        f"{np.degrees(p.rotation).round(2).tolist()} degrees"
        for way, p in poses.items()
    ]
    return "; ".join(said) or "none"


def picture(case: Case, found: dict[str, Tensor], path: Path) -> None:
    """Three coronal planes, in which transaxial slices are thick."""
    way = "transaxial alone"
    shown = {name: found[name] for name in (way, MEAN, COMBINED)}
    rows = [round(case.grid.matrix[1] * share) for share in (0.4, 0.55)]
    cut = {name: torch.stack([v[:, r] for r in rows]).flip(-2) for name, v in shown.items()}
    truth = torch.stack([case.truth[:, r] for r in rows]).flip(-2)
    comparison_figure(cut, path, truth=truth, title=f"{case.name}, SNR 20: coronal planes")


def first_head() -> list[str]:
    """T2-weighted, with the picture."""
    torch.set_num_threads(1)
    case = head(1, 0.3, T2_WEIGHTED)
    table, found = part(case, known=box_profile())
    picture(case, found, HERE / "heads.png")
    return [*table, "![Coronal planes](heads.png)", ""]


def second_head() -> list[str]:
    """T1-weighted, at another field."""
    torch.set_num_threads(1)
    return part(head(2, 0.064, T1_WEIGHTED), known=box_profile())[0]


def played_cube() -> list[str]:
    """Slices with the profile of their pulse."""
    torch.set_num_threads(1)
    return part(played(3, 0.3), known=pulse_profile(FLIP_ANGLE))[0]
