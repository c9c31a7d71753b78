"""Random human heads: no two alike, every edge hard."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from bloch.phantom.canvas import Canvas
from bloch.phantom.cortex import paint_brain
from bloch.phantom.head import head_window, paint_head
from bloch.phantom.lesions import Lesion, check_lesion, paint_lesions
from bloch.phantom.map_checks import check_voxel_size
from bloch.phantom.phantom import Phantom
from bloch.phantom.placement import SLICE_RANGE, Orientation, Placement, random_placement
from bloch.phantom.random_field import seeded, uniform
from bloch.phantom.vessels import paint_dura_and_vessels


def random_brain_slice(
    generator: torch.Generator | int,
    *,
    matrix: tuple[int, int] = (320, 320),
    field_of_view: float = 0.25,
    orientation: Orientation | None = None,
    lesions: bool | None = None,
    lesion: Lesion | None = None,
    deformation: float = 1.0,
) -> Phantom:
    """One slice through a random head.

    The ICBM152 maps are turned, scaled and deformed at random; cortex and sulci are cut out by distance to the
    white-matter surface with a random cortical thickness, so that every edge is hard. Scalp, skull, eyes, air
    cavities and lesions are shaped procedurally. Row index grows towards posterior (transaxial) or inferior, column
    index towards the patient's left, or posterior in sagittal slices.

    Args:
        generator: source of randomness, or a seed.
        matrix: voxels ``(y, x)``.
        field_of_view: along the longer axis, m; voxels are square.
        orientation: of the slice, or None for a random one (half of them transaxial).
        lesions: paint lesions, or None for a coin toss.
        lesion: paint this kind, whatever ``lesions`` says; None draws a kind. See ``lesion_mask`` for the truth.
        deformation: 0 for the average head, 1 for the usual variety.

    Returns:
        Phantom with z = 1 and a nominal thickness of 1 mm.

    Raises:
        ValueError: the matrix or the field of view is not positive, or the lesion is unknown.

    Source: Fonov et al., NeuroImage 54:313 (2011) for the maps.
    """
    if min(matrix) < 1 or field_of_view <= 0:
        raise ValueError(f"Matrix {matrix} and field of view {field_of_view} m must be positive.")
    check_lesion(lesion)
    generator = seeded(generator)
    size = field_of_view * 1e3 / max(matrix)
    if orientation is None:
        names: tuple[Orientation, ...] = ("transaxial", "transaxial", "coronal", "sagittal")
        orientation = names[int(torch.randint(4, (), generator=generator))]
    offset = uniform(generator, *SLICE_RANGE[orientation])
    placement = random_placement(
        generator,
        (1, *matrix),
        (1.0, size, size),
        orientation=orientation,
        offset=offset,
        deformation=deformation,
    )
    return _paint(placement, generator, lesions, lesion)


def brain_volume(
    generator: torch.Generator | int,
    matrix: tuple[int, int, int],
    *,
    voxel_size: tuple[float, float, float] = (5e-3, 2e-3, 2e-3),
    orientation: Orientation = "transaxial",
    lesions: bool = False,
    lesion: Lesion | None = None,
    deformation: float = 1.0,
) -> Phantom:
    """A random head in 3D.

    Args:
        generator: source of randomness, or a seed.
        matrix: voxels ``(z, y, x)``.
        voxel_size: edge lengths ``(z, y, x)``, m.
        orientation: of the slices; see ``random_brain_slice`` for the directions of y and x. The z index grows
            towards superior (transaxial), posterior (coronal) or left (sagittal).
        lesions: paint lesions.
        lesion: paint this kind, whatever ``lesions`` says; None draws a kind. See ``lesion_mask`` for the truth.
        deformation: 0 for the average head, 1 for the usual variety.

    Returns:
        Phantom; tissue is sampled at voxel centres.

    Raises:
        ValueError: the matrix or the voxels are not positive, or the lesion is unknown.
    """
    if min(matrix) < 1:
        raise ValueError(f"Matrix {matrix} must be positive; expected voxels (z, y, x).")
    check_voxel_size(voxel_size)
    check_lesion(lesion)
    generator = seeded(generator)
    z, y, x = (size * 1e3 for size in voxel_size)
    placement = random_placement(
        generator, matrix, (z, y, x), orientation=orientation, offset=0.0, deformation=deformation
    )
    return _paint(placement, generator, lesions, lesion)


def _paint(placement: Placement, generator: torch.Generator, lesions: bool | None, lesion: Lesion | None) -> Phantom:
    rows, columns = head_window(placement)
    window = replace(placement, points=placement.points[:, rows, columns].contiguous())
    canvas = Canvas(window.shape, edge=max(0.5, min(window.voxel[1:])))
    cranium = paint_head(canvas, window, generator)
    brain = paint_brain(canvas, window, cranium, generator)
    paint_dura_and_vessels(canvas, window, cranium, brain, generator)
    toss = uniform(generator, 0, 1) < 0.5
    if lesion is not None or (toss if lesions is None else lesions):
        paint_lesions(canvas, window, brain, generator, kind=lesion)
    phantom = canvas.phantom(window.voxel)
    _, n_rows, n_columns = placement.shape
    air = (columns.start, n_columns - columns.stop, rows.start, n_rows - rows.stop)
    return replace(phantom, fractions=F.pad(phantom.fractions, air))
