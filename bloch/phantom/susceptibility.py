"""The field that a body's own magnetisation makes: ΔB0 from susceptibility, by Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from bloch.phantom.map_checks import VoxelSize, check_everywhere, check_voxel_size
from bloch.phantom.phantom import Phantom
from bloch.tissue import AIR_SUSCEPTIBILITY, tissue_properties

Axes = tuple[bool, bool, bool]


def susceptibility_map(
    phantom: Phantom, susceptibilities: Mapping[str, float] | None = None, *, air: float = AIR_SUSCEPTIBILITY
) -> Tensor:
    """Volume susceptibility of every voxel.

    ``χ(r) = Σ_t f_t(r) χ_t + (1 − Σ_t f_t(r)) χ_air``.

    Args:
        phantom: tissue fractions.
        susceptibilities: of each tissue by name, absolute, ppm SI (water −9.05); None for those of the tissue table.
        air: of what is missing to 1, ppm SI.

    Returns:
        χ ``(z, y, x)``, ppm, float32.

    Raises:
        ValueError: a tissue of the phantom has no susceptibility.
    """
    if susceptibilities is None:
        susceptibilities = {name: row.susceptibility for name, row in tissue_properties().items()}
    missing = [name for name in phantom.tissues if name not in susceptibilities]
    if missing:
        raise ValueError(f"No susceptibility is given for {missing}; known are {sorted(susceptibilities)}.")
    excess = phantom.fractions.new_tensor([susceptibilities[name] - air for name in phantom.tissues])
    return air + torch.einsum("tzyx,t->zyx", phantom.fractions, excess)


def field_of_susceptibility(
    susceptibility: Tensor,
    voxel_size: VoxelSize,
    *,
    surroundings: float = AIR_SUSCEPTIBILITY,
    B0_direction: tuple[float, float, float] = (0.0, 0.0, 1.0),
    continued: Axes = (False, False, False),
) -> Tensor:
    """ΔB0 of a distribution of susceptibility, seen by a nucleus (with the sphere of Lorentz).

    ``ΔB(k)/B0 = (1/3 − (k·b)² / |k|²) χ(k)`` with b the direction of B0, for |χ| ≪ 1. The grid is padded to twice its
    size with the surroundings, whose own field is 0, so that copies of the body are far. An axis of one voxel stands
    for a body without end along it (k = 0 there), and no padding. At k = 0 the kernel has no value; the mean over all
    directions of k is taken.

    Args:
        susceptibility: χ, absolute, ``(z, y, x)``, ppm SI.
        voxel_size: ``(z, y, x)``, m.
        surroundings: χ beyond the grid, ppm SI; that of air by default.
        B0_direction: along the grid's x, y, z (patient's L, P, S where the grid is straight); any length but 0.
        continued: axes ``(z, y, x)`` along which the body goes on unchanged beyond the grid, as a neck or a leg does.

    Returns:
        ΔB0/B0 ``(z, y, x)``, ppm, dtype and device of χ; add it to ``Phantom.field_offset``.

    Raises:
        ValueError: χ is not finite or not in ppm, or the direction is 0.

    Source: Salomir et al., Concepts Magn Reson B 19:26 (2003), eq. 8; Marques & Bowtell, Concepts Magn Reson B 25:65
        (2005), eq. 2.
    """
    if susceptibility.ndim != 3:
        raise ValueError(f"susceptibility has shape {tuple(susceptibility.shape)}; expected (z, y, x).")
    check_voxel_size(voxel_size)
    expected = "ppm (SI): water is -9.05, not -9.05e-6, and no tissue exceeds some thousands."
    check_everywhere("susceptibility", susceptibility, susceptibility.abs() < 1e5, expected=expected)
    direction = _unit(B0_direction)
    padded = _pad(susceptibility - surroundings, continued)
    shape = padded.shape
    kernel = _dipole_kernel(tuple(shape), voxel_size, direction, padded)
    field = torch.fft.irfftn(torch.fft.rfftn(padded) * kernel, s=shape)
    nz, ny, nx = susceptibility.shape
    return field[:nz, :ny, :nx].contiguous()


def susceptibility_field(
    phantom: Phantom,
    *,
    B0_direction: tuple[float, float, float] = (0.0, 0.0, 1.0),
    continued: Axes = (False, False, False),
) -> Tensor:
    """ΔB0 that the tissues of a phantom make, with the susceptibilities of the tissue table.

    Args:
        phantom: tissue fractions.
        B0_direction: along the grid's x, y, z; permanent magnets often have B0 along y or x.
        continued: axes ``(z, y, x)`` along which the body goes on beyond the grid.

    Returns:
        ΔB0/B0 ``(z, y, x)``, ppm. The mean over the body is not taken off, as a scanner's centre frequency would.

    Raises:
        ValueError: a tissue is not in the table.
    """
    susceptibility = susceptibility_map(phantom)
    return field_of_susceptibility(susceptibility, phantom.voxel_size, B0_direction=B0_direction, continued=continued)


def _pad(excess: Tensor, continued: Axes) -> Tensor:
    """Twice the size along every axis of more than one voxel: zeros, or the two border planes, half way each."""
    for axis, goes_on in enumerate(continued):
        n = excess.shape[axis]
        if n == 1:
            continue
        filling = [excess.new_zeros([*excess.shape[:axis], n, *excess.shape[axis + 1 :]])]
        if goes_on:
            repeats = [1, 1, 1]
            repeats[axis] = n // 2
            first = excess.narrow(axis, 0, 1).repeat(repeats)  # wraps round: it lies before index 0
            repeats[axis] = n - n // 2
            filling = [excess.narrow(axis, n - 1, 1).repeat(repeats), first]
        excess = torch.cat([excess, *filling], axis)
    return excess


def _dipole_kernel(
    shape: tuple[int, ...], voxel_size: VoxelSize, direction: tuple[float, float, float], like: Tensor
) -> Tensor:
    """1/3 − (k·b)²/|k|² for ``rfftn``, ``(z, y, x//2 + 1)``."""
    n_axes = sum(n > 1 for n in shape)
    frequencies = [
        torch.fft.fftfreq(n, d, dtype=like.dtype, device=like.device)
        for n, d in zip(shape[:2], voxel_size[:2], strict=True)
    ]
    frequencies.append(torch.fft.rfftfreq(shape[2], voxel_size[2], dtype=like.dtype, device=like.device))
    kz, ky, kx = torch.meshgrid(*frequencies, indexing="ij")
    along = kx * direction[0] + ky * direction[1] + kz * direction[2]
    square = kx**2 + ky**2 + kz**2
    square[0, 0, 0] = 1
    kernel = 1 / 3 - along**2 / square
    in_grid = sum(b**2 for n, b in zip(shape, reversed(direction), strict=True) if n > 1)
    kernel[0, 0, 0] = 1 / 3 - (in_grid / n_axes if n_axes else 0)
    return kernel


def _unit(direction: tuple[float, float, float]) -> tuple[float, float, float]:
    length = math.sqrt(sum(b * b for b in direction))
    if not 0 < length < math.inf:
        raise ValueError(f"B0_direction is {direction}; expected a vector (x, y, z) that is not 0, e.g. (0, 0, 1).")
    x, y, z = (b / length for b in direction)
    return x, y, z
