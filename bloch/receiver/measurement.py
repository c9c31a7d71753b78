"""The noise-free signal of every channel, and the image that one ideal coil would give."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from bloch.magnetisation.excited_object import ExcitedObject, magnetisation_at
from bloch.receiver.coil_array import sensitivities
from bloch.receiver.fourier_encoding import encode_plane, encoding_matrix
from bloch.scanner import Scanner
from bloch.sequence import Encoding

MAX_PLANES = 15
"""Most planes that stand for the thickness of a slice."""


def measure(excited: ExcitedObject, scanner: Scanner, encoding: Encoding) -> Tensor:
    """Signal of each channel at every k of the grid, measured or not.

        y_c(k) = 1/√N Σ_r S_c(r) m(r) exp(−2πi k·r) ΔV_fine / ΔV,   N = voxels of the encoded matrix

    Args:
        excited: the object.
        scanner: its coils.
        encoding: matrix, field of view, slices, oversampling.

    Returns:
        Complex128 ``(slice, coil, kz, ky, sample)``, T/A.
    """

    def receive(points: Tensor) -> Tensor:
        return sensitivities(scanner.array, points, B0_direction=scanner.B0_direction)

    n_slices = len(encoding.centres)
    return torch.stack([_measure_slice(excited, encoding, s, receive) for s in range(n_slices)])


def ideal_image(excited: ExcitedObject, encoding: Encoding) -> Tensor:
    """Noise-free image of one coil with sensitivity 1, from the encoded window of k-space alone.

    Args:
        excited: the object.
        encoding: matrix, field of view, slices.

    Returns:
        Complex128 ``(slice, z, y, x)``, magnetisation of water = 1.
    """

    def receive(points: Tensor) -> Tensor:
        return torch.ones(1, *points.shape[:-1], dtype=torch.complex128, device=points.device)

    plain = replace(encoding, oversampling=1)
    decode = [
        encoding_matrix(_voxel_centres(n, size), n, n * size).mH.to(excited.magnitude.device) / math.sqrt(n)
        for n, size in zip(encoding.matrix, encoding.voxel_size, strict=True)
    ]
    kspace = torch.stack([_measure_slice(excited, plain, s, receive)[0] for s in range(len(encoding.centres))])
    return torch.einsum("szyx,Zz,Yy,Xx->sZYX", kspace, *decode)


def sensitivity_maps(scanner: Scanner, encoding: Encoding) -> Tensor:
    """Sensitivities at the centres of the encoded voxels.

    Returns:
        Complex64 ``(slice, coil, z, y, x)``, T/A.
    """
    axes = [_voxel_centres(n, size) for n, size in zip(encoding.matrix, encoding.voxel_size, strict=True)]
    slices = []
    for s in range(len(encoding.centres)):
        planes = [_points(encoding, s, float(z), axes[1], axes[2]) for z in axes[0]]
        maps = [sensitivities(scanner.array, points, B0_direction=scanner.B0_direction) for points in planes]
        slices.append(torch.stack(maps, dim=1))
    return torch.stack(slices)


def _measure_slice(excited: ExcitedObject, encoding: Encoding, s: int, receive: Callable[[Tensor], Tensor]) -> Tensor:
    """One slice or slab, plane by plane to bound memory: complex128 (coil, kz, ky, sample)."""
    z, y, x = (axis.to(excited.magnitude.device) for axis in _fine_grid(excited, encoding))
    n_z, n_y, n_x = encoding.matrix
    over = encoding.oversampling
    Z = encoding_matrix(z, n_z, encoding.field_of_view[0]) if n_z > 1 else torch.ones(1, len(z), dtype=torch.complex128)
    Y = encoding_matrix(y, n_y, encoding.field_of_view[1])
    X = encoding_matrix(x, n_x * over, encoding.field_of_view[2] * over)
    volume_ratio = n_z * n_y * n_x / (len(z) * len(y) * len(x))
    scale = volume_ratio / math.sqrt(n_z * n_y * n_x)
    kspace: Tensor | None = None
    for i, height in enumerate(z.tolist()):
        points = _points(encoding, s, height, y, x)
        seen = receive(points).to(torch.complex128) * magnetisation_at(excited, points)
        part = encode_plane(seen, (Z[:, i], Y, X))
        kspace = part if kspace is None else kspace + part
    if kspace is None:
        raise ValueError("the encoding has no planes")
    return scale * kspace


def _fine_grid(excited: ExcitedObject, encoding: Encoding) -> list[Tensor]:
    """Positions along z, y, x, at least twice as fine as the encoding, with one at 0 on every encoded axis."""
    axes = []
    for axis, (n, size, phantom_size) in enumerate(
        zip(encoding.matrix, encoding.voxel_size, excited.voxel_size, strict=True)
    ):
        ratio = math.ceil(size / phantom_size - 1e-6)
        if axis == 0 and n == 1:  # not encoded: planes spread evenly over the thickness
            n_planes = 1 if len(excited.magnitude) == 1 else min(max(ratio, 1), MAX_PLANES)
            axes.append((torch.arange(n_planes, dtype=torch.float64) - (n_planes - 1) / 2) * size / n_planes)
        else:
            factor = max(ratio, 2)
            axes.append(_voxel_centres(n * factor, size / factor))
    return axes


def _voxel_centres(n: int, size: float) -> Tensor:
    return (torch.arange(n, dtype=torch.float64) - n // 2) * size


def _points(encoding: Encoding, s: int, z: float, y: Tensor, x: Tensor) -> Tensor:
    """Patient coordinates (y, x, 3) of one plane of slice s."""
    centre = torch.as_tensor(encoding.centres[s], dtype=torch.float64, device=y.device)
    dz, dy, dx = torch.as_tensor(encoding.directions, dtype=torch.float64, device=y.device)
    return centre + z * dz + y[:, None, None] * dy + x[None, :, None] * dx
