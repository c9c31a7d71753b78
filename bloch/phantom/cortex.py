"""Grey and white matter with folds and sulci that differ from brain to brain. Lengths in mm, MNI coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.atlas import load_atlas, sample
from bloch.phantom.canvas import Canvas
from bloch.phantom.placement import Placement
from bloch.phantom.random_field import smooth_field, uniform


def paint_brain(canvas: Canvas, placement: Placement, cranium: Tensor, generator: torch.Generator) -> Tensor:
    """Paint grey and white matter into the CSF.

    A voxel is grey or white matter where the maps say so to a random degree and where it is not too far from white
    matter; sulci are opened to a random width along the lines midway between two banks.

    Args:
        canvas: with the head around the brain.
        placement: of the voxels.
        cranium: distance to the inner skull, negative inside, ``(z, y, x)``.
        generator: source of randomness.

    Returns:
        Coverage by grey and white matter together, ``(z, y, x)``.
    """
    points = placement.points + _folding(placement, generator)
    grey, white, surface, sulcus = sample(load_atlas().brain, points)
    rough = smooth_field(generator, placement.shape, placement.in_voxels(5), channels=2)
    wide = smooth_field(generator, placement.shape, placement.in_voxels(35))[0]
    deep = _nuclei(placement.points)
    folia = _cerebellum(placement.points)
    surface = surface + uniform(generator, -0.8, 0.4) + 0.5 * rough[0]
    atrophy = uniform(generator, -0.5, 1.0)
    unlikely = 9 * (uniform(generator, 0.45, 0.6) + 0.08 * atrophy - grey - white)
    cortex = 8 * (0.80 - grey - white) + 0.4 * (surface - uniform(generator, 3.2, 4.2)) + 0.4 * rough[1] + 0.5 * atrophy
    gap = 0.55 + 0.45 * atrophy + 0.5 * wide + 0.35 * rough[1] - 0.12 * (4 - surface).clamp_min(0) - sulcus
    matter = torch.where(torch.minimum(deep, folia) > 0, torch.maximum(cortex, gap), unlikely)
    matter = torch.maximum(matter, cranium + uniform(generator, 0.6, 1.8) + 0.8 * atrophy)
    # A surface oblique to a slice of some thickness fills voxels in part: edges are crisp here and soft there.
    tilt = smooth_field(generator, placement.shape, placement.in_voxels(12))[0]
    softness = uniform(generator, 0.7, 2.0) * (0.5 * tilt).exp()
    coverage = canvas.inside(matter, softness)
    canvas.paint("grey_matter", coverage)
    fraction = canvas.inside(surface, softness)
    # Even in one brain the thalamus is a mixture: the map's own fraction stays there.
    fraction = torch.where(deep < 0, torch.maximum(fraction, 0.8 * white), fraction)
    canvas.paint("white_matter", fraction * coverage)
    if float(folia.min()) < 0:
        _paint_cerebellum(canvas, placement, (cranium, white, folia, matter), generator)
    return torch.minimum(coverage, canvas.layer("grey_matter") + canvas.layer("white_matter"))


def _paint_cerebellum(
    canvas: Canvas, placement: Placement, fields: tuple[Tensor, Tensor, Tensor, Tensor], generator: torch.Generator
) -> None:
    """Folia: leaves of cortex parallel to the surface, a stem of white matter in each, CSF between."""
    cranium, white, folia, matter = fields
    bend = smooth_field(generator, placement.shape, placement.in_voxels(14))[0]
    x, y, z = (placement.points - torch.tensor([0.0, -45.0, -30.0])).unbind(-1)
    angle = torch.atan2(z, -y) * uniform(generator, 12, 20)  # leaves fan out
    phase = angle + 0.035 * x.abs() * uniform(generator, 0.5, 2) + 1.2 * bend
    leaf = torch.cos(phase)
    inside = canvas.inside(torch.maximum(folia, matter))
    stem = canvas.inside(4 * (uniform(generator, 0.30, 0.5) - white - 0.14 * leaf))
    canvas.paint("white_matter", inside * stem)
    rim = torch.maximum(3.0 * (leaf + uniform(generator, 0.8, 0.97)), 12 * (white - 0.2))
    canvas.paint("csf", inside * canvas.inside(torch.maximum(rim, -14 - cranium)))


def _folding(placement: Placement, generator: torch.Generator) -> Tensor:
    """Displacement, mm, that makes gyri differ from brain to brain while the head's outline stays smooth."""
    total = torch.zeros((*placement.shape, 3))
    for length, amplitude in ((32.0, 2.4), (16.0, 1.3), (8.0, 0.5)):
        field = smooth_field(generator, placement.shape, placement.in_voxels(length), channels=3)
        total = total + amplitude * placement.deformation * field.permute(1, 2, 3, 0)
    return total


def _nuclei(points: Tensor) -> Tensor:
    """Negative in basal ganglia, thalamus and brain stem: there grey matter has no cortical thickness."""
    x, y, z = points.unbind(-1)
    nuclei = ((x / 33) ** 2 + ((y + 4) / 34) ** 2 + ((z - 4) / 19) ** 2).sqrt() - 1
    stem = ((x / 18) ** 2 + ((y + 28) / 17) ** 2 + ((z + 36) / 44) ** 2).sqrt() - 1
    return torch.minimum(nuclei, stem)


def _cerebellum(points: Tensor) -> Tensor:
    """Negative in the cerebellum, roughly mm."""
    x, y, z = points.unbind(-1)
    return 25 * (((x / 54) ** 2 + ((y + 64) / 32) ** 2 + ((z + 40) / 24) ** 2).sqrt() - 1)
