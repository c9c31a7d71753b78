"""Which lines of Cartesian k-space are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Shape = tuple[int, int]


@dataclass(frozen=True, eq=False)
class SamplingPattern:
    """Measured lines. k = 0 has index ``n // 2`` on both axes.

    Attributes:
        imaging: lines of the image, bool ``(kz, ky)``.
        calibration: lines for coil calibration, bool ``(kz, ky)``.
        separate: calibration lines are a scan of their own; otherwise they are embedded in, and belong to, the image.
        acceleration: the header's claim ``(kz, ky)``.
    """

    imaging: np.ndarray
    calibration: np.ndarray
    separate: bool = False
    acceleration: tuple[int, int] = (1, 1)

    @property
    def shape(self) -> Shape:
        """Lines ``(kz, ky)`` of the full grid."""
        n_z, n_y = self.imaging.shape
        return n_z, n_y


def fully_sampled(shape: Shape) -> SamplingPattern:
    """Every line, no calibration."""
    return SamplingPattern(np.ones(shape, bool), np.zeros(shape, bool))


def equispaced(shape: Shape, acceleration: tuple[int, int]) -> np.ndarray:
    """Every ``acceleration``-th line on each axis, k = 0 among them.

    Args:
        shape: lines ``(kz, ky)``.
        acceleration: ``(kz, ky)``, each at least 1.

    Returns:
        Mask ``(kz, ky)``, bool.
    """
    z, y = (np.arange(n) % a == n // 2 % a for n, a in zip(shape, acceleration, strict=True))
    return z[:, None] & y[None, :]


def variable_density(shape: Shape, acceleration: float, *, rng: np.random.Generator) -> np.ndarray:
    """A random choice of n / ``acceleration`` lines, denser towards k = 0.

    Lines are drawn without replacement with probability ∝ (1 − |k| / k_max)² + 0.05.

    Args:
        shape: lines ``(kz, ky)``.
        acceleration: at least 1.
        rng: source of randomness.

    Returns:
        Mask ``(kz, ky)``, bool.

    Source: Lustig, Donoho and Pauly, Magn Reson Med 58:1182 (2007).
    """
    axes = [(np.arange(n) - n // 2) / max(n / 2, 1) for n in shape]
    k = np.sqrt(axes[0][:, None] ** 2 + axes[1][None, :] ** 2)
    weight = np.clip(1 - k / k.max(initial=1e-9), 0, None) ** 2 + 0.05
    n_lines = max(round(weight.size / acceleration), 1)
    mask = np.zeros(weight.size, bool)
    mask[rng.choice(weight.size, n_lines, replace=False, p=(weight / weight.sum()).ravel())] = True
    return mask.reshape(shape)


def partial_fourier(shape: Shape, fraction: float) -> np.ndarray:
    """The late ``fraction`` of the ky lines: the first ones are never measured.

    Args:
        shape: lines ``(kz, ky)``.
        fraction: from above ½ to 1.

    Returns:
        Mask ``(kz, ky)``, bool.

    Raises:
        ValueError: the fraction leaves out k = 0, or is above 1.
    """
    if not 0.5 < fraction <= 1:
        raise ValueError(f"partial Fourier measures more than half of k-space and at most all, not {fraction}")
    n_skipped = min(int(shape[1] * (1 - fraction) + 1e-9), shape[1] // 2)
    mask = np.ones(shape, bool)
    mask[:, :n_skipped] = False
    return mask


def central_block(shape: Shape, n_lines: int) -> np.ndarray:
    """The ``n_lines`` central lines on each axis, all of a shorter axis; ``n // 2`` is their index ``n_lines // 2``.

    Args:
        shape: lines ``(kz, ky)``.
        n_lines: size of the block; 0 gives none.

    Returns:
        Mask ``(kz, ky)``, bool.
    """
    inside = []
    for n in shape:
        index = np.arange(n) - n // 2 + n_lines // 2
        inside.append((index >= 0) & (index < n_lines) if n > 1 else np.full(n, n_lines > 0))
    return inside[0][:, None] & inside[1][None, :]
