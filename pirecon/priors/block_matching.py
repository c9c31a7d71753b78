"""BM3D and BM4D: collaborative filtering of similar blocks, by the packages of their authors.

These packages are free for non-commercial use only; pirecon neither contains nor installs them.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from pirecon.priors.proximal_prior import ProximalPrior


class BM3D(ProximalPrior):
    """Slice by slice; real and imaginary part each on its own, after the smooth phase was taken out.

    No gradient flows through it: the result is detached, so in training the strength stays and only what surrounds the
    prior learns. It runs on the processor, wherever the image is.

    Args:
        strength: assumed noise over the noise level.

    Raises:
        ImportError: the package ``bm3d`` is absent.

    Source: Dabov et al., IEEE Trans Image Process 16:2080 (2007); Mäkinen, Azzari and Foi, IEEE Trans Image
    Process 29:8339 (2020).
    """

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__(strength, n_axes=2)
        self._bm3d = _package("bm3d").bm3d

    def denoise(self, image: Tensor, strength: Tensor) -> Tensor:
        """See :meth:`ProximalPrior.denoise`."""
        sigma = float(strength)
        parts = [np.asarray(self._bm3d(part, sigma)).reshape(part.shape) for part in _slices(image)]
        return _from_parts(parts, image)


class BM4D(ProximalPrior):
    """A volume as a whole; otherwise as :class:`BM3D`.

    Args:
        strength: assumed noise over the noise level.

    Raises:
        ImportError: the package ``bm4d`` is absent.

    Source: Maggioni et al., IEEE Trans Image Process 22:119 (2013).
    """

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__(strength, n_axes=3)
        self._bm4d = _package("bm4d").bm4d

    def denoise(self, image: Tensor, strength: Tensor) -> Tensor:
        """See :meth:`ProximalPrior.denoise`."""
        sigma = float(strength)
        volumes = image.detach().cpu().to(torch.complex128).numpy()
        parts = [
            np.asarray(self._bm4d(np.ascontiguousarray(part), sigma)).reshape(part.shape)
            for volume in volumes
            for part in (volume.real, volume.imag)
        ]
        return _from_parts(parts, image)


def _slices(image: Tensor) -> list[np.ndarray]:
    slices = image.detach().cpu().to(torch.complex128).numpy()[:, 0]
    return [np.ascontiguousarray(part) for slice_ in slices for part in (slice_.real, slice_.imag)]


def _from_parts(parts: list[np.ndarray], like: Tensor) -> Tensor:
    array = np.stack(parts[::2]) + 1j * np.stack(parts[1::2])
    return torch.from_numpy(array).reshape(like.shape).to(like)


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"the prior {name!r} needs the package {name} ({error}); `pip install {name}` if its licence "
            "allows your use: it is for non-commercial use only. 'wavelet' and 'tv' need nothing"
        ) from error
