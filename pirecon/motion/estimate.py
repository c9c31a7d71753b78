"""Rigid motion from the data themselves, from coarse to fine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pirecon.motion.evidence import Evidence, evidence
from pirecon.motion.gauss_newton import Fit, gauss_newton, solve_image
from pirecon.motion.motion import Motion
from pirecon.motion.problem import Guess, MotionProblem, coarser, encoding, shade_functions, still
from pirecon.motion.refit import refitted_maps
from pirecon.motion.states import MOST_STATES, states_of


@dataclass(frozen=True)
class MotionSettings:
    """How to search.

    Attributes:
        most_states: poses that are looked for, at most.
        coarsest: matrix of the first level; it doubles until the acquired matrix is reached.
        shade_degree: of the polynomial for what the maps lack; 0 for none.
        least_score: of the evidence, from which motion is believed.
        least_shift: m of a voxel at the edge of the body, below which poses are taken for none, in voxels.
        n_steps: Gauss-Newton steps of a level.
    """

    most_states: int = MOST_STATES
    coarsest: int = 16
    shade_degree: int = 3
    least_score: float = 5.0
    least_shift: float = 0.1
    n_steps: int = 20


@torch.no_grad()
def estimate_motion(
    kspace: Tensor,
    maps: Tensor,
    weights: Tensor,
    shots: Tensor,
    *,
    voxel_size: tuple[float, float, float],
    settings: MotionSettings | None = None,
) -> Motion:
    """Poses of a body that moved between shots, from several coils; image, poses and shading are found together.

    The lowest frequencies come first, where a wrong pose is still within reach of the right one; each level starts from
    the poses of the one before. At the last level a smooth factor that the maps lack (see ``MotionSense``) is found as
    well, and then the sensitivities once more, with the poses known. Motion is believed only where it predicts held-out
    samples better than rest does. In a slice, only motion in its plane is seen; motion through the plane is not
    corrected.

    Args:
        kspace: weighted samples in SNR units, complex ``(measurement · coil, kz, ky, kx)``.
        maps: sensitivities, complex ``(coil, z, y, x)``, on the acquired matrix or a finer grid.
        weights: real ``(measurement, 1, kz, ky, kx)``, or ``(1, kz, ky, kx)``.
        shots: of each line, integer ``(measurement, kz, ky)`` or ``(kz, ky)``, growing with time; −1 where nothing was
            measured.
        voxel_size: of the maps' grid ``(z, y, x)``, m.
        settings: how to search.

    Returns:
        Motion; ``found`` is False, and all poses 0, where there is none, or where nothing can be told: from one coil,
        one shot, or lines in the order of k-space, whose outer shots hold edges only and fit wrong poses as well.

    Source: Cordero-Grande L. et al., IEEE Trans Comput Imaging 2:266 (2016); Haskell M. W. et al., IEEE Trans Med
    Imaging 37:1253 (2018).
    """
    settings = settings or MotionSettings()
    weights = weights if weights.ndim == 5 else weights.unsqueeze(0)
    shots = shots if shots.ndim == 3 else shots.unsqueeze(0)
    states, first = states_of(shots, most=settings.most_states)
    n_coils = maps.shape[0]
    if len(first) < 2 or n_coils < 2:
        what = "one coil" if n_coils < 2 else "one shot"
        return _none(states, first, maps, f"not looked for, since {what} cannot tell motion from anatomy")
    if not _all_see_the_centre(states, len(first), settings.coarsest):
        why = (
            "not looked for, since the lines were measured in the order of k-space and most shots hold no low "
            "frequency, where a pose shows; interleave the lines to have motion corrected"
        )
        return _none(states, first, maps, why)
    plain = maps.real.new_ones(1, *maps.shape[1:])
    problem = MotionProblem(kspace, maps, weights, states.clamp_min(0), len(first), voxel_size, plain)
    z, y, x = weights.shape[-3:]
    if (z, y, x) != problem.grid:
        problem = coarser(problem, (z, y, x))
    weight = _wiener_weight(problem)
    fit, full, inverse = _coarse_to_fine(problem, settings, weight=weight)
    proof = evidence(full, fit.guess, weight=weight)
    shift = _largest_shift(full, fit.guess)
    if proof.score < settings.least_score or shift < settings.least_shift:
        return _none(states, first, maps, _reason(proof, shift, settings))
    powers = torch.einsum("j,jk->k", fit.guess.shade, inverse.to(fit.guess.shade.dtype))
    fitted = refitted_maps(problem.kspace, encoding(full, fit.guess), fit.image) if problem.maps is maps else None
    return Motion(
        True,
        fit.guess.poses[:, :3],
        fit.guess.poses[:, 3:],
        states,
        first,
        powers,
        settings.shade_degree,
        _sentence(fit.guess, proof, len(first), in_plane=problem.grid[0] == 1),
        fitted,
    )


def _all_see_the_centre(states: Tensor, n_states: int, coarsest: int) -> bool:
    """Whether three states in four have a line in the window of the coarsest level."""
    n_z, n_y = states.shape[-2:]
    low_z, low_y = min(n_z, coarsest), min(n_y, coarsest)
    z, y = n_z // 2 - low_z // 2, n_y // 2 - low_y // 2
    seen = torch.unique(states[:, z : z + low_z, y : y + low_y])
    return 4 * int((seen >= 0).sum()) >= 3 * n_states


def _coarse_to_fine(
    problem: MotionProblem, settings: MotionSettings, *, weight: float
) -> tuple[Fit, MotionProblem, Tensor]:
    """Fit at full resolution, the problem with shading that it belongs to, and the shading's powers."""
    poses: Tensor | None = None
    for matrix in _levels(problem.grid, settings.coarsest):
        level = coarser(problem, matrix) if matrix != problem.grid else problem
        guess = still(level) if poses is None else replace(still(level), poses=poses)
        fit = solve_image(level, guess, weight=weight)
        poses = gauss_newton(level, fit, weight=weight, n_steps=settings.n_steps).guess.poses
    assert poses is not None  # there is at least one level
    functions, inverse = shade_functions(problem.maps, settings.shade_degree)
    full = replace(problem, shades=functions)
    fit = solve_image(full, replace(still(full), poses=poses), weight=weight)
    return gauss_newton(full, fit, weight=weight, n_steps=settings.n_steps), full, inverse


