"""Gradient encoding by its definition: a sum over the object for every k. No FFT."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def encoding_matrix(positions: Tensor, n: int, field_of_view: float) -> Tensor:
    """exp(−2πi k_j r) for k_j = (j − n//2) / field of view.

    Args:
        positions: r, ``(position,)``, m.
        n: number of samples.
        field_of_view: m; of an oversampled axis the oversampled one.

    Returns:
        Complex128 ``(n, position)``.

    Source: Ljunggren, J Magn Reson 54:338 (1983); Twieg, Med Phys 10:610 (1983).
    """
    k = (torch.arange(n, dtype=torch.float64, device=positions.device) - n // 2) / field_of_view
    turns = torch.outer(k, positions.to(torch.float64))
    return torch.polar(torch.ones_like(turns), -2 * math.pi * turns)


def encode_plane(plane: Tensor, matrices: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """What one plane of the object adds to k-space, axis by axis.

        y[kz, ky, kx] = Σ_{y,x} Z[kz] Y[ky, y] X[kx, x] m[y, x]

    Args:
        plane: complex ``(coil, y, x)``.
        matrices: Z ``(kz,)``, Y ``(ky, y)``, X ``(kx, x)``, of :func:`encoding_matrix`.

    Returns:
        Complex ``(coil, kz, ky, kx)``, dtype of ``plane``.
    """
    Z, Y, X = (m.to(plane) for m in matrices)
    return Z.reshape(-1, 1, 1) * (Y @ plane @ X.T).unsqueeze(-3)
