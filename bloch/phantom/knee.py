"""A knee-like phantom: the layers that matter for contrast, in simple shapes.

Lengths in mm; x, y, z towards L, P, S.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.canvas import Canvas
from bloch.phantom.map_checks import Matrix, VoxelSize
from bloch.phantom.phantom import Phantom
from bloch.phantom.solids import column, ellipsoid, intersection, millimetre_points, union

SYNOVIAL_FLUID = "vitreous"
"""Stands for synovial fluid, which is as watery: T2 0.77 s at 3 T (Jordan et al., Eur J Radiol 83:1137, 2014)."""
REACH = 9.0  # mm: bones nearer than this to another one bear cartilage


def knee(
    matrix: Matrix,
    *,
    voxel_size: VoxelSize = (1.5e-3, 1.5e-3, 1.5e-3),
    fat_thickness: float = 8e-3,
    cartilage_thickness: float = 2.2e-3,
) -> Phantom:
    """A left knee, straight, with the joint line at z = 0.

    Femur with two condyles, tibia, fibula and patella: cortical bone around marrow; cartilage where they meet;
    synovial fluid between; muscle, popliteal vessels, fat and skin around. Left out, because there is no published
    row for them in the table or no room in simple shapes: menisci, ligaments and tendons (fat lies there), trabecular
    texture, pathology. Dimensions are those of an adult to the nearest 5 mm, taken from no individual.

    Args:
        matrix: voxels ``(z, y, x)``; a field of view of about 0.15 m shows all.
        voxel_size: ``(z, y, x)``, m.
        fat_thickness: of the subcutaneous fat, m.
        cartilage_thickness: on each bone, m.

    Returns:
        Phantom.

    Raises:
        ValueError: the layers are too thick (joint space 5.5 mm), or not positive.
    """
    if not 0 < cartilage_thickness <= 2.5e-3 or not 0 < fat_thickness <= 20e-3:
        raise ValueError(
            f"cartilage_thickness is {cartilage_thickness} m and fat_thickness {fat_thickness} m; "
            "expected 0 to 0.0025 m (the joint space is 5.5 mm) and 0 to 0.02 m."
        )
    points = millimetre_points(matrix, voxel_size)
    canvas = Canvas(matrix, edge=1e3 * min(voxel_size))
    _paint_soft_tissue(canvas, points, fat_thickness * 1e3)
    bones = {"femur": _femur(points), "tibia": _tibia(points), "patella": _patella(points)}
    _paint_joint(canvas, bones, cartilage_thickness * 1e3)
    fibula = intersection(column(points, (34.0, 18.0), (8.0, 8.0)), points[..., 2] + 18)
    for distance in (*bones.values(), fibula):
        _paint_bone(canvas, points, distance)
    z, y, x = (size * 1e3 for size in voxel_size)
    return canvas.phantom((z, y, x))


def _paint_soft_tissue(canvas: Canvas, points: Tensor, fat: float) -> None:
    z = points[..., 2]
    surface = column(points, (0.0, 4.0), (62 + 0.12 * z, 63 + 0.12 * z))
    canvas.paint("skin", canvas.inside(surface))
    canvas.paint("fat", canvas.inside(surface + 1.8))
    inner = surface + 1.8 + fat
    thigh = intersection(inner, 38 - z)
    calf = intersection(inner, z + 28, 2 - points[..., 1])
    heads = intersection(inner, 14 - points[..., 0].abs(), 34 - points[..., 1])  # beside the popliteal fossa
    canvas.paint("muscle", canvas.inside(union(thigh, calf, heads)))
    artery, vein = column(points, (2.0, 44.0), (3.5, 3.5)), column(points, (-5.0, 49.0), (4.5, 4.5))
    canvas.paint("blood", canvas.inside(union(artery, vein)))


def _paint_joint(canvas: Canvas, bones: dict[str, Tensor], cartilage: float) -> None:
    """Fluid fills the gap between two bones; each bears cartilage on the side of the other."""
    pairs = (("femur", "tibia"), ("femur", "patella"))
    for first, second in pairs:
        gap = intersection(bones[first], bones[second]) - 0.7 * REACH
        canvas.paint(SYNOVIAL_FLUID, canvas.inside(gap))
    for first, second in pairs:
        for bone, other in ((first, second), (second, first)):
            layer = intersection(bones[bone] - cartilage, bones[other] - REACH)
            canvas.paint("cartilage", canvas.inside(layer))


def _paint_bone(canvas: Canvas, points: Tensor, distance: Tensor) -> None:
    """The shell is thin at the joint and thick along the shaft."""
    shell = 1.5 + 3.5 * ((points[..., 2].abs() - 30) / 40).clamp(0, 1)
    canvas.paint("bone", canvas.inside(distance))
    canvas.paint("marrow", canvas.inside(distance + shell))


def _femur(points: Tensor) -> Tensor:
    z = points[..., 2]
    radius = 14 + 16 * torch.exp(-((z - 25).clamp_min(0) / 22))
    shaft = intersection(column(points, (0.0, 0.0), (1.15 * radius, 0.85 * radius)), 25 - z)
    condyles = [ellipsoid(points, (side * 21.0, 6.0, 25.0), (19.0, 29.0, 22.2)) for side in (-1, 1)]
    trochlea = ellipsoid(points, (0.0, -2.0, 28.0), (26.0, 22.0, 18.0))
    return union(shaft, trochlea, *condyles)


def _tibia(points: Tensor) -> Tensor:
    z = points[..., 2]
    radius = 13 + 24 * torch.exp(-((-3 - z).clamp_min(0) / 25))
    return intersection(column(points, (0.0, 4.0), (radius, 0.72 * radius + 2)), z + 2.8)


def _patella(points: Tensor) -> Tensor:
    return ellipsoid(points, (0.0, -42.0, 26.0), (22.0, 11.0, 21.0))
