"""What motion estimation solves at one resolution: samples, maps, and the forward operator for a guess."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.encoding.motion_sense import MotionSense
from pirecon.encoding.rigid_motion import RigidMotion

IMAGE = (-3, -2, -1)


@dataclass(frozen=True)
class MotionProblem:
    """Samples of a body that moved, in SNR units.

    Attributes:
        kspace: weighted samples, complex ``(measurement · coil, kz, ky, kx)``, as ``MotionSense`` gives them.
        maps: complex ``(coil, z, y, x)``.
        weights: real ``(measurement, 1, kz, ky, kx)``.
        states: of each line, integer ``(measurement, kz, ky)``.
        n_states: number.
        voxel_size: of the maps' grid ``(z, y, x)``, m.
        shades: φ_j, what the logarithm of the shading is made of, real ``(j, z, y, x)``; j = 0 is the constant.
    """

    kspace: Tensor
    maps: Tensor
    weights: Tensor
    states: Tensor
    n_states: int
    voxel_size: tuple[float, float, float]
    shades: Tensor

    @property
    def grid(self) -> tuple[int, int, int]:
        """(z, y, x)."""
        z, y, x = self.maps.shape[-3:]
        return z, y, x

    @property
    def free(self) -> tuple[int, ...]:
        """Which of (d_z, d_y, d_x, angle_z, angle_y, angle_x) the grid can hold."""
        return (0, 1, 2, 3, 4, 5) if self.grid[0] > 1 else (1, 2, 3)


@dataclass(frozen=True)
class Guess:
    """Poses and shading.

    Attributes:
        poses: ``(state, 6)``: d_z, d_y, d_x (m), angles about z, y, x (rad).
        shade: coefficients a of ln g = Σ_j a_j φ_j, complex ``(j,)``.
    """

    poses: Tensor
    shade: Tensor


def still(problem: MotionProblem) -> Guess:
    """No motion, no shading."""
    maps = problem.maps
    return Guess(maps.real.new_zeros(problem.n_states, 6), maps.new_zeros(len(problem.shades)))


def shading(problem: MotionProblem, shade: Tensor) -> Tensor:
    """g = exp(Σ_j a_j φ_j), complex ``(z, y, x)``."""
    return torch.exp(torch.einsum("j,jzyx->zyx", shade, problem.shades.to(shade.dtype)))


def encoding(problem: MotionProblem, guess: Guess) -> MotionSense:
    """E of a guess: y = Σ_p M_p W F S g T_p x/g."""
    poses = guess.poses
    motion = RigidMotion(problem.grid, problem.voxel_size, translations=poses[:, :3], rotations=poses[:, 3:])
    g = shading(problem, guess.shade)
    return MotionSense(problem.maps, problem.weights, problem.states, motion, shading=g)


def coarser(problem: MotionProblem, matrix: tuple[int, int, int]) -> MotionProblem:
    """The central window of k-space on a coarser grid over the same field of view.

    Args:
        problem: to be simplified.
        matrix: of the coarser grid, at most that of the acquired k-space.

    Returns:
        MotionProblem whose voxels are larger and whose image values keep their size, without shading.
    """
    grid = problem.grid
    n_new, n_old = torch.Size(matrix).numel(), torch.Size(grid).numel()
    z, y, x = (s * n / m for s, n, m in zip(problem.voxel_size, grid, matrix, strict=True))
    weights = crop_or_pad_centre(problem.weights, matrix)
    states = crop_or_pad_centre(problem.states, matrix[:2])
    return replace(
        problem,
        kspace=crop_or_pad_centre(problem.kspace, matrix),
        maps=_coarser_image(problem.maps, matrix) * (n_new / n_old) ** 0.5,
        weights=weights,
        states=states,
        voxel_size=(z, y, x),
        shades=problem.maps.real.new_ones(1, *matrix),
    )


def _coarser_image(image: Tensor, matrix: tuple[int, int, int]) -> Tensor:
    return centred_ifft(crop_or_pad_centre(centred_fft(image, IMAGE), matrix), IMAGE)


def monomials(grid: tuple[int, int, int], degree: int, *, device: torch.device | None = None) -> Tensor:
    """Products of powers of the coordinates, −1 to 1 across the field of view, up to a total degree.

    Args:
        grid: ``(z, y, x)``; an axis of length 1 has no powers.
        degree: highest total power; 0 leaves the constant only.
        device: of the result.

    Returns:
        float64 ``(j, z, y, x)``, the constant first; the same functions of space on any grid over a field of view.
    """
    axes = [(torch.arange(n, dtype=torch.float64, device=device) - n // 2) * (2 / n) for n in grid]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    high = [degree if n > 1 else 0 for n in grid]
    powers = [
        (total - q - r, q, r)
        for total in range(degree + 1)
        for q in range(min(total, high[1]) + 1)
        for r in range(min(total - q, high[2]) + 1)
        if total - q - r <= high[0]
    ]
    return torch.stack([z**p * y**q * x**r for p, q, r in powers])


def shade_functions(maps: Tensor, degree: int) -> tuple[Tensor, Tensor]:
    """Combinations φ = L⁻¹ · monomials that are orthonormal (mean square 1) where the maps are not 0.

    Args:
        maps: complex ``(coil, z, y, x)``.
        degree: highest total power.

    Returns:
        φ, real ``(j, z, y, x)`` with the constant first, and L⁻¹, float64 ``(j, j)``.
    """
    z, y, x = maps.shape[-3:]
    functions = monomials((z, y, x), degree, device=maps.device)
    inside = (maps.abs().amax(0) > 0).double()
    inside = inside if bool(inside.any()) else torch.ones_like(inside)
    flat = functions.flatten(1)
    overlap = (flat * inside.flatten()) @ flat.T / inside.sum()
    eye = torch.eye(len(flat), dtype=torch.float64, device=maps.device)
    # Gram-Schmidt in this order, by Cholesky, keeps the constant first; the ridge serves supports that are thin.
    inverse = torch.linalg.solve_triangular(torch.linalg.cholesky(overlap + 1e-6 * eye), eye, upper=False)
    return torch.einsum("jk,kzyx->jzyx", inverse, functions).to(maps.real.dtype), inverse
