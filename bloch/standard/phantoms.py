"""Phantoms by name or from a file, on a grid that suits the encoding, and the fields they bring with them."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch

from bloch.phantom import (
    Lesion,
    MapPhantom,
    Phantom,
    abdomen,
    asymmetric,
    brain_volume,
    knee,
    magnet_field_map,
    random_magnet,
    read_koma,
    read_mrzero_npz,
    shepp_logan,
    susceptibility_field,
    system_phantom,
)
from bloch.scanner import Scanner
from bloch.sequence import Encoding

PLANES = 3
"""Planes of the phantom in the thickness of a slice."""

MOST_VOXELS = 3e8
"""Of a phantom: a map of so many voxels takes a gigabyte, and there are several."""

BEYOND = 1.0
"""How far beyond a stack of slices the phantom goes on, in slice thicknesses: profiles have tails."""


class PhantomChoice(StrEnum):
    """Phantoms that are made, not read."""

    brain = "brain"
    shepp_logan = "shepp-logan"
    asymmetric = "asymmetric"
    system = "system"
    knee = "knee"
    abdomen = "abdomen"


def phantom_for(
    choice: PhantomChoice, encoding: Encoding, *, B0: float, seed: int, lesion: Lesion | None = None
) -> Phantom | MapPhantom:
    """The phantom on a grid two to three times as fine as the encoding, large enough for its slices.

    Args:
        choice: which. The head of Shepp and Logan is as tall as the field of view is wide, the asymmetric body as tall
            as the stack of slices; a single slice shows either without change along z.
        encoding: the scan it is for.
        B0: field strength, T, for the system phantom's relaxation times.
        seed: of a random head.
        lesion: of the brain; None draws one at random.

    Returns:
        Phantom.
    """
    (n_z, n_y, n_x), (dz, dy, dx) = encoding.matrix, encoding.voxel_size
    planes = PLANES if n_z == 1 else 2
    _check_size(encoding, planes)
    _, height, width = encoding.field_of_view
    stack = len(encoding.centres) * encoding.field_of_view[0]
    if choice in (PhantomChoice.shepp_logan, PhantomChoice.asymmetric):
        depth = width if choice is PhantomChoice.shepp_logan else stack
        one_slice = stack == dz
        matrix = (1 if one_slice else round(depth / dz * planes), 2 * n_y, 2 * n_x)
        body = shepp_logan if choice is PhantomChoice.shepp_logan else asymmetric
        return body(matrix, field_of_view=(depth, height, width))
    # A tilted stack reaches further up and down than its slices are thick.
    reach = float(np.abs(_corners(encoding)[:, 2]).max()) + BEYOND * dz * (n_z == 1)
    matrix = (2 * math.ceil(reach / dz * planes - 1e-6) + 1, 2 * n_y, 2 * n_x)
    voxel = (dz / planes, dy / 2, dx / 2)
    if choice is PhantomChoice.system:
        return system_phantom(matrix, voxel, B0)
    if choice is PhantomChoice.knee:
        return knee(matrix, voxel_size=voxel)
    if choice is PhantomChoice.abdomen:
        return abdomen(matrix, voxel_size=voxel)
    generator = torch.Generator().manual_seed(seed)
    return brain_volume(generator, matrix, voxel_size=voxel, lesions=True, lesion=lesion)


def read_phantom(path: Path, B0: float) -> MapPhantom:
    """A phantom file of another simulator.

    Args:
        path: KomaMRI's ``.phantom`` (HDF5) or MRzero's ``.npz``.
        B0: field strength for which its field map holds, T.

    Returns:
        MapPhantom.

    Raises:
        ValueError: the ending is unknown, or the file is not what its ending says.
    """
    if path.suffix == ".npz":
        return read_mrzero_npz(path, B0=B0)
    if path.suffix in (".phantom", ".h5"):
        return read_koma(path, B0=B0)
    names = ", ".join(PhantomChoice)
    raise ValueError(
        f"{str(path)!r} is no phantom: give one of {names}, or a file that ends in .phantom (KomaMRI) or .npz (MRzero)"
    )


def with_field(
    phantom: Phantom | MapPhantom, scanner: Scanner, *, inhomogeneity: float, susceptibility: bool, seed: int
) -> Phantom | MapPhantom:
    """Add the magnet's and the tissues' deviation of the field.

    Args:
        phantom: to which.
        scanner: the direction of its B0.
        inhomogeneity: of the magnet, ppm peak to peak over a sphere of 20 cm; 0 for none.
        susceptibility: the tissues magnetise (fractions only: maps bring their own field).
        seed: of the magnet.

    Returns:
        The phantom with its field offset, whose mean over the protons is 0, as a scanner's frequency adjustment has it.
    """
    offset = torch.zeros(phantom.matrix) if phantom.field_offset is None else phantom.field_offset.clone()
    if susceptibility and isinstance(phantom, Phantom):
        flat = phantom.matrix[0] == 1
        field = susceptibility_field(phantom, B0_direction=scanner.B0_direction, continued=(flat, False, False))
        inside = phantom.fractions.sum(0)
        offset += (field - (field * inside).sum() / inside.sum()).float()
    if inhomogeneity > 0:
        magnet = random_magnet(seed, inhomogeneity, radius=0.1)
        offset += magnet_field_map(magnet, phantom.matrix, phantom.voxel_size).float()
    return replace(phantom, field_offset=offset) if bool((offset != 0).any()) else phantom


def _check_size(encoding: Encoding, planes: int) -> None:
    n_z, n_y, n_x = encoding.matrix
    if (n := len(encoding.centres) * n_z * planes * 4 * n_y * n_x) > MOST_VOXELS:
        raise ValueError(
            f"the phantom of a matrix {encoding.matrix} with {len(encoding.centres)} slices would have {n:.2g} voxels, "
            f"more than {MOST_VOXELS:.2g}; take fewer or larger voxels"
        )


def _corners(encoding: Encoding) -> np.ndarray:
    """Patient coordinates of the corners of all slices, (corner, 3)."""
    half = np.array(encoding.field_of_view) / 2
    signs = np.stack(np.meshgrid(*[[-1, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return (encoding.centres[:, None] + (signs * half) @ encoding.directions).reshape(-1, 3)
