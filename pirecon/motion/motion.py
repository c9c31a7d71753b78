"""How the body moved, as far as its data tell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.encoding.motion_sense import MotionSense
from pirecon.encoding.rigid_motion import RigidMotion
from pirecon.motion.problem import monomials
from pirecon.motion.refit import with_maps


@dataclass(frozen=True)
class Motion:
    """Rigid poses of one slice or slab, one for each state: a shot, or several that follow one another.

    The first state is the reference: its pose is 0. A shift of all poses together cannot be observed.

    Attributes:
        found: whether the data hold motion; if not, all poses are 0 and the usual encoding is to be used.
        translations: d along z, y, x of the grid, real ``(state, 3)``, m.
        rotations: about z, y, x (see :class:`~pirecon.encoding.rigid_motion.RigidMotion`), ``(state, 3)``, rad.
        states: of each line, integer ``(measurement, kz, ky)``; −1 where no line was measured.
        first_shots: first shot of each state, integer ``(state,)``.
        shade: what the maps lack: ln g in powers of the coordinates (``monomials``), complex ``(j,)``.
        shade_degree: highest power.
        source: how it was found, in a sentence.
        maps: sensitivities times shading, fitted once more with the poses known, complex ``(coil, z, y, x)``; None
            where they were not.
    """

    found: bool
    translations: Tensor
    rotations: Tensor
    states: Tensor
    first_shots: Tensor
    shade: Tensor
    shade_degree: int
    source: str
    maps: Tensor | None = None


def moving_encoding(
    motion: Motion, maps: Tensor, weights: Tensor, *, voxel_size: tuple[float, float, float]
) -> MotionSense:
    """E of a body that moved as found; with the maps that were fitted to it, where they are on the grid of ``maps``.

    Args:
        motion: of this slice or slab.
        maps: sensitivities, complex ``(coil, z, y, x)``; the grid may be finer than the one of the estimation.
        weights: real ``(measurement, 1, kz, ky, kx)``, or without the first axis for one measurement.
        voxel_size: of the maps' grid, m.

    Returns:
        MotionSense, image ``(z, y, x)`` in the pose of the first state → ``(measurement · coil, kz, ky, kx)``.
    """
    z, y, x = maps.shape[-3:]
    real = maps.real.dtype
    poses = RigidMotion(
        (z, y, x),
        voxel_size,
        translations=motion.translations.to(real),
        rotations=motion.rotations.to(real),
    )
    states = motion.states.clamp_min(0)
    if motion.maps is not None and motion.maps.shape == maps.shape:
        return with_maps(motion.maps.to(maps), weights, states, poses)
    functions = monomials((z, y, x), motion.shade_degree, device=maps.device).to(motion.shade.dtype)
    inside = maps.abs().amax(0) > 0
    logarithm = torch.einsum("j,jzyx->zyx", motion.shade, functions)
    g = torch.exp(torch.where(inside, logarithm, 0)).to(maps.dtype)
    return MotionSense(maps, weights, states, poses, shading=g)
