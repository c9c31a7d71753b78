"""Thick slices of a finer volume, in any orientation."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding.rigid_motion import RigidMotion
from pirecon.encoding.slice_profile import SliceProfile
from pirecon.encoding.stack_alignment import align
from pirecon.rawdata.geometry import Geometry

LOBES = 4
"""Half width of the interpolation kernel, voxels."""


class ThickSlices(LinearOperator):
    """The images of one stack: y[s, j] = ∫∫ w(ζ) h(ρ) x(r_sj + ζ n + ρ) dζ dρ.

    w is the slice's profile along its normal n, h the point spread of the acquired resolution in the plane: the
    volume's samples stand for a band-limited function, which is sampled where the in-plane voxels are as small as the
    volume's and low-passed to their resolution where they are larger. Interpolation is by a sinc in a Lanczos window.

    The volume is first turned parallel to the stack, exactly (:class:`pirecon.encoding.rigid_motion.RigidMotion`,
    on a grid with room for its corners; skipped for parallel axes, in whatever order and sense they run), so that the
    rest is one matrix for each axis. Beyond the volume there is nothing. Takes real and complex volumes.

    Args:
        volume: where the volume's voxels are; one centre, at least two voxels along each axis.
        stack: where the slices' voxels are: ``centres`` (slice, 3), thickness ``voxel_size[0]``; they may overlap or
            leave gaps. Shape of the images: ``(slice, z, y, x)``, z = 1 unless the stack consists of slabs.
        profile: of a slice, along its normal.

    Raises:
        ValueError: several volumes, a flat one, directions that are not orthonormal, slices that do not lie above each
            other along their normal, or a stack that does not meet the volume.

    Source: Greenspan H. et al., Magn Reson Imaging 20:437 (2002) and Gholipour A. et al., IEEE Trans Med Imaging
    29:1739 (2010), section II-A, for the model; Duchon C., J Appl Meteorol 18:1016 (1979) for the window.
    """

    def __init__(self, volume: Geometry, stack: Geometry, profile: SliceProfile) -> None:
        n_slices = len(np.reshape(stack.centres, (-1, 3)))
        super().__init__(volume.matrix, (n_slices, *stack.matrix))
        self.alignment = align(volume, stack)
        self.matrices = tuple(self._matrix(axis, stack, profile) for axis in range(3))

    @property
    def squared_norm(self) -> float:
        """‖A‖² of Frobenius: the sum of the diagonal of A.H A (turning is unitary)."""
        return math.prod(float(m.square().sum()) for m in self.matrices)

    def field_of_view(self, like: Tensor) -> Tensor:
        """Which voxels lie in the stack, from its first to its last slice, gaps included.

        Args:
            like: for the device.

        Returns:
            bool ``(z, y, x)``.
        """
        inside = [_between(m.abs().sum(dim=0)).to(like.device, torch.float32) for m in self.matrices]
        box = torch.einsum("z,y,x->zyx", *inside).movedim((-3, -2, -1), [a - 3 for a in self.alignment.order])
        if self.alignment.rotations is not None:
            box = _crop(self._turn(box, adjoint=True), self.alignment.padding)
        return box > 0.5

    def _matrix(self, axis: int, stack: Geometry, profile: SliceProfile) -> Tensor:
        """From the volume's samples along one of the stack's axes to the stack's."""
        places, n = self.alignment.places[axis], self.alignment.matrix[self.alignment.order[axis]]
        size = stack.voxel_size[axis] / self.alignment.voxel_size[self.alignment.order[axis]]
        if axis == 0:
            return _profiled(places, n, profile, thickness=size)
        return interpolation_matrix(places, n, spread=max(size, 1.0))

    def _forward(self, x: Tensor) -> Tensor:
        if self.alignment.rotations is not None:
            x = self._turn(_pad(x, self.alignment.padding), adjoint=False)
        x = x.movedim([a - 3 for a in self.alignment.order], (-3, -2, -1))
        for axis, matrix in zip((-3, -2, -1), self.matrices, strict=True):
            x = _apply(matrix, x, axis)
        return x.reshape(*x.shape[:-3], *self.codomain_shape)

    def _adjoint(self, y: Tensor) -> Tensor:
        y = y.flatten(-4, -3)
        for axis, matrix in zip((-1, -2, -3), reversed(self.matrices), strict=True):
            y = _apply(matrix.T, y, axis)
        y = y.movedim((-3, -2, -1), [a - 3 for a in self.alignment.order])
        if self.alignment.rotations is not None:
            y = _crop(self._turn(y, adjoint=True), self.alignment.padding)
        return y

    def _turn(self, x: Tensor, *, adjoint: bool) -> Tensor:
        """Make the volume parallel to the stack; of a real one the real part, which keeps the adjoint exact."""
        angles = torch.as_tensor(self.alignment.rotations).to(x.device, torch.zeros((), dtype=x.dtype).real.dtype)[None]
        grid = (x.shape[-3], x.shape[-2], x.shape[-1])
        motion = RigidMotion(grid, self.alignment.voxel_size, translations=torch.zeros_like(angles), rotations=angles)
        turned = motion.adjoint(x.unsqueeze(-4)) if adjoint else motion.forward(x)[..., 0, :, :, :]
        return turned if x.is_complex() else turned.real


