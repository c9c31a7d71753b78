"""Falx, venous sinuses and arteries: thin structures inside the skull. Lengths in mm, MNI coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.canvas import Canvas
from bloch.phantom.placement import Placement
from bloch.phantom.random_field import smooth_field, uniform


def paint_dura_and_vessels(
    canvas: Canvas, placement: Placement, cranium: Tensor, brain: Tensor, generator: torch.Generator
) -> None:
    """Paint the falx and the tentorium's blood, and vessels into the CSF.

    Flowing blood gives full signal, none, or something between, drawn once per head.

    Args:
        canvas: with head and brain.
        placement: of the voxels.
        cranium: distance to the inner skull, ``(z, y, x)``.
        brain: coverage by grey and white matter, ``(z, y, x)``.
        generator: source of randomness.
    """
    x, y, z = placement.points.unbind(-1)
    bend = smooth_field(generator, placement.shape, placement.in_voxels(45), channels=2)
    middle = (x - 1.2 * bend[0]).abs()
    falx = torch.maximum(middle - uniform(generator, 0.2, 0.7), -(2.2 * z + 0.6 * y.abs()) + 10)
    canvas.paint("skin", 0.8 * canvas.inside(torch.maximum(falx, cranium)) * (1 - brain))
    flow = uniform(generator, 0, 1)
    depth = uniform(generator, 3, 8)  # of the triangular superior sagittal sinus
    superior = torch.maximum(middle - 0.6 * (cranium + depth), cranium - 1.5)
    superior = torch.maximum(superior, 0.6 * y - 20 - z)
    _paint_blood(canvas, canvas.inside(superior), flow)
    ridge = smooth_field(generator, placement.shape, placement.in_voxels(7), channels=2)
    arteries = (ridge[0] ** 2 + ridge[1] ** 2).sqrt() * 4.2 - uniform(generator, 0.3, 1.0)
    _paint_blood(canvas, canvas.inside(torch.maximum(arteries, cranium)) * (1 - brain), flow)
    crossing = _crossing(placement, generator)
    if crossing is not None:
        _paint_blood(canvas, canvas.inside(crossing), flow)


def _paint_blood(canvas: Canvas, coverage: Tensor, flow: float) -> None:
    """Blood which flows away between pulses leaves a void."""
    canvas.paint(None, coverage * min(2 * flow, 1.0))
    canvas.paint("blood", coverage * max(1 - 2 * flow, 0.0))


def _crossing(placement: Placement, generator: torch.Generator) -> Tensor | None:
    """Carotid, basilar and middle cerebral arteries near the base; None where the slice is far from them."""
    points = placement.points
    if float((points - torch.tensor([0.0, 0.0, -28.0])).norm(dim=-1).min()) > 40:
        return None
    x, y, z = points.unbind(-1)
    radius = uniform(generator, 1.2, 2.2)
    carotid = ((x.abs() - 12) ** 2 + (y - 2 - 0.2 * z) ** 2).sqrt().maximum(z + 20)
    basilar = (x**2 + (y + 12) ** 2).sqrt().maximum(z + 18)
    middle = ((z + 20 - 0.15 * x.abs()) ** 2 + (y - 2 - 0.1 * x.abs()) ** 2).sqrt().maximum(x.abs() - 38)
    return torch.minimum(torch.minimum(carotid, basilar), middle) - radius
