"""Random human heads: no two alike, every edge hard."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.atlas import load_atlas, sample
from bloch.phantom.canvas import Canvas
from bloch.phantom.head import paint_head
from bloch.phantom.lesions import paint_lesions
from bloch.phantom.phantom import Phantom
from bloch.phantom.placement import SLICE_RANGE, Orientation, Placement, random_placement
from bloch.phantom.random_field import seeded, smooth_field, uniform


def random_brain_slice(
    generator: torch.Generator | int,
    *,
    matrix: tuple[int, int] = (320, 320),
    field_of_view: float = 0.25,
    orientation: Orientation | None = None,
    lesions: bool | None = None,
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
        deformation: 0 for the average head, 1 for the usual variety.

    Returns:
        Phantom with z = 1 and a nominal thickness of 1 mm.

    Raises:
        ValueError: the matrix or the field of view is not positive.

    Source: Fonov et al., NeuroImage 54:313 (2011) for the maps.
    """
    if min(matrix) < 1 or field_of_view <= 0:
        raise ValueError(f"Matrix {matrix} and field of view {field_of_view} m must be positive.")
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
    return _paint(placement, generator, lesions)


def brain_volume(
    generator: torch.Generator | int,
    matrix: tuple[int, int, int],
    *,
    voxel_size: tuple[float, float, float] = (5e-3, 2e-3, 2e-3),
    orientation: Orientation = "transaxial",
    lesions: bool = False,
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
        deformation: 0 for the average head, 1 for the usual variety.

    Returns:
        Phantom; tissue is sampled at voxel centres.
    """
    generator = seeded(generator)
    z, y, x = (size * 1e3 for size in voxel_size)
    placement = random_placement(
        generator, matrix, (z, y, x), orientation=orientation, offset=0.0, deformation=deformation
    )
    return _paint(placement, generator, lesions)


def _paint(placement: Placement, generator: torch.Generator, lesions: bool | None) -> Phantom:
    canvas = Canvas(placement.shape, edge=max(0.5, min(placement.voxel[1:])))
    cranium = paint_head(canvas, placement, generator)
    brain = _paint_brain(canvas, placement, cranium, generator)
    toss = uniform(generator, 0, 1) < 0.5
    if toss if lesions is None else lesions:
        paint_lesions(canvas, placement, brain, generator)
    return canvas.phantom(placement.voxel)


def _paint_brain(canvas: Canvas, placement: Placement, cranium: Tensor, generator: torch.Generator) -> Tensor:
    """Grey and white matter; returns their coverage together."""
    fine = _folding(placement, generator)
    grey, white, surface = sample(load_atlas().brain, placement.points + fine)
    roughness = smooth_field(generator, placement.shape, placement.in_voxels(5), channels=2)
    surface = surface + uniform(generator, -0.7, 0.5) + 0.45 * roughness[0]
    thickness = uniform(generator, 2.3, 3.6) + 0.45 * roughness[1]
    # In the cortex grey matter ends where it is thick enough; in the deep nuclei and the cerebellum where the map says.
    unlikely = (uniform(generator, 0.30, 0.48) - grey - white) * 8
    nuclei = _deep(placement.points)
    cortex = surface - thickness
    matter = torch.maximum(unlikely, torch.where(nuclei > 0, cortex, torch.minimum(cortex, unlikely)))
    matter = torch.maximum(matter, cranium + uniform(generator, 0.4, 2.5))
    coverage = canvas.inside(matter)
    canvas.paint("grey_matter", coverage)
    white_coverage = canvas.inside(surface) * coverage
    # The thalamus is a mixture even in a single brain: keep part of the map's own fraction there.
    mixed = torch.where(nuclei < 0, 0.7 * white * coverage, torch.zeros(()))
    canvas.paint("white_matter", torch.maximum(white_coverage, mixed))
    return coverage


def _folding(placement: Placement, generator: torch.Generator) -> Tensor:
    """Fine displacement, mm, that makes gyri differ from brain to brain."""
    field = smooth_field(generator, placement.shape, placement.in_voxels(9), channels=3)
    return uniform(generator, 0.3, 0.9) * field.permute(1, 2, 3, 0)


def _deep(points: Tensor) -> Tensor:
    """Negative in basal ganglia, thalamus, brain stem and cerebellum."""
    x, y, z = points.unbind(-1)
    nuclei = ((x / 34) ** 2 + ((y + 4) / 34) ** 2 + ((z - 4) / 20) ** 2).sqrt() - 1
    stem = ((x / 48) ** 2 + ((y + 58) / 36) ** 2 + ((z + 44) / 28) ** 2).sqrt() - 1
    trunk = ((x / 20) ** 2 + ((y + 28) / 18) ** 2 + ((z + 36) / 44) ** 2).sqrt() - 1
    return torch.minimum(torch.minimum(nuclei, stem), trunk)
