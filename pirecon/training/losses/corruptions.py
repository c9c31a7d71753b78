"""What reconstructions get wrong, done to images on purpose: the lesson of the feature network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.training.scans.simulation import random_lines

Rng = np.random.Generator
AXES = (-2, -1)


def clean(image: Tensor, rng: Rng) -> Tensor:
    """The image as it is."""
    return image


def noise(image: Tensor, rng: Rng) -> Tensor:
    """White complex noise of 1/40 to 1/5 of the peak."""
    return image + _white(image, rng) * _drawn(1 / 40, 1 / 5, rng)


def blotches(image: Tensor, rng: Rng) -> Tensor:
    """Noise that a denoiser smeared: correlated over a few voxels, 1/60 to 1/10 of the peak."""
    smooth = _window(_white(image, rng), _drawn(0.1, 0.35, rng))
    return image + smooth / smooth.abs().square().mean().sqrt() * _drawn(1 / 60, 1 / 10, rng)


def blur(image: Tensor, rng: Rng) -> Tensor:
    """A Gaussian window over k-space."""
    return _window(image, _drawn(0.25, 0.8, rng))


def truncation(image: Tensor, rng: Rng) -> Tensor:
    """The outer part of k-space is missing, along one or both axes: coarse, with ringing."""
    kept = rng.uniform(0.35, 0.8, 2)
    if rng.random() < 0.5:
        kept[rng.integers(2)] = 1.0
    inside = [torch.linspace(-1, 1, n).abs() <= k for n, k in zip(image.shape, kept, strict=True)]
    return centred_ifft(centred_fft(image, AXES) * (inside[0][:, None] & inside[1][None, :]), AXES)


def aliasing(image: Tensor, rng: Rng) -> Tensor:
    """Lines of k-space are left out, and the rest is transformed as if they were zero."""
    lines = torch.from_numpy(random_lines(image.shape[0], rng.uniform(1.5, 4), rng))
    return centred_ifft(centred_fft(image, AXES) * lines[:, None], AXES)


def ghosts(image: Tensor, rng: Rng) -> Tensor:
    """Groups of lines with other phases, as after motion or drift."""
    n_lines = image.shape[0]
    group = np.arange(n_lines) // int(rng.integers(1, max(2, n_lines // 6)))
    phases = rng.normal(0, _drawn(0.15, 0.8, rng), group.max() + 1)[group]
    turn = torch.polar(torch.ones(n_lines), torch.from_numpy(phases.astype(np.float32)))
    return centred_ifft(centred_fft(image, AXES) * turn[:, None], AXES)


CORRUPTIONS: dict[str, Callable[[Tensor, Rng], Tensor]] = {
    "clean": clean,
    "noise": noise,
    "blotches": blotches,
    "blur": blur,
    "truncation": truncation,
    "aliasing": aliasing,
    "ghosts": ghosts,
}


def corrupted_copies(image: Tensor, size: int, rng: Rng) -> Tensor:
    """Each corruption of one image, in the order of ``CORRUPTIONS``, one window of it.

    Args:
        image: magnitude, float ``(y, x)``, at least ``size`` on both axes.
        size: voxels of the window, which is the same for all copies.

    Returns:
        Magnitudes over the peak of the clean image, float ``(len(CORRUPTIONS), 1, size, size)``.
    """
    if rng.random() < 0.5:
        image = image.mT  # lines run along either axis
    scale = image.max().clamp_min(1e-6)
    whole = (image / scale).to(torch.complex64)
    copies = torch.stack([corrupt(whole, rng).abs() for corrupt in CORRUPTIONS.values()])
    y, x = (int(rng.integers(n - size + 1)) for n in image.shape)
    return copies[:, None, y : y + size, x : x + size]


def _drawn(low: float, high: float, rng: Rng) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _white(image: Tensor, rng: Rng) -> Tensor:
    return torch.view_as_complex(torch.from_numpy(rng.standard_normal((*image.shape, 2), dtype=np.float32)))


def _window(image: Tensor, width: float) -> Tensor:
    y, x = (torch.linspace(-1, 1, n) for n in image.shape)
    window = torch.exp(-0.5 * (y[:, None] ** 2 + x[None, :] ** 2) / width**2)
    return centred_ifft(centred_fft(image, AXES) * window, AXES)
