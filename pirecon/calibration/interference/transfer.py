"""Linear transfer from sensing coils to receive coils, in windows of time, tested on lines that were held back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

Kernel = tuple[int, int]
"""Neighbours on either side: samples of the readout, lines in time."""

MOST_BLOCKS = 384
MOST_BYTES = 2**28  # of the blocks' Gram matrices
NEIGHBOURHOOD = 9  # samples over which the local power of the signal is taken


@dataclass(frozen=True)
class Lines:
    """Consecutive readouts of equal length, in order of time.

    Attributes:
        sensing: complex128 ``(line, sensing coil, sample)``, of unit mean power in each coil.
        receive: complex128 ``(line, receive coil, sample)``.
    """

    sensing: np.ndarray
    receive: np.ndarray


@dataclass(frozen=True)
class Statistics:
    """What least squares needs of each block of lines.

    Attributes:
        gram: Σ w a* aᵀ, complex128 ``(block, tap, tap)``.
        cross: Σ w a* y, ``(block, tap, receive coil)``.
        power: Σ w |y|², float64 ``(block, receive coil)``.
    """

    gram: np.ndarray
    cross: np.ndarray
    power: np.ndarray


def blocks_of(runs: list[Lines], n_taps: int) -> list[tuple[int, slice]]:
    """Blocks of neighbouring lines, at most ``MOST_BLOCKS``: run and lines of each."""
    n_lines = sum(len(run.sensing) for run in runs)
    most = max(8, min(MOST_BLOCKS, MOST_BYTES // (16 * n_taps**2)))
    length = -(-n_lines // most)
    return [
        (r, slice(first, min(first + length, len(run.sensing))))
        for r, run in enumerate(runs)
        for first in range(0, len(run.sensing), length)
    ]


def taps(run: Lines, lines: slice, kernel: Kernel) -> np.ndarray:
    """The sensing coils' samples about each sample: complex128 ``(line, sample, tap)``; zero beyond the readout."""
    n_samples, n_lines = kernel
    total, _, n = run.sensing.shape
    columns = []
    for dl in range(-n_lines, n_lines + 1):
        wanted = np.arange(*lines.indices(total)) + dl
        line = run.sensing[np.clip(wanted, 0, total - 1)] * ((wanted >= 0) & (wanted < total))[:, None, None]
        padded = np.pad(line, ((0, 0), (0, 0), (n_samples, n_samples)))
        columns += [padded[:, :, d : d + n] for d in range(2 * n_samples + 1)]
    return np.stack(columns, axis=1).reshape(len(columns[0]), -1, n).swapaxes(1, 2)


def n_taps(kernel: Kernel, n_sensing: int) -> int:
    """Taps of a kernel."""
    return n_sensing * (2 * kernel[0] + 1) * (2 * kernel[1] + 1)


def statistics(
    runs: list[Lines], blocks: list[tuple[int, slice]], weights: list[np.ndarray], kernel: Kernel
) -> Statistics:
    """Sums over every block; ``weights`` as ``(line, sample)`` for every run."""
    gram, cross, power = [], [], []
    for run, lines in blocks:
        a = taps(runs[run], lines, kernel).reshape(-1, n_taps(kernel, runs[run].sensing.shape[1]))
        y = runs[run].receive[lines].swapaxes(1, 2).reshape(len(a), -1)
        w = weights[run][lines].reshape(-1, 1)
        weighted = (w * a).conj().T
        gram.append(weighted @ a)
        cross.append(weighted @ y)
        power.append((w * np.abs(y) ** 2).sum(axis=0))
    return Statistics(np.stack(gram), np.stack(cross), np.stack(power))


def window(n_blocks: int, half_width: float | None) -> np.ndarray:
    """Shares of the other blocks in the transfer of each, ``(block, block)``: a triangle in time, 0 for its own."""
    distance = np.abs(np.subtract.outer(np.arange(n_blocks), np.arange(n_blocks)))
    share = np.ones(distance.shape) if half_width is None else np.maximum(0.0, 1 - distance / half_width)
    np.fill_diagonal(share, 0.0)
    return share


def transfer(stats: Statistics, share: np.ndarray) -> np.ndarray:
    """Regularised least squares for every block from the others:

        h_b = (Σ_b' share[b, b'] G_b' + P I)⁻¹ Σ_b' share[b, b'] c_b'

    With taps of unit power and weights of inverse noise power, P I says that before anything was measured the P taps
    together may carry interference about as strong as noise.

    Returns:
        complex128 ``(block, tap, receive coil)``.
    """
    n_blocks, n_taps, n_receive = stats.cross.shape
    gram = (share @ stats.gram.reshape(n_blocks, -1)).reshape(-1, n_taps, n_taps)
    cross = (share @ stats.cross.reshape(n_blocks, -1)).reshape(-1, n_taps, n_receive)
    return np.linalg.solve(gram + n_taps * np.eye(n_taps), cross)


def residual_power(stats: Statistics, h: np.ndarray) -> np.ndarray:
    """Σ w |y − a h|² of every block, ``(block, receive coil)``."""
    linear = (h.conj() * stats.cross).sum(axis=1).real
    return stats.power - 2 * linear + (h.conj() * (stats.gram @ h)).sum(axis=1).real


def sample_weights(residuals: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """(1 + local power)⁻² of every sample, where power 1 is the median's: the signal of the patient is noise here.

    Steeper than the inverse of the power, which would be best for sensing coils that hear no patient: where they do,
    a sample of signal s pulls the transfer by s², and only weights that fall faster than 1/s² hold it off. A sample's
    own power is left out of its weight, so that weight and noise stay independent.

    Args:
        residuals: of every run, ``(line, receive coil, sample)``.

    Returns:
        Weights ``(line, sample)`` of every run, and the median power of every receive coil.
    """
    squares = [np.abs(r) ** 2 for r in residuals]
    level = np.median(np.concatenate([s.swapaxes(0, 1).reshape(s.shape[1], -1) for s in squares], axis=1), axis=1)
    level = np.where(level > 0, level / np.log(2), 1.0)
    weights = []
    for s in squares:
        power = (s / level[:, None]).mean(axis=1)
        around = NEIGHBOURHOOD * uniform_filter1d(power, NEIGHBOURHOOD, axis=1, mode="nearest") - power
        weights.append((1 + np.maximum(around, 0) / (NEIGHBOURHOOD - 1)) ** -2.0)
    return weights, level


def predicted(
    runs: list[Lines], blocks: list[tuple[int, slice]], h: np.ndarray, kernel: Kernel
) -> Iterator[tuple[int, slice, np.ndarray]]:
    """Interference in the receive coils, block by block: run, lines and complex128 ``(line, receive coil, sample)``."""
    for (run, lines), h_b in zip(blocks, h, strict=True):
        yield run, lines, (taps(runs[run], lines, kernel) @ h_b).swapaxes(1, 2)
