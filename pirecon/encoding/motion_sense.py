"""The Cartesian forward operator of a body that moves between the lines."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.algebra.fft import centring_phase, crop_or_pad_centre
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding.resolution import check_window
from pirecon.encoding.rigid_motion import RigidMotion

AXES = (-3, -2, -1)
CHUNK = 2**22  # elements of coil images that are held at once


class MotionSense(LinearOperator):
    """E x = Σ_p M_p W F S g T_p x/g: every line sees the body in the pose p that it had when the line was measured.

    The coils stay where they are. Maps from calibration are known up to a common smooth factor, which an image of a
    body at rest takes into itself; a moving body does not carry it along, and so the factor g of the true sensitivities
    over the maps matters. Lines that were measured more than once, in different poses, stay apart: the k-space
    of the i-th measurement follows that of the one before along the coil axis, ``(measurement · coil, kz, ky, kx)``;
    with one measurement it is that of :class:`~pirecon.encoding.sense.CartesianSense`.

    Args:
        maps: sensitivities, complex ``(coil, z, y, x)``; the grid may be finer than the acquired matrix.
        weights: real ``(measurement, 1, kz, ky, kx)``, 0 where nothing was measured; without the first axis for one.
        states: pose of each line, integer ``(measurement, kz, ky)`` or ``(kz, ky)``; those of lines that were not
            measured do not matter.
        motion: T on the grid of the maps, with as many poses as there are states.
        shading: g, complex ``(z, y, x)``, nowhere 0; None for 1.

    Raises:
        ValueError: shapes that do not fit, or a state without a pose.

    Source: Batchelor P. G. et al., Magn Reson Med 54:1273 (2005), equation 3; Cordero-Grande L. et al., IEEE Trans
    Comput Imaging 2:266 (2016), equation 2.
    """

    def __init__(
        self, maps: Tensor, weights: Tensor, states: Tensor, motion: RigidMotion, *, shading: Tensor | None = None
    ) -> None:
        weights = weights if weights.ndim == 5 else weights.unsqueeze(0)
        states = states if states.ndim == 3 else states.unsqueeze(0)
        grid, acquired = tuple(maps.shape[-3:]), tuple(weights.shape[-3:])
        _check(maps, weights, states, motion)
        check_window(grid, acquired)
        n_coils = maps.shape[-4]
        super().__init__(grid, (weights.shape[0] * n_coils, *acquired))
        self.maps, self.weights, self.states, self.motion = maps, weights, states, motion
        phase = centring_phase(grid, dtype=maps.dtype, device=maps.device)
        self.shading = shading
        self._unshaded = None if shading is None else 1 / shading
        self._shifted_maps = maps * phase if shading is None else maps * (phase * shading)
        self._shifted_weights = weights * crop_or_pad_centre(phase, acquired)
        poses = torch.arange(motion.codomain_shape[0], device=states.device)
        member = states.unsqueeze(1) == poses[:, None, None]  # (measurement, pose, kz, ky)
        self._member = member.to(maps.dtype)
        self._axes = tuple(axis for axis, n in zip(AXES, grid, strict=True) if n > 1)
        n = max(1, CHUNK // maps.numel())
        self._chunks = [slice(i, i + n) for i in range(0, len(poses), n)]

    def _forward(self, x: Tensor) -> Tensor:
        moved = self.motion.forward(x if self._unshaded is None else x * self._unshaded)  # (*batch, pose, z, y, x)
        y: Tensor | None = None
        for chunk in self._chunks:
            images = self._shifted_maps * moved[..., chunk, :, :, :].unsqueeze(-4)
            kspace = crop_or_pad_centre(self._transformed(images), self.codomain_shape[-3:])
            part = torch.einsum("mpzy,...pczyx->...mczyx", self._member[:, chunk], kspace)
            y = part if y is None else y + part
        assert y is not None  # there is at least one pose
        return (self._shifted_weights * y).flatten(-5, -4)

    def _adjoint(self, y: Tensor) -> Tensor:
        n = self.weights.shape[0]
        y = self._shifted_weights.conj() * y.unflatten(-4, (n, -1))  # (*batch, measurement, coil, kz, ky, kx)
        moved = []
        for chunk in self._chunks:
            lines = torch.einsum("mpzy,...mczyx->...pczyx", self._member[:, chunk], y)
            images = torch.fft.ifftn(crop_or_pad_centre(lines, self.domain_shape), dim=self._axes, norm="ortho")
            moved.append((self._shifted_maps.conj() * images).sum(dim=-4))
        x = self.motion.adjoint(torch.cat(moved, dim=-4))
        return x if self._unshaded is None else x * self._unshaded.conj()

    def _transformed(self, images: Tensor) -> Tensor:
        return torch.fft.fftn(images, dim=self._axes, norm="ortho")


def _check(maps: Tensor, weights: Tensor, states: Tensor, motion: RigidMotion) -> None:
    if maps.ndim != 4 or motion.domain_shape != tuple(maps.shape[-3:]):
        raise ValueError(
            f"the maps must be (coil, z, y, x) on the grid of the motion, {motion.domain_shape}; found "
            f"{tuple(maps.shape)}: take one slice, contrast or repetition at a time"
        )
    n, _, n_z, n_y, _ = weights.shape
    if tuple(states.shape) != (n, n_z, n_y):
        raise ValueError(
            f"the states must be one number for each line, (measurement, kz, ky) = {(n, n_z, n_y)} as the weights "
            f"have it; found {tuple(states.shape)}"
        )
    n_poses = motion.codomain_shape[0]
    measured = weights.amax(dim=(1, 4)) > 0
    used = states[measured]
    if used.numel() and (int(used.min()) < 0 or int(used.max()) >= n_poses):
        raise ValueError(
            f"lines were measured in states {int(used.min())} to {int(used.max())}, but the motion has {n_poses} "
            "poses, counted from 0; give every state a pose"
        )
