"""The phase difference of forward and reversed lines from the image itself: without it, the image is most compact."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from pirecon.algebra.fft import centred_ifft
from pirecon.rawdata.grid import choose_grid
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.sort import sort_lines

LARGEST_DELAY = 2.0  # samples
LEAST_GAIN = 0.005
"""Of the summed magnitude: noise alone makes some pair of parameters look a little better than none."""


@dataclass(frozen=True)
class Found:
    """Both parameters as :class:`~pirecon.calibration.epi_ghost.EpiGhost` has them, for all slices."""

    constant: float
    delay: float
    is_significant: bool
    source: str


def search_in_image(raw: RawData, reverse: np.ndarray) -> Found:
    """argmin over (a, b) of Σ_r √Σ_coils |I_f + I_r exp(−i(a + 2π b p/n))|², the images of the lines of either
    direction.

    A ghost spreads the object's energy over more voxels; at constant energy the summed magnitude is least without it. a
    and a + π give the same magnitudes, moved by half a field of view where every second line is reversed: the one
    nearest to 0 is taken.

    Args:
        raw: of an echo-planar scan without phase-correction lines.
        reverse: which readouts are reversed, bool ``(readout,)``.

    Returns:
        The parameters; not significant where they make the image hardly more compact.

    Source: entropy in the place of the magnitude: Clare S., ISMRM 2008, p. 1041; Skare S. et al., ISMRM 2006, p. 2349.
    """
    forward_image, reversed_image, n_readout = _images(raw, reverse)
    p = torch.arange(forward_image.shape[-1]) - forward_image.shape[-1] // 2

    def spread(parameters: np.ndarray) -> float:
        phase = float(parameters[0]) + 2 * math.pi * float(parameters[1]) * p / n_readout
        image = forward_image + reversed_image * torch.polar(torch.ones_like(phase), -phase)
        return float(torch.linalg.vector_norm(image, dim=0).sum())

    grid = [
        np.array([a, b])
        for a in np.linspace(-math.pi / 2, math.pi / 2, 20, endpoint=False)
        for b in np.linspace(-LARGEST_DELAY, LARGEST_DELAY, 25)
    ]
    start = min(grid, key=spread)
    simplex = start + np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]])
    best = minimize(spread, start, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-3})
    before, constant, delay = spread(np.zeros(2)), math.remainder(float(best.x[0]), math.pi), float(best.x[1])
    gain = 1 - best.fun / before if before > 0 else 0.0
    text = (
        "EPI ghost: the file has no phase-correction lines; the most compact image has the echoes of reversed lines "
        f"{delay:+.3f} samples and {constant:+.3f} rad from the others (assumed: less than π/2)"
    )
    if gain < LEAST_GAIN:
        return Found(0.0, 0.0, False, text + f", which gains only {max(gain, 0):.1%}; left as it is")
    return Found(constant, delay, True, text + "; corrected")


def _images(raw: RawData, reverse: np.ndarray) -> tuple[Tensor, Tensor, int]:
    """The file's strongest image from the lines of either direction, ``(coil, z, y, x)``, and samples of a readout."""
    grid, lines = choose_grid(raw), raw.imaging_lines
    keys = np.stack([raw.readouts["idx"][name][lines].astype(np.int64) for name in ("slice", "contrast", "repetition")])
    images, which = np.unique(keys, axis=1, return_inverse=True)
    energy = np.zeros(images.shape[1])
    for image, line in zip(which.reshape(-1), lines, strict=True):
        energy[image] += float(np.square(np.abs(raw.readout(int(line)))).sum())
    chosen = lines[which.reshape(-1) == energy.argmax()]
    parts = []
    for part in (chosen[~reverse[chosen]], chosen[reverse[chosen]]):
        data = sort_lines(raw, part, grid).data
        parts.append(centred_ifft(data.reshape(-1, *data.shape[-4:]).sum(dim=0), (-3, -2, -1)))
    return parts[0], parts[1], grid.n_readout