def interpolation_matrix(places: np.ndarray, n: int, *, spread: float = 1.0) -> Tensor:
    """Rows that interpolate samples at 0 … n − 1 at fractional places, zero beyond.

        M[i, j] = L((p_i − j) / s) / Σ_k L((p_i − k) / s),   L(t) = sinc(t) sinc(t / 4) for |t| < 4

    Args:
        places: p, ``(place,)``, in steps of the samples.
        n: number of samples.
        spread: s ≥ 1: width of the kernel, which passes frequencies up to 1 / 2s.

    Returns:
        float64 ``(place, n)``.
    """
    reach = math.ceil(LOBES * spread)
    known = np.arange(-reach, n + reach)
    t = (np.asarray(places, dtype=float)[:, None] - known) / spread
    kernel = np.where(np.abs(t) < LOBES, np.sinc(t) * np.sinc(t / LOBES), 0.0)
    total = kernel.sum(axis=1, keepdims=True)
    kernel = kernel / np.where(np.abs(total) > 1e-3, total, 1.0)  # no sample at all is near
    near = (places > -reach) & (places < n - 1 + reach)
    return torch.from_numpy(kernel[:, reach : reach + n] * near[:, None])


def _profiled(places: np.ndarray, n: int, profile: SliceProfile, *, thickness: float) -> Tensor:
    """Rows that sum over the profile around each place."""
    offsets, weights = profile.positions.numpy() * thickness, profile.weights
    fine = interpolation_matrix((places[:, None] + offsets).ravel(), n)
    return torch.einsum("p,spn->sn", weights, fine.reshape(len(places), len(offsets), n))


def _between(weight: Tensor) -> Tensor:
    """True from the first to the last sample that counts."""
    counts = torch.nonzero(weight > 0.3 * weight.amax()).flatten()
    index = torch.arange(len(weight))
    return (index >= counts[0]) & (index <= counts[-1])


def _pad(x: Tensor, padding: tuple[int, int, int]) -> Tensor:
    z, y, x_ = padding
    return torch.nn.functional.pad(x, (x_, x_, y, y, z, z))


def _crop(x: Tensor, padding: tuple[int, int, int]) -> Tensor:
    for axis, p in zip((-3, -2, -1), padding, strict=True):
        x = x.narrow(axis, p, x.shape[axis] - 2 * p)
    return x


def _apply(matrix: Tensor, x: Tensor, axis: int) -> Tensor:
    """A real matrix along one axis."""
    matrix = matrix.to(x.device, torch.zeros((), dtype=x.dtype).real.dtype)
    if matrix.shape[0] == matrix.shape[1] and torch.equal(matrix, torch.eye(len(matrix)).to(matrix)):
        return x
    along = x.movedim(axis, -1)
    out = torch.complex(along.real @ matrix.T, along.imag @ matrix.T) if x.is_complex() else along @ matrix.T
    return out.movedim(-1, axis)
