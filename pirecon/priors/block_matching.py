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
        ValueError: (when called) an image with fewer than 8 voxels along an axis.

    Source: Dabov et al., IEEE Trans Image Process 16:2080 (2007); Mäkinen, Azzari and Foi, IEEE Trans Image
    Process 29:8339 (2020).
    """

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__(strength, n_axes=2)
        self._bm3d = _package("bm3d").bm3d

    def denoise(self, image: Tensor, strength: Tensor) -> Tensor:
        """See :meth:`ProximalPrior.denoise`."""
        _check_size(image, block=8)
        sigma = float(strength.detach())
        parts = [np.asarray(self._bm3d(part, sigma)).reshape(part.shape) for part in _slices(image)]
        return _from_parts(parts, image)


class BM4D(ProximalPrior):
    """A volume as a whole, in blocks of 4 × 4 × 4 from five slices on, else of 8 × 8 × 1; otherwise as :class:`BM3D`.

    Args:
        strength: assumed noise over the noise level.

    Raises:
        ImportError: the package ``bm4d`` is absent.
        ValueError: (when called) a block does not fit into the plane.

    Source: Maggioni et al., IEEE Trans Image Process 22:119 (2013).
    """

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__(strength, n_axes=3)
        self._bm4d = _package("bm4d").bm4d

    def denoise(self, image: Tensor, strength: Tensor) -> Tensor:
        """See :meth:`ProximalPrior.denoise`."""
        _check_size(image, block=4 if image.shape[-3] >= 5 else 8)
        sigma = float(strength.detach())
        # Slices last: the package looks there for how many there are.
        volumes = np.moveaxis(image.detach().cpu().to(torch.complex128).numpy(), 1, -1)
        parts = [
            np.moveaxis(np.asarray(self._bm4d(np.ascontiguousarray(part), sigma)).reshape(part.shape), -1, 0)
            for volume in volumes
            for part in (volume.real, volume.imag)
        ]
        return _from_parts(parts, image)


def _check_size(image: Tensor, *, block: int) -> None:
    if min(image.shape[-2:]) < block:
        raise ValueError(
            f"block matching needs {block} × {block} voxels in the plane, but the image has {image.shape[-2]} × "
            f"{image.shape[-1]}; 'wavelet' and 'tv' take any size"
        )


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
