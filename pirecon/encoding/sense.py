"""The Cartesian forward operator in one piece, without any shift of a half field of view."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.algebra.fft import centring_phase, crop_or_pad_centre
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding.resolution import check_window
from pirecon.encoding.sense_normal import SenseNormal

AXES = (-3, -2, -1)


class CartesianSense(LinearOperator):
    """E = W · window · F · S: Sampling @ Resolution @ Fourier @ CoilSensitivity, fused.

    The centring phases of the transform multiply the image and the weights, so no half field of view is ever shifted.
    ``E.N`` costs one pair of plain FFTs along the axes on which the weights change, the window being part of these.

    Args:
        maps: sensitivities, complex ``(*batch, coil, z, y, x)``.
        weights: real ``(*batch, 1, kz, ky, kx)`` on the acquired matrix, 0 where nothing was measured.
            The reconstruction grid (z, y, x) may be finer than the acquired matrix, never coarser.

    Raises:
        ValueError: the grid of the maps is coarser than the acquired matrix.
    """

    def __init__(self, maps: Tensor, weights: Tensor) -> None:
        grid, acquired = tuple(maps.shape[-3:]), tuple(weights.shape[-3:])
        check_window(grid, acquired)
        n_coils = maps.shape[-4]
        super().__init__(grid, (n_coils, *acquired))
        self.weights = weights
        self.maps = maps
        # A transform along an axis of length 1 is the identity.
        self.axes = tuple(axis for axis, n in zip(AXES, grid, strict=True) if n > 1)
        self._phase = centring_phase(grid, dtype=maps.dtype, device=maps.device)
        self._shifted_weights = weights * crop_or_pad_centre(self._phase, acquired)
        self._normal_operator = SenseNormal(maps, crop_or_pad_centre(weights, grid).square())

    def _forward(self, x: Tensor) -> Tensor:
        kspace = self._fft(self.maps * (self._phase * x).unsqueeze(-4))
        return self._shifted_weights * crop_or_pad_centre(kspace, self.codomain_shape[-3:])

    def _adjoint(self, y: Tensor) -> Tensor:
        kspace = crop_or_pad_centre(self._shifted_weights.conj() * y, self.domain_shape)
        return self._phase.conj() * torch.linalg.vecdot(self.maps, self._ifft(kspace), dim=-4)

    def _normal(self, x: Tensor) -> Tensor:
        return self._normal_operator(x)

    def _fft(self, x: Tensor) -> Tensor:
        return torch.fft.fftn(x, dim=self.axes, norm="ortho") if self.axes else x

    def _ifft(self, x: Tensor) -> Tensor:
        return torch.fft.ifftn(x, dim=self.axes, norm="ortho") if self.axes else x
