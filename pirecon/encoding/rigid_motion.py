"""A rigid body in other poses, by Fourier interpolation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator

IMAGE = (-3, -2, -1)


class RigidMotion(LinearOperator):
    """(T_p x)(r) = x(R_p⁻¹ (r − d_p)): the image in each of several poses.

    The point that rests at r is at R r + d, with the origin at voxel n//2 and r along z, y, x of the grid. R = R_z R_y
    R_x, where R_z turns the x axis towards the y axis, R_x y towards z, and R_y z towards x. Each of the three is made
    of three shears, and a shear moves every line along itself by a phase in its Fourier transform: no interpolation is
    involved, the map is unitary, so that the adjoint is the inverse, and it is differentiable in both image and pose.
    What leaves the grid on one side comes in on the other, as it does in measured k-space.

    Movements that a grid with z = 1 cannot hold (d_z, and rotations about y and x) are left out.

    Args:
        grid: ``(z, y, x)``.
        voxel_size: ``(z, y, x)``, m.
        translations: d along z, y, x, real ``(pose, 3)``, m.
        rotations: about z, y, x, real ``(pose, 3)``, rad, each within ±π/2, where shears are still small.

    Raises:
        ValueError: translations and rotations are not ``(pose, 3)`` both.

    Source: Unser M., Thévenaz P., Yaroslavsky L., IEEE Trans Image Process 4:1371 (1995), section II; Cordero-Grande L.
    et al., IEEE Trans Comput Imaging 2:266 (2016), equations 4 to 6.
    """

    def __init__(
        self,
        grid: tuple[int, int, int],
        voxel_size: tuple[float, float, float],
        *,
        translations: Tensor,
        rotations: Tensor,
    ) -> None:
        if translations.ndim != 2 or translations.shape[1] != 3 or rotations.shape != translations.shape:
            raise ValueError(
                f"translations and rotations must be (pose, 3) along z, y and x; found {tuple(translations.shape)} and "
                f"{tuple(rotations.shape)}. Of a slice, d_z and the rotations about y and x are 0"
            )
        super().__init__(grid, (translations.shape[0], *grid))
        self.translations, self.rotations = translations, rotations
        # axis of the lines, phase (pose, z, y, x) in their Fourier transform, in the order in which they act
        self._phases = [
            (axis, _phase(shift, axis, grid, voxel_size))
            for axis, shift in _shears(grid, voxel_size, translations, rotations)
        ]

    def _forward(self, x: Tensor) -> Tensor:
        x = x.unsqueeze(-4).expand(*x.shape[:-3], *self.codomain_shape)
        for axis, phase in self._phases:
            x = torch.fft.ifft(torch.fft.fft(x, dim=axis) * phase, dim=axis)
        return x

    def _adjoint(self, y: Tensor) -> Tensor:
        for axis, phase in reversed(self._phases):
            y = torch.fft.ifft(torch.fft.fft(y, dim=axis) * phase.conj(), dim=axis)
        return y.sum(dim=-4)

    def _normal(self, x: Tensor) -> Tensor:
        return self.codomain_shape[0] * x


def _shears(
    grid: tuple[int, int, int], voxel_size: tuple[float, float, float], translations: Tensor, rotations: Tensor
) -> list[tuple[int, Tensor]]:
    """(axis, shift along it in m, (pose, z, y, x)) of each shear, in the order in which they act."""
    place = {
        axis: _along((torch.arange(n, dtype=translations.dtype, device=translations.device) - n // 2) * size, axis)
        for axis, n, size in zip(IMAGE, grid, voxel_size, strict=True)
    }
    d_z, d_y, d_x = (column.reshape(-1, 1, 1, 1) for column in translations.unbind(1))
    by_axis = dict(zip(IMAGE, (column.reshape(-1, 1, 1, 1) for column in rotations.unbind(1)), strict=True))
    shears: list[tuple[int, Tensor]] = []
    volume = grid[0] > 1
    for axis, first, second in ((-1, -2, -3), (-2, -3, -1)) if volume else ():
        t, s = torch.tan(by_axis[axis] / 2), torch.sin(by_axis[axis])
        shears += [(first, -t * place[second]), (second, s * place[first]), (first, -t * place[second])]
    # The last rotation takes the translation with it: d commutes with the last shear up to a shift along x.
    t, s = torch.tan(by_axis[-3] / 2), torch.sin(by_axis[-3])
    shears += [(-1, -t * place[-2]), (-2, s * place[-1] + d_y), (-1, -t * (place[-2] - d_y) + d_x)]
    return [*shears, (-3, d_z + 0 * place[-1])] if volume else shears


def _along(values: Tensor, axis: int) -> Tensor:
    shape = [1, 1, 1]
    shape[axis] = -1
    return values.reshape(shape)


def _phase(shift: Tensor, axis: int, grid: tuple[int, int, int], voxel_size: tuple[float, float, float]) -> Tensor:
    """exp(−2πi k shift) in the order of ``torch.fft``, complex ``(pose, z, y, x)`` or 1 where constant."""
    k = torch.fft.fftfreq(grid[axis], voxel_size[axis], dtype=shift.dtype, device=shift.device)  # 1/m
    turns = _along(k, axis) * shift
    return torch.exp(-2j * math.pi * turns)
