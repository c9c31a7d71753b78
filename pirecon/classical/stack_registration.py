"""Where each stack really was: rigid motion of the patient between stacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pirecon.classical.volume_from_stacks import volume_from_stacks
from pirecon.encoding.slice_profile import SliceProfile
from pirecon.encoding.thick_slices import ThickSlices
from pirecon.rawdata.geometry import Geometry

BLURS = (7, 5, 3)
"""Voxels of a stack's plane over which images are compared, from coarse to fine."""

STEPS = 4
DIFFERENCE = (0.5e-3,) * 3 + (5e-3,) * 3  # of the numerical derivative: m and rad
LEAST_GAIN = 0.03
"""Of the squared misfit: a movement that explains less is taken for none."""

LEAST_WAY = 0.25
"""Voxels of the volume to compare on, which are coarse: what moves no voxel of a stack further counts as rest, since
stacks at rest seem to lie about 0.1 of these voxels from each other along the normal of the first."""

MOST = (0.04, math.radians(30))  # m and rad


@dataclass(frozen=True, eq=False)
class StackPose:
    """How a stack's slices lay in the patient, relative to what its file says.

    Attributes:
        translation: of the slices, LPS, m.
        rotation: axis times angle about the volume's centre, LPS, rad.
    """

    translation: np.ndarray
    rotation: np.ndarray


def moved(geometry: Geometry, pose: StackPose, *, about: np.ndarray) -> Geometry:
    """The geometry after its pose: r → R (r − about) + about + d.

    Args:
        geometry: of a stack.
        pose: R and d.
        about: fixed point of the rotation, ``(3,)``, LPS, m.

    Returns:
        Geometry.

    Source: Rodrigues' formula.
    """
    R = _rotation(pose.rotation)
    centres = (np.reshape(geometry.centres, (-1, 3)) - about) @ R.T + about + pose.translation
    return replace(geometry, centres=centres, directions=np.asarray(geometry.directions, dtype=float) @ R.T)


@torch.no_grad()
def register_stacks(
    stacks: Sequence[Tensor],
    geometries: Sequence[Geometry],
    volume: Geometry,
    *,
    profile: SliceProfile,
    noise: Sequence[float],
    gains: Sequence[float],
) -> list[StackPose]:
    """Find the six parameters of every stack but the first that make it agree with the volume of the others.

        p_s = argmin ‖B (y_s − g A_s(p) x_−s)‖²,   x_−s from all other stacks in their present poses

    by Gauss–Newton with numerical derivatives, the images blurred (B) less and less. g is fitted with p. A movement
    that lowers the misfit by less than 3 %, or is nowhere longer than a quarter of a voxel, is taken for none, so that
    stacks without motion stay where they are.

    Args:
        stacks: magnitudes, real ``(slice, z, y, x)``.
        geometries: of the stacks, as their files say.
        volume: grid to compare on; voxels of twice the final size are enough.
        profile: of the slices.
        noise: of each stack.
        gains: brightness of each stack.

    Returns:
        One pose for each stack; the first one's is zero.

    Source: Rousseau F. et al., Acad Radiol 13:1072 (2006), and Gholipour A. et al., IEEE Trans Med Imaging 29:1739
    (2010), section II-C, for registration against the reconstruction; whole stacks are moved here, not single slices.
    """
    about = np.reshape(volume.centres, (-1, 3))[0]
    still = np.zeros(6)
    found = [still.copy() for _ in stacks]

    def operator(s: int, p: np.ndarray) -> ThickSlices:
        return ThickSlices(volume, moved(geometries[s], _pose(p), about=about), profile)

    for blur in BLURS:
        for s in range(1, len(stacks)):
            others = [o for o in range(len(stacks)) if o != s]
            x = volume_from_stacks(
                [stacks[o] for o in others],
                [operator(o, found[o]) for o in others],
                noise=[noise[o] for o in others],
                gains=[gains[o] for o in others],
            )
            wanted = _blurred(stacks[s], blur)
            misfit = _Misfit(x, wanted, partial(operator, s), blur)
            p = _gauss_newton(misfit, found[s])
            found[s] = p if misfit(p)[0] < (1 - LEAST_GAIN) * misfit(still)[0] else still.copy()
    least = LEAST_WAY * max(volume.voxel_size)
    way = [np.linalg.norm(p[:3]) + np.linalg.norm(p[3:]) * _radius(g) for p, g in zip(found, geometries, strict=True)]
    return [_pose(p if w > least else still) for p, w in zip(found, way, strict=True)]


class _Misfit:
    """Residual of one stack as a function of its pose."""

    def __init__(self, x: Tensor, wanted: Tensor, operator: Callable[[np.ndarray], ThickSlices], blur: int) -> None:
        self.x, self.wanted, self.operator, self.blur = x, wanted, operator, blur

    def __call__(self, p: np.ndarray) -> tuple[float, Tensor]:
        if np.linalg.norm(p[:3]) > MOST[0] or np.linalg.norm(p[3:]) > MOST[1]:
            return math.inf, self.wanted
        try:
            A = self.operator(p)
        except ValueError:  # the stack has left the volume
            return math.inf, self.wanted
        seen = _blurred(A.forward(self.x), self.blur)
        power = float(seen.square().sum())
        gain = float((seen * self.wanted).sum()) / power if power > 0 else 0.0
        residual = self.wanted - gain * seen
        return float(residual.square().sum()), residual


def _gauss_newton(misfit: _Misfit, p: np.ndarray) -> np.ndarray:
    energy, residual = misfit(p)
    for _ in range(STEPS):
        columns = []
        for i, step in enumerate(DIFFERENCE):
            shifted = p.copy()
            shifted[i] += step
            columns.append((misfit(shifted)[1] - residual).flatten() / step)
        J = torch.stack(columns).double()
        normal, slope = (J @ J.T).cpu().numpy(), (J @ residual.flatten().double()).cpu().numpy()
        damping = 1e-6 * np.diag(np.diag(normal)) + 1e-30 * np.eye(6)
        change = -np.linalg.solve(normal + damping, slope)
        for shrink in (1.0, 0.5, 0.25):
            trial, (energy_there, residual_there) = p + shrink * change, misfit(p + shrink * change)
            if energy_there < energy:
                break
        else:
            return p
        p, energy, residual = trial, energy_there, residual_there
        if np.abs(shrink * change)[:3].max() < 2e-5 and np.abs(shrink * change)[3:].max() < 2e-4:
            return p
    return p


def _radius(geometry: Geometry) -> float:
    """From the middle of a plane to its corner, m."""
    return math.hypot(*(n * size / 2 for n, size in zip(geometry.matrix[1:], geometry.voxel_size[1:], strict=True)))


def _pose(p: np.ndarray) -> StackPose:
    return StackPose(p[:3].copy(), p[3:].copy())


def _blurred(stack: Tensor, n: int) -> Tensor:
    return avg_pool2d(stack, n, stride=1, padding=n // 2)


def _rotation(vector: np.ndarray) -> np.ndarray:
    angle = float(np.linalg.norm(vector))
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + math.sin(angle) * K + (1 - math.cos(angle)) * K @ K)
