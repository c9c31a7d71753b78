"""An abdomen-like phantom whose liver has a known fat fraction, and the way in which it breathes.

Lengths in mm; x, y, z towards L, P, S; z = 0 runs through the liver.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bloch.phantom.canvas import Canvas
from bloch.phantom.grid import voxel_centres
from bloch.phantom.map_checks import Matrix, VoxelSize
from bloch.phantom.motion import RespiratoryMotion
from bloch.phantom.phantom import Phantom
from bloch.phantom.solids import column, ellipsoid, intersection, millimetre_points, union
from bloch.tissue import tissue_properties

BODY = (165.0, 110.0)  # half axes (x, y)
DIAPHRAGM = 85.0  # highest point of its dome
SPINE = 45.0  # y of its anterior side; nothing moves behind it
DECAY = 120.0  # along z, of the displacement below the diaphragm


def abdomen(
    matrix: Matrix,
    *,
    voxel_size: VoxelSize = (5e-3, 2e-3, 2e-3),
    liver_fat_fraction: float = 0.05,
    fat_thickness: float = 18e-3,
) -> Phantom:
    """Trunk with liver, spleen, kidneys, spine, aorta and vena cava, in muscle, fat and skin; lungs above.

    Organs are ellipsoids. Stomach, bowel, pancreas and ribs are left out (fat lies there). Dimensions are those of an
    adult to the nearest 5 mm, taken from no individual.

    Args:
        matrix: voxels ``(z, y, x)``; 0.35 m along x and 0.24 m along y show all.
        voxel_size: ``(z, y, x)``, m.
        liver_fat_fraction: proton-density fat fraction of the liver, as Dixon imaging measures it; see
            ``fat_volume_fraction`` for the smallest one.
        fat_thickness: of the subcutaneous fat, m.

    Returns:
        Phantom at end of expiration; see ``breathing_motion``.

    Raises:
        ValueError: the fat fraction is out of range, or the fat layer too thick.
    """
    added_fat = fat_volume_fraction(liver_fat_fraction)
    if not 0 < fat_thickness <= 50e-3:
        raise ValueError(f"fat_thickness is {fat_thickness} m; expected above 0 and at most 0.05 m.")
    points = millimetre_points(matrix, voxel_size)
    canvas = Canvas(matrix, edge=1e3 * min(voxel_size))
    cavity = _paint_wall(canvas, points, fat_thickness * 1e3)
    dome = _above_diaphragm(points)
    canvas.paint(None, canvas.inside(intersection(cavity, dome)))  # lungs
    _paint_spine(canvas, points)
    below = -dome
    _paint_organs(canvas, points, intersection(cavity + 2, below + 3), added_fat)
    z, y, x = (size * 1e3 for size in voxel_size)
    return canvas.phantom((z, y, x))


def fat_volume_fraction(proton_density_fat_fraction: float, tissue: str = "liver") -> float:
    """How much of the volume must be fat tissue, for a fat fraction of the protons.

    ``p = (v ρ_f φ_f + (1 − v) ρ_t φ_t) / (v ρ_f + (1 − v) ρ_t)`` solved for v, with ρ the proton densities and φ the
    shares of fat in the protons of fat tissue and of the other one, which may hold a little itself.

    Args:
        proton_density_fat_fraction: p.
        tissue: that holds the fat.

    Returns:
        v, 0 to 1.

    Raises:
        ValueError: p is below the fraction that the tissue has in the table, or above that of fat tissue.
    """
    table = tissue_properties()
    lean, fat = (
        (row.proton_density, sum(peak.amplitude for peak in row.chemical_shift if peak.shift != 0))
        for row in (table[tissue], table["fat"])
    )
    p = proton_density_fat_fraction
    if not lean[1] <= p <= fat[1]:
        raise ValueError(
            f"The proton-density fat fraction is {p}; {tissue} with added fat reaches {lean[1]:.3g} (its own in the "
            f"tissue table) to {fat[1]:.3g}. If the number is in percent, divide by 100."
        )
    missing, spare = lean[0] * (p - lean[1]), fat[0] * (fat[1] - p)
    return missing / (missing + spare)


def breathing_motion(
    matrix: Matrix,
    voxel_size: VoxelSize,
    *,
    superior_inferior: float = 15e-3,
    anterior_posterior: float = 5e-3,
    period: float = 4.0,
) -> RespiratoryMotion:
    """How the abdomen moves: at inspiration the diaphragm sinks and the front wall rises.

    ``u_z = −A_SI w(z) (1 − ρ⁴) h(y)`` and ``u_y = −A_AP w(z) h(y)``: w falls from 1 at the diaphragm as
    ``exp(−(z_d − z)/120 mm)``, h from 1 at the front to 0 at the spine, and the wall (ρ = 1) does not slide along z.

    Args:
        matrix: voxels ``(z, y, x)`` of the phantom.
        voxel_size: ``(z, y, x)``, m.
        superior_inferior: A_SI, m, downwards.
        anterior_posterior: A_AP, m, forwards.
        period: of a breath, s.

    Returns:
        RespiratoryMotion for ``Phantom.motion``; the map r → r + u(r) is a diffeomorphism.

    Raises:
        ValueError: an amplitude is negative or above 30 mm, where the map could fold.

    Source: the sizes are of the order of those of the liver in Rohlfing et al., Med Phys 31:427 (2004); the shape of
        the field is ours.
    """
    if not (0 <= superior_inferior <= 0.03 and 0 <= anterior_posterior <= 0.03):
        raise ValueError(
            f"Amplitudes are {superior_inferior} m and {anterior_posterior} m; expected 0 to 0.03 m, since larger "
            "ones could fold the body. If they are in mm, divide by 1000."
        )
    x, y, z = (voxel_centres(matrix, voxel_size) * 1e3).unbind(-1)
    below = torch.exp(-(DIAPHRAGM - z).clamp_min(0) / DECAY)
    front = ((SPINE - y) / (SPINE + BODY[1])).clamp(0, 1)
    ramp = front * front * (3 - 2 * front)
    rho = torch.hypot(x / BODY[0], y / BODY[1]).clamp_max(1)
    sinking = -superior_inferior * below * (1 - rho**4) * ((SPINE - y) / 40).clamp(0, 1)
    rising = -anterior_posterior * below * ramp
    displacement = torch.stack([torch.zeros_like(sinking), rising, sinking]).float()
    return RespiratoryMotion(displacement, period=period)


def _paint_wall(canvas: Canvas, points: Tensor, fat: float) -> Tensor:
    """Skin, fat and muscle; returns the distance to the cavity inside them, which is filled with fat."""
    surface = column(points, (0.0, 0.0), BODY)
    canvas.paint("skin", canvas.inside(surface))
    canvas.paint("fat", canvas.inside(surface + 2))
    canvas.paint("muscle", canvas.inside(surface + 2 + fat))
    cavity = surface + 2 + fat + 12
    back = union(*(column(points, (side * 38.0, 74.0), (32.0, 24.0)) for side in (-1, 1)))
    canvas.paint("fat", canvas.inside(intersection(cavity, -back)))
    return cavity


def _above_diaphragm(points: Tensor) -> Tensor:
    """Negative in the lungs: above a dome on either side that falls towards the wall."""
    x, y, z = points.unbind(-1)
    fall = ((x.abs() - 70) / 75) ** 2 + (y / 75) ** 2
    return DIAPHRAGM - 45 * fall.clamp_max(1.5) - z


def _paint_spine(canvas: Canvas, points: Tensor) -> None:
    z = points[..., 2]
    body = column(points, (0.0, SPINE + 17), (22.0, 16.0))
    vertebra = intersection(body, torch.remainder(z, 36) - 29)  # discs of 7 mm between
    arch = column(points, (0.0, 88.0), (16.0, 13.0))
    canvas.paint("cartilage", canvas.inside(body))
    canvas.paint("bone", canvas.inside(union(vertebra, arch)))
    canvas.paint("marrow", canvas.inside(intersection(vertebra + 1.5, 3 - torch.remainder(z, 36))))
    canvas.paint("csf", canvas.inside(column(points, (0.0, 87.0), (9.0, 8.0))))
    vessels = union(column(points, (10.0, 32.0), (10.0, 10.0)), column(points, (-20.0, 33.0), (12.0, 9.0)))
    canvas.paint("blood", canvas.inside(intersection(vessels, z - 60)))


def _paint_organs(canvas: Canvas, points: Tensor, cavity: Tensor, added_fat: float) -> None:
    right = ellipsoid(points, (-72.0, 0.0, 15.0), (75.0, 78.0, 85.0))
    left = ellipsoid(points, (0.0, -45.0, 35.0), (75.0, 38.0, 42.0))
    midline = intersection(union(right, left), points[..., 1] - 20 + 0.25 * points[..., 0])  # clear of the spine
    kidneys = [ellipsoid(points, (side * 62.0, 45.0, -55.0), (27.0, 24.0, 52.0)) for side in (-1, 1)]
    spleen = ellipsoid(points, (95.0, 32.0, 30.0), (28.0, 42.0, 48.0))
    liver = canvas.inside(intersection(midline, cavity, -union(*kidneys) + 2))
    canvas.paint("liver", liver)
    canvas.convert("fat", torch.full(canvas.shape, added_fat), ("liver",))
    canvas.paint("spleen", canvas.inside(intersection(spleen, cavity, 2 - kidneys[1])))
    canvas.paint("kidney_cortex", canvas.inside(union(*kidneys)))
    canvas.paint("kidney_medulla", canvas.inside(union(*kidneys) + 7))
    sinuses = [ellipsoid(points, (side * 52.0, 45.0, -55.0), (12.0, 8.0, 18.0)) for side in (-1, 1)]
    canvas.paint("fat", canvas.inside(union(*sinuses)))
