"""Test objects with known times: the ISMRM/NIST system phantom's arrays of spheres, and a ring of tubes."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import torch
from torch import Tensor

from bloch.phantom.grid import voxel_centres
from bloch.phantom.map_checks import Matrix, VoxelSize, check_voxel_size
from bloch.phantom.parameter_maps import MapPhantom

ArrayName = Literal["T1", "T2", "proton_density"]

BODY_RADIUS = 0.1  # m
RING_RADIUS = 0.05  # m: ten spheres lie on a ring, four on a square inside it
SQUARE = 0.02  # m, half the edge of that square
PLATES: dict[ArrayName, float] = {"T1": -0.0565, "T2": -0.0165, "proton_density": 0.0235}  # m towards posterior
DENSITIES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # H2O in D2O
FIELDS = (1.5, 3.0)  # T, at which the times were measured
WATER = (1 / 0.3, 1 / 0.5)  # T1, T2 of the water that fills the body, s


@dataclass(frozen=True)
class Filling:
    """What is in a tube or sphere.

    Attributes:
        T1: s.
        T2: s.
        proton_density: relative to water.
    """

    T1: float
    T2: float
    proton_density: float = 1.0


def system_phantom_fillings(array: ArrayName, B0: float) -> tuple[Filling, ...]:
    """The 14 fillings of an array of the ISMRM/NIST system phantom, sphere 1 first, at 20 °C.

    The T1 array holds NiCl2, the T2 array MnCl2 in water (phantoms with serial numbers up to 41). The
    proton-density array holds H2O in D2O; its relaxation times are taken as those of water, since none are published.

    Args:
        array: which plate.
        B0: field strength, T.

    Returns:
        Fillings.

    Raises:
        ValueError: the array is unknown or B0 is not positive.

    Warns:
        UserWarning: B0 is not 1.5 or 3 T; the values of the nearer of both (in ratio) are returned.

    Source: Stupic et al., Magn Reson Med 86:1194 (2021), supporting information: NMR at 1.5 and 3 T, 20 °C, as
        tabulated in NIST's PhantomViewer.
    """
    if array not in PLATES:
        raise ValueError(f"The system phantom has no array {array!r}; it has {sorted(PLATES)}.")
    if not B0 > 0:
        raise ValueError(f"B0 is {B0} T; expected a positive field strength.")
    nearest = min(FIELDS, key=lambda field: abs(math.log(field / B0)))
    if array == "proton_density":
        return tuple(Filling(*WATER, density) for density in DENSITIES)
    if abs(B0 / nearest - 1) > 0.05:
        warnings.warn(
            f"The system phantom's times were measured at 1.5 and 3 T; at {B0} T those of {nearest} T are used.",
            stacklevel=2,
        )
    return tuple(Filling(*times[nearest]) for times in _table()[array])


def system_phantom(
    matrix: Matrix,
    voxel_size: VoxelSize,
    B0: float,
    *,
    array: ArrayName | None = None,
    sphere_diameter: float = 0.015,
) -> MapPhantom:
    """The relaxometry and proton-density spheres of the ISMRM/NIST system phantom in their water-filled body.

    The plates are coronal: sphere 1 at the top, the ring of ten runs towards the patient's left, then the inner four.
    Fiducial spheres, resolution and slice-profile insets are left out, and the plastic has no thickness. In voxels on a
    sphere's surface the proton densities are mixed and the times are those of the greater part.

    Args:
        matrix: voxels ``(z, y, x)``.
        voxel_size: ``(z, y, x)``, m.
        B0: field strength, T; see ``system_phantom_fillings``.
        array: moves this array's plate to y = 0, so that a coronal slab shows it; None leaves the phantom in place.
        sphere_diameter: inner one, m. The outer one is 20 mm; the inner one is assumed.

    Returns:
        MapPhantom of the size of the grid; a body of 0.2 m is cut where the grid ends.

    Source: positions as in NIST's PhantomViewer (ring of 50 mm, square of ±20 mm, plates at −56.5, −16.5 and 23.5 mm).
    """
    shift = 0.0 if array is None else PLATES[array]
    centres: list[Tensor] = []
    fillings: list[Filling] = []
    for name in PLATES:
        centres.append(_array_positions(PLATES[name] - shift))
        fillings.extend(system_phantom_fillings(name, B0))
    middle = torch.tensor([0.0, -shift, 0.0], dtype=torch.float64)
    points = voxel_centres(matrix, voxel_size)
    body = _coverage((points - middle).norm(dim=-1) - BODY_RADIUS, voxel_size)
    spheres = [
        _coverage((points - centre).norm(dim=-1) - sphere_diameter / 2, voxel_size) for centre in torch.cat(centres)
    ]
    return _fill(body, spheres, fillings, Filling(*WATER), voxel_size)


def tube_phantom(
    fillings: Sequence[Filling],
    matrix: Matrix,
    voxel_size: VoxelSize,
    *,
    tube_diameter: float = 0.02,
    ring_radius: float = 0.05,
    background: Filling | None = None,
    body_radius: float = 0.08,
) -> MapPhantom:
    """Tubes along z on a ring: the first at the top (anterior), the next ones towards the patient's left.

    Args:
        fillings: of each tube.
        matrix: voxels ``(z, y, x)``.
        voxel_size: ``(z, y, x)``, m.
        tube_diameter: inner one, m.
        ring_radius: distance of the tubes from the middle, m.
        background: fills a cylinder around the tubes; None for air.
        body_radius: of that cylinder, m.

    Returns:
        MapPhantom.

    Raises:
        ValueError: there are no tubes, or they overlap.
    """
    n = len(fillings)
    if n == 0:
        raise ValueError("fillings is empty; expected at least one tube.")
    if n > 1 and 2 * ring_radius * math.sin(math.pi / n) < tube_diameter:
        raise ValueError(f"{n} tubes of {tube_diameter} m overlap on a ring of radius {ring_radius} m.")
    check_voxel_size(voxel_size)
    x, y, _ = voxel_centres(matrix, voxel_size).unbind(-1)
    angles = [2 * math.pi * i / n for i in range(n)]
    tubes = [
        _coverage(
            torch.hypot(x - ring_radius * math.sin(a), y + ring_radius * math.cos(a)) - tube_diameter / 2, voxel_size
        )
        for a in angles
    ]
    radius = body_radius if background is not None else -1.0
    body = _coverage(torch.hypot(x, y) - radius, voxel_size)
    return _fill(body, tubes, fillings, background or Filling(1.0, 1.0, 0.0), voxel_size)


@lru_cache(maxsize=1)
def _table() -> dict[str, list[dict[float, tuple[float, float]]]]:
    """By array and sphere: field to (T1, T2)."""
    text = files("bloch.phantom").joinpath("system_phantom.csv").read_text(encoding="utf-8")
    table: dict[str, list[dict[float, tuple[float, float]]]] = {"T1": [], "T2": []}
    for row in csv.DictReader(text.splitlines()):
        times = {
            1.5: (float(row["T1_1.5T"]), float(row["T2_1.5T"])),
            3.0: (float(row["T1_3T"]), float(row["T2_3T"])),
        }
        table[row["array"]].append(times)
    return table


def _array_positions(y: float) -> Tensor:
    """Centres of the 14 spheres of a plate, ``(14, 3)``, x y z, m."""
    ring = [
        (RING_RADIUS * math.sin(2 * math.pi * i / 10), y, RING_RADIUS * math.cos(2 * math.pi * i / 10))
        for i in range(10)
    ]
    square = [(-SQUARE, y, SQUARE), (SQUARE, y, SQUARE), (SQUARE, y, -SQUARE), (-SQUARE, y, -SQUARE)]
    return torch.tensor(ring + square, dtype=torch.float64)


def _coverage(distance: Tensor, voxel_size: VoxelSize) -> Tensor:
    """Part of a voxel that a body fills, by the distance of its centre from the surface in m."""
    return (0.5 - distance / min(voxel_size)).clamp(0, 1)


def _fill(
    body: Tensor, inserts: list[Tensor], fillings: Sequence[Filling], background: Filling, voxel_size: VoxelSize
) -> MapPhantom:
    around = body * (1 - torch.stack(inserts).sum(0)).clamp(0, 1)
    density, greatest = background.proton_density * around, around
    T1, T2 = torch.full_like(body, background.T1), torch.full_like(body, background.T2)
    for coverage, filling in zip(inserts, fillings, strict=True):
        part = coverage * filling.proton_density
        density = density + part
        wins = coverage > greatest
        T1, T2 = torch.where(wins, filling.T1, T1), torch.where(wins, filling.T2, T2)
        greatest = torch.where(wins, coverage, greatest)
    return MapPhantom(density.float(), T1.float(), T2.float(), voxel_size)
