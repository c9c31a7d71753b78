"""What lies around the brain: scalp, fat, muscle, skull, eyes, air cavities. Lengths in mm, MNI coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.atlas import load_atlas, sample
from bloch.phantom.canvas import Canvas
from bloch.phantom.placement import Placement
from bloch.phantom.random_field import smooth_field, uniform


def paint_head(canvas: Canvas, placement: Placement, generator: torch.Generator) -> Tensor:
    """Paint everything outside the cranial cavity, and fill the cavity with CSF.

    Layers from outside: skin, subcutaneous fat, muscle where there is some, outer table, marrow, inner table.

    Args:
        canvas: still empty.
        placement: of the voxels.
        generator: source of randomness.

    Returns:
        Distance to the inner surface of the skull, mm, negative inside, ``(z, y, x)``.
    """
    points = placement.points
    wobble = smooth_field(generator, placement.shape, placement.in_voxels(38), channels=4)
    cranium = sample(load_atlas().head, points)[0] + 0.5 * wobble[0]
    skull = _positive(uniform(generator, 3.5, 7.5) * (1 + 0.2 * wobble[1]), 1.5)
    back = ((-points[..., 1] - 40) / 60).clamp(0, 1)  # the scalp is thicker where the head lies on it
    scalp = _positive(uniform(generator, 3.5, 9.0) * (1 + 0.22 * wobble[2] + uniform(generator, 0, 0.8) * back), 2.0)
    surface = _smooth_minimum(cranium - skull - scalp, _face(points, uniform(generator, 0.92, 1.08)), 8.0)
    skin = uniform(generator, 1.2, 2.2)
    canvas.paint("skin", canvas.inside(surface))
    canvas.paint("fat", canvas.inside(surface + skin))
    _paint_muscle(canvas, placement, cranium - skull, surface, generator)
    _paint_skull(canvas, cranium, skull, generator)
    _paint_cavities(canvas, placement, surface, generator)
    canvas.paint("csf", canvas.inside(cranium))
    _paint_eyes(canvas, points, surface, generator)
    return cranium


def _paint_muscle(
    canvas: Canvas, placement: Placement, outside_skull: Tensor, surface: Tensor, generator: torch.Generator
) -> None:
    """Temporal muscle at the sides; below, muscles and glands with sheets of fat between, vessels and vertebrae."""
    points = placement.points
    x, y, z = points.unbind(-1)
    temporal = _smooth_maximum(outside_skull - uniform(generator, 2, 9), z - uniform(generator, 0, 35), 6)
    temporal = _smooth_maximum(temporal, 40 - x.abs() + 0.1 * y.abs(), 6)
    temporal = torch.maximum(temporal, surface + 3)
    canvas.paint("muscle", canvas.inside(temporal))
    deep = torch.maximum(surface + uniform(generator, 4, 8), z + 22)
    if float(deep.min()) > 0:
        return
    sheets = smooth_field(generator, placement.shape, placement.in_voxels(13), channels=3)
    sheet = torch.minimum(sheets[0].abs(), sheets[1].abs()) * 9 - uniform(generator, 0.3, 1.2)
    canvas.paint("muscle", canvas.inside(torch.maximum(deep, -sheet)))
    canvas.paint("gland", canvas.inside(torch.maximum(deep, 5 * (1.5 - sheets[2]))))
    vertebra = torch.maximum(_ellipsoid(points, (0, -16, -110), (11, 9, 60)), (torch.remainder(z, 17) - 15))
    canvas.paint("bone", canvas.inside(vertebra - 1.5))
    canvas.paint("marrow", canvas.inside(vertebra))
    for depth in (8.0, 20.0):
        vessel = _ellipsoid(points, (26 + depth / 2, -5 - depth, -110), (3.5, 3.5, 70), mirrored=True)
        canvas.paint("blood", canvas.inside(vessel))


def _paint_skull(canvas: Canvas, cranium: Tensor, skull: Tensor, generator: torch.Generator) -> None:
    canvas.paint("bone", canvas.inside(cranium - skull))
    table = uniform(generator, 1.2, 2.0)
    marrow = torch.maximum(table - cranium, cranium - skull + table)
    canvas.paint("marrow", uniform(generator, 0.3, 1.0) * canvas.inside(marrow))


def _paint_cavities(canvas: Canvas, placement: Placement, surface: Tensor, generator: torch.Generator) -> None:
    """Sinuses, nasal cavity, mastoid cells and ear canals: air, walled by bone."""
    points = placement.points
    if float(points[..., 2].min()) > 10:
        return
    crumble = smooth_field(generator, placement.shape, placement.in_voxels(5))[0]
    s = uniform(generator, 0.8, 1.2)
    bodies = [
        _ellipsoid(points, (0, 74, -12), (16 * s, 6 * s, 13 * s)),
        _ellipsoid(points, (0, 22, -32), (14 * s, 13 * s, 9 * s)),
        _ellipsoid(points, (0, 50, -42), (11 * s, 28, 20)),
        _ellipsoid(points, (30, 52, -58), (13 * s, 16 * s, 15 * s), mirrored=True),
        _ellipsoid(points, (48, -30, -42), (10 * s, 13 * s, 15 * s), mirrored=True),
        _ellipsoid(points, (0, 8, -75), (12, 10, 22)),
    ]
    cavity = torch.maximum(torch.stack(bodies).amin(0) + 1.6 * crumble, surface + 6)
    canvas.paint("bone", canvas.inside(cavity - 2.0))
    canvas.paint(None, canvas.inside(cavity))
    septa = (crumble.abs() - 0.12) * 5
    canvas.paint("muscle", canvas.inside(torch.maximum(cavity + 0.5, septa)))


def _paint_eyes(canvas: Canvas, points: Tensor, surface: Tensor, generator: torch.Generator) -> None:
    centre = (32 + uniform(generator, -2, 2), 66 + uniform(generator, -3, 3), -36 + uniform(generator, -3, 3))
    if float(points[..., 2].min()) > -10 or float(points[..., 1].max()) < 30:
        return
    orbit = torch.maximum(_ellipsoid(points, (30, 56, -36), (18, 24, 16), mirrored=True), surface + 1.5)
    canvas.paint("fat", canvas.inside(orbit))
    muscle = _ellipsoid(points, (26, 48, -36), (9, 16, 9), mirrored=True)
    canvas.paint("muscle", canvas.inside((muscle + 1.5).abs() - 1.5))
    nerve = _ellipsoid(points, (25, 46, -35), (2.2, 20, 2.2), mirrored=True)
    canvas.paint("white_matter", canvas.inside(nerve))
    globe = _ellipsoid(points, centre, (12, 12, 12), mirrored=True)
    canvas.paint("skin", canvas.inside(globe))
    canvas.paint("vitreous", canvas.inside(globe + 1.2))
    lens = _ellipsoid(points, (centre[0], centre[1] + 8, centre[2]), (4.5, 2.2, 4.5), mirrored=True)
    canvas.paint("muscle", canvas.inside(lens))


def head_window(placement: Placement) -> tuple[slice, slice]:
    """Rows and columns outside which there is only air, whatever the thickness of skull and scalp.

    Args:
        placement: of the voxels.

    Returns:
        Slices of the y and the x axis.
    """
    step = max(1, round(placement.in_voxels(6)[2]))
    points = placement.points[:, ::step, ::step]
    head = (torch.minimum(sample(load_atlas().head, points)[0] - 30, _face(points, 1.08)) < 8).any(0)
    windows = []
    for along, n in ((head.any(1), placement.shape[1]), (head.any(0), placement.shape[2])):
        found = along.nonzero().flatten()
        first, last = (int(found[0]), int(found[-1])) if len(found) else (0, 0)
        windows.append(slice(max((first - 1) * step, 0), min((last + 2) * step, n)))
    return windows[0], windows[1]


def _face(points: Tensor, s: float) -> Tensor:
    """Distance to the surface of face, nose, jaw and neck, scaled by s."""
    face = _ellipsoid(points, (0, 28, -62), (62 * s, 62 * s, 72))
    nose = _ellipsoid(points, (0, 88, -52), (13 * s, 20 * s, 26))
    x, y = points[..., 0], points[..., 1] + 30
    neck = torch.maximum((x**2 + y**2).sqrt() - 62 * s, points[..., 2] + 55)
    ears = _ellipsoid(points, (80, -22, -32), (6, 14, 26), mirrored=True)
    return torch.minimum(torch.minimum(torch.minimum(face, nose), neck), ears)


def _ellipsoid(
    points: Tensor,
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
    *,
    mirrored: bool = False,
) -> Tensor:
    """Approximate distance to an ellipsoid, and to its mirror image if asked; negative inside."""
    x = points[..., 0].abs() if mirrored else points[..., 0]
    offsets = (x - centre[0], points[..., 1] - centre[1], points[..., 2] - centre[2])
    squares = sum(((offset / radius) ** 2 for offset, radius in zip(offsets, radii, strict=True)), torch.zeros(()))
    return (squares.sqrt() - 1) * min(radii)


def _smooth_minimum(a: Tensor, b: Tensor, width: float) -> Tensor:
    blend = (0.5 + 0.5 * (b - a) / width).clamp(0, 1)
    return b + (a - b) * blend - width * blend * (1 - blend)


def _smooth_maximum(a: Tensor, b: Tensor, width: float) -> Tensor:
    return -_smooth_minimum(-a, -b, width)


def _positive(value: Tensor, floor: float) -> Tensor:
    return value.clamp_min(floor)
