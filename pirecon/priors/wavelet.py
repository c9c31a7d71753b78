"""Soft thresholding of wavelets, compressed sensing's prior."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from pirecon.algebra.proximal import as_complex, as_planes
from pirecon.algebra.wavelet import Wavelet
from pirecon.priors.proximal_prior import ProximalPrior


class WaveletPrior(ProximalPrior):
    """Mean over shifts S of S.H W.H soft(W S x, s): cycle spinning, without which blocks would show.

    Details are thresholded, the approximation is kept. Complex coefficients lose modulus and keep their phase.

    Args:
        strength: threshold in units of the noise level at the start.
        n_shifts: shifts along the diagonal of the grid over which the result is averaged.
        n_axes: 2: slice by slice; 3: wavelets over z as well.

    Source: Donoho, IEEE Trans Inf Theory 41:613 (1995); Coifman and Donoho, Wavelets and Statistics (1995);
    Lustig, Donoho and Pauly, Magn Reson Med 58:1182 (2007).
    """

    def __init__(self, strength: float = 1.0, n_shifts: int = 4, n_axes: int = 2) -> None:
        super().__init__(strength, n_axes=n_axes)
        self.n_shifts = n_shifts

    def denoise(self, image: Tensor, strength: Tensor) -> Tensor:
        """See :meth:`ProximalPrior.denoise`."""
        planes = as_planes(image)
        wavelet, threshold = _wavelet(tuple(image.shape[-3:]), planes.dtype, image.device)
        total = torch.zeros_like(planes)
        for shift in range(self.n_shifts):
            W = wavelet.shifted((shift, shift, shift))
            total = total + W.synthesise(_shrink(W.analyse(planes), strength * threshold))
        return as_complex(total / self.n_shifts)


@lru_cache(maxsize=8)
def _wavelet(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> tuple[Wavelet, Tensor]:
    wavelet = Wavelet(shape, dtype=dtype, device=device)
    return wavelet, wavelet.detail_mask().to(device, dtype)


def _shrink(planes: Tensor, threshold: Tensor) -> Tensor:
    """``pirecon.algebra.proximal.soft_threshold`` with a gradient where coefficients are zero: a slab's padding is."""
    modulus = (planes.square().sum(dim=0) + torch.finfo(planes.dtype).tiny).sqrt()
    return planes * (1 - threshold / modulus).clamp_min(0)
