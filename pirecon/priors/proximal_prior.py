"""What the classical priors share: a denoiser of unit noise, in place of a network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from pirecon.priors.smooth_phase import smooth_phase


class ProximalPrior(nn.Module, ABC):
    """image → phasor · σ · denoise(image / (phasor · σ), s) with one learned number, s = exp(log_strength).

    Divided by the noise level map σ(r) the noise is 1 everywhere, so one strength serves every scan. Where the noise
    level is zero the image stays as it is. Unlike the learned families a fresh one is no identity: it denoises at once.

    Args:
        strength: s at the start.
        n_axes: 2: a volume is taken slice by slice; 3: as a whole.

    Source: proximal maps as denoisers in data consistency: Venkatakrishnan, Bouman and Wohlberg, GlobalSIP (2013).
    """

    def __init__(self, strength: float, *, n_axes: int) -> None:
        super().__init__()
        if strength <= 0:
            raise ValueError(f"strength is {strength}; a threshold in units of the noise is positive")
        if n_axes not in (2, 3):
            raise ValueError(f"n_axes is {n_axes}; a prior works on 2 axes (slices) or 3 (volumes)")
        self.n_axes = n_axes
        self.log_strength = nn.Parameter(torch.tensor(math.log(strength)))

    @abstractmethod
    def denoise(self, image: Tensor, strength: Tensor) -> Tensor:
        """Denoise an image with noise of standard deviation 1 in both parts and little phase.

        Args:
            image: complex ``(batch, z, y, x)``, with z = 1 where ``n_axes`` is 2.
            strength: s, a real number.
        """

    def forward(self, image: Tensor, noise_level: Tensor) -> Tensor:
        """Improve an image; arguments and result as of :class:`pirecon.priors.ImagePrior`."""
        noise = noise_level.to(image.real.dtype).expand(image.shape)
        noisy = noise > 0
        level = torch.where(noisy, noise, torch.ones_like(noise)) * smooth_phase(image, n_axes=self.n_axes)
        volume = image.shape[-3:] if self.n_axes == 3 else (1, *image.shape[-2:])
        with torch.autocast(image.device.type, enabled=False):  # complex numbers have no half precision
            clean = self.denoise((image / level).reshape(-1, *volume), self.log_strength.exp().to(noise.dtype))
        return torch.where(noisy, clean.reshape(image.shape) * level, image)
