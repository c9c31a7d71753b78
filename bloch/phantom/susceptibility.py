"""The field that a body's own magnetisation makes: ΔB0 from susceptibility, by Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from scipy.fft import next_fast_len
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

    ``ΔB(k)/B0 = (1/3 − (k·b)² / |k|²) χ(k)`` with b the direction of B0, for |χ| ≪ 1. The grid is padded by
    its largest extent with the surroundings, whose own field is 0, so that copies of the body are far. An axis of one
    voxel stands for a body without end along it (k = 0 there), and no padding. At k = 0 the kernel has no value; the
    mean over the directions in which the body ends is taken.

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
    padded = _pad(susceptibility - surroundings, voxel_size, continued)
    shape = padded.shape
    kernel = _dipole_kernel(padded, voxel_size, direction)
    kernel[0, 0, 0] = _kernel_at_rest(susceptibility.shape, direction, continued)
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


def _pad(excess: Tensor, voxel_size: VoxelSize, continued: Axes) -> Tensor:
    """More voxels along every axis of more than one, over the body's largest extent: zeros, or the border planes.

    A flat body needs as much room across as along it, or its copies would stand beside each other like a rod.
    """
    room = max(n * edge for n, edge in zip(excess.shape, voxel_size, strict=True) if n > 1 or excess.numel() == 1)
    for axis, (edge, goes_on) in enumerate(zip(voxel_size, continued, strict=True)):
        n = excess.shape[axis]
        if n == 1:
            continue
        added = next_fast_len(n + math.ceil(room / edge), real=True) - n
        filling = [excess.new_zeros([*excess.shape[:axis], added, *excess.shape[axis + 1 :]])]
        if goes_on:
            repeats = [1, 1, 1]
            repeats[axis] = added - added // 2
            last = excess.narrow(axis, n - 1, 1).repeat(repeats)
            repeats[axis] = added // 2
            filling = [last, excess.narrow(axis, 0, 1).repeat(repeats)]  # wraps round: it lies before index 0
        excess = torch.cat([excess, *filling], axis)
    return excess


def _dipole_kernel(padded: Tensor, voxel_size: VoxelSize, direction: tuple[float, float, float]) -> Tensor:
    """1/3 − (k·b)²/|k|² for ``rfftn``, ``(z, y, x//2 + 1)``; 1/3 at k = 0."""
    (nz, ny, nx), (dz, dy, dx) = padded.shape, voxel_size
    frequencies = [
        torch.fft.fftfreq(nz, dz, dtype=padded.dtype, device=padded.device),
        torch.fft.fftfreq(ny, dy, dtype=padded.dtype, device=padded.device),
        torch.fft.rfftfreq(nx, dx, dtype=padded.dtype, device=padded.device),
    ]
    kz, ky, kx = torch.meshgrid(*frequencies, indexing="ij")
    along = kx * direction[0] + ky * direction[1] + kz * direction[2]
    square = kx**2 + ky**2 + kz**2
    square[0, 0, 0] = 1
    return 1 / 3 - along**2 / square


def _kernel_at_rest(shape: torch.Size, direction: tuple[float, float, float], continued: Axes) -> float:
    """The mean over the directions that k has: none along an axis on which the body goes on for ever."""
    ends = [n > 1 and not goes_on for n, goes_on in zip(shape, continued, strict=True)]
    if not any(ends):
        return 0.0
    return 1 / 3 - sum(b**2 for b, end in zip(reversed(direction), ends, strict=True) if end) / sum(ends)


def _unit(direction: tuple[float, float, float]) -> tuple[float, float, float]:
    length = math.sqrt(sum(b * b for b in direction))
    if not 0 < length < math.inf:
        raise ValueError(f"B0_direction is {direction}; expected a vector (x, y, z) that is not 0, e.g. (0, 0, 1).")
    x, y, z = (b / length for b in direction)
    return x, y, z
