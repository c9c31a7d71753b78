"""What every learned prior shares: complex images become channels of almost real anatomy, and come back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pirecon.priors.smooth_phase import smooth_phase


class ImagePrior(nn.Module, ABC):
    """Complex image and noise level → complex image on the same grid, whatever its phase, scale and size.

    image + phase · scale · change(channels), where the channels are the real and the imaginary part without the smooth
    phase and the noise level, all divided by the scale: so that a network with biases, windows or normalisation meets
    the amplitudes that it knows, in every unit. A subclass implements :meth:`change`.

    Attributes:
        n_axes: 2: a volume is taken slice by slice; 3: as a whole.
        multiple: every one of these axes is padded to a multiple of this number of voxels.
    """

    n_axes: int = 2
    multiple: int = 1

    @abstractmethod
    def change(self, channels: Tensor) -> Tensor:
        """What is added to the image.

        Args:
            channels: real, imaginary part and noise level, float ``(batch, 3, y, x)``, or ``(batch, 3, z, y, x)`` where
                ``n_axes`` is 3; the axes are multiples of ``multiple``.

        Returns:
            Change of the real and the imaginary part, ``(batch, 2, …)``.
        """

    def forward(self, image: Tensor, noise_level: Tensor) -> Tensor:
        """Improve an image.

        Args:
            image: complex ``(*batch, z, y, x)``.
            noise_level: standard deviation of the real and the imaginary part of the noise; real, broadcasts against
                ``image``, same unit.

        Returns:
            Complex tensor of the shape of ``image``.

        Raises:
            ValueError: ``change`` returned another grid or other channels.
        """
        return self.improve(image, noise_level, lambda channels: channels)

    def improve(self, image: Tensor, noise_level: Tensor, extend: Callable[[Tensor], Tensor]) -> Tensor:
        """What :meth:`forward` does, with more channels than the image's own.

        Args:
            image, noise_level: as of :meth:`forward`.
            extend: real, imaginary part and noise level, not yet scaled → all channels that ``change`` is given.
        """
        phasor = smooth_phase(image, n_axes=self.n_axes)
        grid = image.shape[-self.n_axes :]
        flat = (image * phasor.conj()).reshape(-1, *grid)
        noise = noise_level.expand(image.shape).reshape(flat.shape)
        scale = _scale(flat, noise)
        channels = extend(torch.stack((flat.real, flat.imag, noise), dim=1)) / scale[:, None]
        padding = [amount for n in reversed(grid) for amount in (0, -n % self.multiple)]
        padded = nn.functional.pad(channels, padding)
        change = self.change(padded)
        expected = (len(padded), 2, *padded.shape[2:])
        if change.shape != expected:
            raise ValueError(
                f"{type(self).__name__}.change returned the shape {tuple(change.shape)}, expected {expected}: real and "
                "imaginary part of the change on the grid that it was given"
            )
        for axis, n in enumerate(grid, start=2):
            change = change.narrow(axis, 0, n)
        change = change.movedim(1, -1).to(flat.real.dtype).contiguous()
        return (flat + scale * torch.view_as_complex(change)).reshape(image.shape) * phasor


def _scale(image: Tensor, noise: Tensor) -> Tensor:
    """Mean noise level of each image, its root mean square where there is no noise, 1 where there is nothing."""
    axes = tuple(range(1, image.ndim))
    level = noise.mean(axes, keepdim=True)
    rms = image.detach().abs().square().mean(axes, keepdim=True).sqrt()
    return torch.where(level > 0, level, torch.where(rms > 0, rms, torch.ones_like(rms)))
