"""Magnitudes of several stacks made comparable: their noise, its bias, their brightness."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pirecon.encoding.thick_slices import ThickSlices

BRIGHT = 0.15
"""Of the 99th percentile: what is brighter is object."""

FLOOR = 1e-3
"""Of the 99th percentile: no stack counts as less noisy than this, for no operator is better."""


def noise_level(stack: Tensor) -> float:
    """Standard deviation of the noise in the object, from the finest diagonal details.

        σ = median |d| / 0.6745,   d = (y00 − y01 − y10 + y11) / 2

    of squares of four voxels in the plane. Fine structure adds to it; noise that has been smoothed, as by a denoising
    reconstruction or interpolation, is underestimated.

    Args:
        stack: magnitudes, real ``(slice, z, y, x)``, at least two voxels along y and x.

    Returns:
        σ > 0, in the stack's unit.

    Raises:
        ValueError: nothing but zeros.

    Source: Donoho and Johnstone, Biometrika 81:425 (1994), section 4.3; Haar details.
    """
    white = float(torch.quantile(stack.flatten()[:: max(1, stack.numel() // 1_000_000)].double(), 0.99))
    white = white if white > 0 else float(stack.max())
    if not white > 0:
        raise ValueError("the stack holds nothing but zeros, so there is nothing to combine; is it the right file?")
    a, b, c, d = stack[..., :-1, :-1], stack[..., :-1, 1:], stack[..., 1:, :-1], stack[..., 1:, 1:]
    inside = torch.minimum(torch.minimum(a, b), torch.minimum(c, d)) > BRIGHT * white
    details = ((a - b - c + d) / 2).abs()
    details = details[inside] if bool(inside.any()) else details.flatten()
    return max(float(details.median()) / 0.6745 if details.numel() else 0.0, FLOOR * white)


def without_noise_bias(stack: Tensor, noise: float) -> Tensor:
    """|m|̂ = √max(|m|² − σ², 0): the magnitude of a complex signal is too large by about σ² / 2|m|.

    Args:
        stack: magnitudes of one channel, or of several that were combined with their sensitivities.
        noise: σ of the real and of the imaginary part.

    Returns:
        Shape of ``stack``.

    Source: Gudbjartsson H., Patz S., Magn Reson Med 34:910 (1995), equation 7.
    """
    return (stack.square() - noise**2).clamp_min(0).sqrt()


def brightness(stacks: Sequence[Tensor], operators: Sequence[ThickSlices]) -> tuple[list[float], list[float]]:
    """How bright each stack is beside those before it, and how much it resembles them, where they overlap.

    Every stack is spread over the volume, b = A.H y / A.H 1; the ratio is Σ b / Σ r with the mean r of those before,
    brought to the first one's brightness, over what is object in either: thickness moves signal about and keeps its
    sum. The resemblance is the correlation of b and r.

    Args:
        stacks: magnitudes, real ``(slice, z, y, x)``.
        operators: of one volume.

    Returns:
        Ratios and resemblances (−1 to 1); both 1 for the first stack.

    Raises:
        ValueError: a stack shares no place with those before it.
    """
    ratios, resemblances = [1.0], [1.0]
    total, known = torch.zeros(()), torch.zeros(())
    for number, (stack, A) in enumerate(zip(stacks, operators, strict=True)):
        weight = A.adjoint(torch.ones_like(stack)).clamp_min_(0)
        seen = weight > 0.1 * weight.amax()
        spread = torch.where(seen, A.adjoint(stack) / weight.clamp_min(1e-12), 0.0)
        if number == 0:
            total, known = spread, seen.to(stack.dtype)
            continue
        both = seen & (known > 0)
        reference = (total / known.clamp_min(1))[both]
        mine = spread[both]
        bright = (reference > BRIGHT * reference.amax()) | (mine > BRIGHT * mine.amax()) if mine.numel() else both[both]
        sums = [float(v[bright].double().sum()) for v in (mine, reference)]
        if int(both.sum()) < 0.02 * int(seen.sum()) or not min(sums) > 0:
            raise ValueError(
                f"stack {number + 1} does not overlap with those before it: they share {int(both.sum())} of its "
                f"{int(seen.sum())} voxels, {int(bright.sum())} of them in the object. Are all of the same patient and "
                "session, and are the positions right?"
            )
        ratio = sums[0] / sums[1]
        ratios.append(ratio)
        resemblances.append(float(torch.corrcoef(torch.stack([mine, reference]).double())[0, 1]))
        total, known = total + spread / ratio, known + seen
    return ratios, resemblances
