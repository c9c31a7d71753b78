"""Noise that is not white, as published low-field files have it: k-space that was windowed, receivers that roll off.

The FSE, FLAIR and gradient-echo files at 0.055 T of Liu et al., Nat Commun 12:7238 (2021), hold lines whose noise falls
from 1.5 near the centre of k-space to between 0.16 and 0.5 at one end, and columns whose noise varies by 0.65 to 1.3.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre

Rng = np.random.Generator


def line_window(n_lines: int, rng: Rng) -> Tensor:
    """Gain of the phase-encode lines after a scanner's filter: a bell whose two sides fall by different amounts.

    Args:
        n_lines: of the acquired matrix.
        rng: draws top, sides and steepness.

    Returns:
        float32 ``(ky,)``, mean square 1: noise power is estimated over all lines.
    """
    place = (np.arange(n_lines) - n_lines // 2) / (n_lines / 2) - rng.uniform(-0.25, 0.25)
    lower, upper = np.exp(rng.uniform(np.log(0.1), np.log(0.9), 2))
    ends = np.where(place < 0, lower, upper)
    reach = np.where(place < 0, place / place[0], place / place[-1])
    window = 1 - (1 - ends) * np.clip(reach, 0, 1) ** rng.uniform(1.2, 3.0)
    return torch.from_numpy((window / np.sqrt((window**2).mean())).astype(np.float32))


def window_lines(image: Tensor, window: Tensor) -> Tensor:
    """A complex image ``(y, x)`` whose lines were multiplied by ``window`` ``(ky,)``; beyond it the ends go on."""
    n = image.shape[-2]
    gain = crop_or_pad_centre(window, (n,))
    known = crop_or_pad_centre(torch.ones_like(window), (n,)) > 0
    first, last = (int(known.nonzero()[i]) for i in (0, -1))
    gain[:first], gain[last + 1 :] = window[0], window[-1]
    return centred_ifft(centred_fft(image, (-2,)) * gain[:, None], (-2,))


def noise_profile(shape: tuple[int, int], rng: Rng) -> Tensor:
    """Standard deviation of the noise of every sample, smooth along both axes, mean square 1, ``(ky, kx)``."""
    courses = []
    for n in shape:
        nodes = torch.from_numpy(
            rng.normal(0, rng.uniform(0, 0.35), (1, 1, int(rng.integers(3, 7)))).astype(np.float32)
        )
        courses.append(torch.nn.functional.interpolate(nodes, n, mode="linear", align_corners=True)[0, 0].exp())
    level = courses[0][:, None] * courses[1]
    return level / level.square().mean().sqrt()