def _levels(grid: tuple[int, int, int], coarsest: int) -> list[tuple[int, int, int]]:
    """Matrices from coarse to fine; an axis shorter than a level's size stays as it is."""
    sizes = [min(coarsest * 2**i, max(grid)) for i in range(1 + max(0, math.ceil(math.log2(max(grid) / coarsest))))]
    levels = [(min(size, grid[0]), min(size, grid[1]), min(size, grid[2])) for size in sizes]
    return list(dict.fromkeys([*levels, grid]))


def _wiener_weight(problem: MotionProblem) -> float:
    """λ = 2 · noise power / mean image power, at most 1, as in ``pirecon.classical.cg_sense``."""
    n = float(torch.count_nonzero(problem.kspace))
    power = (float(problem.kspace.abs().square().sum()) - 2 * n) / torch.Size(problem.grid).numel()
    return 4.0 / max(power, 4.0)


def _largest_shift(problem: MotionProblem, guess: Guess) -> float:
    """Largest displacement, in voxels, of a point a quarter of the field of view away from its middle."""
    seen = [axis for axis, n in enumerate(problem.grid) if n > 1]
    radius = min(problem.grid[axis] * problem.voxel_size[axis] for axis in seen) / 4
    moved = guess.poses[:, :3].abs() + radius * guess.poses[:, 3:].abs().amax(1, keepdim=True)
    return float((moved[:, seen] / moved.new_tensor([problem.voxel_size[axis] for axis in seen])).max())


def _none(states: Tensor, first: Tensor, maps: Tensor, why: str) -> Motion:
    zero = maps.real.new_zeros(len(first), 3)
    return Motion(False, zero, zero, states, first, maps.new_zeros(1), 0, f"motion: {why}")


def _reason(proof: Evidence, shift: float, settings: MotionSettings) -> str:
    if shift < settings.least_shift:
        return f"none found (below {settings.least_shift:g} voxel)"
    return (
        f"none found: samples held out are predicted no better with it ({proof.moved:.3g} of the noise power against "
        f"{proof.still:.3g} at rest)"
    )


def _sentence(guess: Guess, proof: Evidence, n_states: int, *, in_plane: bool) -> str:
    d = 1e3 * (guess.poses[:, :3].amax(0) - guess.poses[:, :3].amin(0)).norm()
    angle = math.degrees(float((guess.poses[:, 3:].amax(0) - guess.poses[:, 3:].amin(0)).norm()))
    where = " in the plane; through it motion cannot be seen" if in_plane else ""
    return (
        f"motion: {n_states} poses relative to the first, over {float(d):.1f} mm and {angle:.1f} degrees{where}; "
        f"samples held out lie at {proof.moved:.3g} of the noise power with it, at {proof.still:.3g} without"
    )
