"""Sensitivities once more, with the body's motion known."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.encoding.motion_sense import MotionSense
from pirecon.encoding.rigid_motion import RigidMotion

IMAGE = (-3, -2, -1)
STIFFNESS, POWER = 220.0, 8.0
"""Of the weight (1 + 220 |k|²)⁻⁸ that says how smooth sensitivities are, k in units of the k-space's width.

Source: Uecker M. et al., Magn Reson Med 60:674 (2008), section on regularisation."""

WEAKEST = 0.05
"""Least root sum of squares, of its largest: in air, extrapolated maps tell nothing."""


def refitted_maps(kspace: Tensor, E: MotionSense, image: Tensor, *, n_iterations: int = 20) -> Tensor:
    """Smooth sensitivities that explain the samples of a body that moved, given its image and poses.

        s = argmin ½‖Σ_p M_p W F (T_p x/g) (B s) − y‖² + ½ ‖s‖²,    S = B s,  B = F⁻¹ (1 + 220 |k|²)⁻⁸

    Maps that were estimated from the lines as measured average over the poses; these do not, and they reach over the
    edge of the body, where another pose may need them.

    Args:
        kspace: weighted samples in SNR units, complex ``(measurement · coil, kz, ky, kx)``.
        E: of the body that moved, on the acquired grid.
        image: x, complex ``(z, y, x)``.
        n_iterations: of conjugate gradients.

    Returns:
        S times g, complex ``(coil, z, y, x)``: relative to what a coil hears of x/g.

    Source: Ying L., Sheng J., Magn Reson Med 57:1196 (2007), section on the sensitivities' step; the moving body is
    ours.
    """
    weights, smooth = E.weights, _smoothness(image)
    moved = E.motion.forward(image if E.shading is None else image / E.shading)
    poses = torch.arange(len(moved), device=E.states.device)
    member = (E.states.unsqueeze(1) == poses[:, None, None]).to(image.dtype)  # (measurement, pose, kz, ky)

    def forward(s: Tensor) -> Tensor:
        maps = centred_ifft(smooth * s, IMAGE)
        y = torch.zeros_like(kspace).unflatten(0, (len(weights), -1))
        for pose, body in enumerate(moved):
            y = y + member[:, pose, None, :, :, None] * centred_fft(maps * body, IMAGE)
        return (weights * y).flatten(0, 1)

    def adjoint(y: Tensor) -> Tensor:
        y = weights * y.unflatten(0, (len(weights), -1))
        total = torch.zeros_like(y[0])
        for pose, body in enumerate(moved):
            lines = (member[:, pose, None, :, :, None] * y).sum(0)
            total = total + body.conj() * centred_ifft(lines, IMAGE)
        return smooth * centred_fft(total, IMAGE)

    s = conjugate_gradient(
        lambda v: adjoint(forward(v)), adjoint(kspace), regularisation=1.0, n_iterations=n_iterations
    )
    return centred_ifft(smooth * s, IMAGE)


def with_maps(maps: Tensor, weights: Tensor, states: Tensor, poses: RigidMotion) -> MotionSense:
    """E from sensitivities of any size: their root sum of squares, at least 5 % of its largest, is the shading."""
    g = maps.abs().square().sum(0).sqrt()
    g = g.clamp_min(WEAKEST * float(g.max()))
    return MotionSense(maps / g, weights, states, poses, shading=g.to(maps.dtype))


def _smoothness(image: Tensor) -> Tensor:
    axes = [(torch.arange(n, dtype=image.real.dtype, device=image.device) - n // 2) / n for n in image.shape]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return (1 + STIFFNESS * (z.square() + y.square() + x.square())) ** -POWER
