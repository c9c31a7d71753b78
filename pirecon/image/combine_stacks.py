"""Stacks of thick slices in several orientations → one isotropic volume."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pirecon.classical.stack_intensity import BRIGHT, brightness, noise_level, without_noise_bias
from pirecon.classical.stack_registration import StackPose, moved, register_stacks
from pirecon.classical.volume_from_stacks import DEFAULT_STRENGTH, volume_from_stacks
from pirecon.encoding.slice_profile import SliceProfile, pulse_profile
from pirecon.encoding.thick_slices import ThickSlices
from pirecon.image.image import Image
from pirecon.image.planes import SLICE_AXIS, check_image, with_slices_last
from pirecon.image.stack_volume import common_volume

ALIKE = 0.5
"""Stacks that resemble each other less than this are of another contrast, or the patient has moved."""

COARSER = 2.0
"""Voxels on which stacks are aligned, over the volume's."""

SAME_WAY = math.radians(15)


def combine_stacks(  # noqa: PLR0913 - the one call with everything a user can wish for
    images: Sequence[Image],
    *,
    voxel: float | None = None,
    profile: SliceProfile | None = None,
    noise: Sequence[float] | None = None,
    align: bool = False,
    strength: float = DEFAULT_STRENGTH,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Image:
    """Combine stacks of thick slices into the volume that explains all of them.

    Magnitudes are combined, since phases differ from stack to stack with coils and field; their bias by noise is taken
    out first. Stacks of other brightness are scaled to the first, from where they overlap.

    Args:
        images: of one stack each, as :func:`pirecon.pipeline.reconstruct` gives them, of one contrast.
        voxel: edge of the volume's voxels, m; by default the smallest edge in any stack's plane.
        profile: of the slices; by default that of a sinc pulse of 90° with time-bandwidth product 4.
        noise: standard deviation of the noise in each stack, in its unit; estimated from the images by default.
        align: look for rigid motion of the patient between the stacks, against the first; slower.
        strength: of the total variation, see :func:`pirecon.classical.volume_from_stacks`.
        device: where to compute.
        progress: called with (done, total).

    Returns:
        Image ``(z, y, x)`` without phase along the axes of the first stack, in its unit; its ``notes`` say
        what was assumed and done.

    Raises:
        ValueError: no image, other batch axes than slices, stacks that do not overlap or lie in no known place, or
            noise levels that are not one for each stack.

    Warns:
        UserWarning: resolution through the plane cannot be recovered from these stacks, or they do not look alike.
    """
    if not images:
        raise ValueError("no stacks to combine; give one image for each stack")
    profile = pulse_profile() if profile is None else profile
    geometries = [image.geometry for image in images]
    stacks = [_magnitudes(image, number).to(device) for number, image in enumerate(images, start=1)]
    edges = [min(g.voxel_size[1:]) for g in geometries]
    volume = common_volume(geometries, min(edges) if voxel is None else voxel)
    operators = [ThickSlices(volume, g, profile) for g in geometries]
    levels = [noise_level(y) for y in stacks] if noise is None else [float(s) for s in noise]
    if len(levels) != len(stacks):
        raise ValueError(f"{len(levels)} noise levels were given for {len(stacks)} stacks; give one for each")
    stacks = [without_noise_bias(y, s) for y, s in zip(stacks, levels, strict=True)]
    gains, resemblances = brightness(stacks, operators)
    _warn(images, resemblances)
    motion = "not looked for"
    if align and len(stacks) > 1:
        coarse = common_volume(geometries, COARSER * volume.voxel_size[0])
        poses = register_stacks(stacks, geometries, coarse, profile=profile, noise=levels, gains=gains)
        about = np.reshape(coarse.centres, (-1, 3))[0]
        geometries = [moved(g, pose, about=about) for g, pose in zip(geometries, poses, strict=True)]
        operators = [ThickSlices(volume, g, profile) for g in geometries]
        motion = "; ".join(f"stack {n}: {_moved_by(pose)}" for n, pose in enumerate(poses[1:], start=2))
    found = volume_from_stacks(stacks, operators, noise=levels, gains=gains, strength=strength, progress=progress)
    seen = torch.stack([A.field_of_view(found) for A in operators]).sum(dim=0)[found > BRIGHT * found.amax()]
    alone = 100 * float((seen < 2).double().mean()) if seen.numel() else 100.0
    notes = {
        "stacks": f"{len(images)} stacks of {', '.join(_describe(image) for image in images)}",
        "slice profile": f"{profile.source}{'' if len(images) > 1 else '; one stack only'}",
        "motion between stacks": motion,
        "brightness": "of the stacks beside the first: " + ", ".join(f"{g:.3g}" for g in gains),
        "noise": ("estimated: " if noise is None else "given: ") + ", ".join(f"{s:.3g}" for s in levels),
        "volume": f"{' x '.join(map(str, volume.matrix))} voxels of {1e3 * volume.voxel_size[0]:.3g} mm from "
        f"magnitudes; {alone:.0f} % of the object is seen by one stack only and is not sharper there than its slices",
    }
    metadata = {**images[0].metadata, "method": "combined stacks"}
    return Image(found.to(torch.complex64).cpu(), volume, (), images[0].noise_scale, metadata, notes)


def _magnitudes(image: Image, number: int) -> Tensor:
    """float32 ``(slice, z, y, x)``."""
    check_image(image)
    data, names = with_slices_last(image)
    sizes = dict(zip(names, data.shape, strict=False))
    if any(n > 1 for n in sizes.values()):
        raise ValueError(
            f"stack {number} has the batch axes {sizes} beside {SLICE_AXIS!r}; combine one contrast or repetition at a "
            "time: take one out of each image"
        )
    if min(data.shape[-2:]) < 2:
        raise ValueError(f"stack {number} has planes of {tuple(data.shape[-2:])} voxels; at least 2 x 2 are needed")
    return data.reshape(data.shape[-4:]).abs().float()


def _warn(images: Sequence[Image], resemblances: Sequence[float]) -> None:
    normals = np.stack([np.asarray(image.geometry.directions, dtype=float)[0] for image in images])
    angles = np.arccos(np.clip(np.abs(normals @ normals[0]), 0, 1))
    if len(images) == 1 or angles.max() < SAME_WAY:
        what = "one stack was" if len(images) == 1 else f"all {len(images)} stacks run the same way and were"
        warnings.warn(
            f"{what} combined: resolution through the plane can be recovered only as far as slices overlap; "
            "add stacks of other orientations",
            stacklevel=3,
        )
    for number, value in enumerate(resemblances, start=1):
        if value < ALIKE:
            warnings.warn(
                f"stack {number} hardly resembles those before it (correlation {value:.2f}): is it of the same "
                "contrast, and has the patient lain still?",
                stacklevel=3,
            )


def _moved_by(pose: StackPose) -> str:
    if not pose.translation.any() and not pose.rotation.any():
        return "none"
    mm, degrees = np.round(1e3 * pose.translation, 2), np.round(np.degrees(pose.rotation), 2)
    return f"{mm.tolist()} mm and {degrees.tolist()} degrees along and about L, P, S"


def _describe(image: Image) -> str:
    geometry = image.geometry
    thickness, y, x = (1e3 * size for size in geometry.voxel_size)
    n = len(np.reshape(geometry.centres, (-1, 3))) * geometry.matrix[0]
    left, posterior, superior = np.abs(np.asarray(geometry.directions, dtype=float)[0])
    way = {superior: "transaxial", posterior: "coronal", left: "sagittal"}[max(left, posterior, superior)]
    return f"{n} {way} slices ({y:.3g} x {x:.3g} x {thickness:.3g} mm)"
