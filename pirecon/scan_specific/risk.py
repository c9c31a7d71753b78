"""Stein's unbiased estimate of the error in the measured samples, whose noise is known."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def stein_risk(
    predict: Callable[[Tensor], Tensor],
    kspace: Tensor,
    *,
    prediction: Tensor,
    density: Tensor,
    step: float,
    n_axes: int = 3,
    generator: torch.Generator | None = None,
) -> Tensor:
    """SURE = Σ d|h(y) − y|² − 2 Σ d + 2 div(d h)(y), an unbiased estimate of Σ d |h(y) − μ|².

    y = μ + n with independent noise of variance 1 in the real and 1 in the imaginary part of each measured sample, as
    SNR units have it; d weighs the samples. The divergence is that of real and imaginary part,
    div f ≈ Re⟨b, f(y + ε b) − f(y)⟩ / ε with one draw of signs b.

    Args:
        predict: h, the samples that the image reconstructed from y explains.
        kspace: y, complex ``(*batch, coil, *samples)``.
        prediction: h(y), same shape.
        density: d, real ``(*batch, 1, *samples)``; 0 where nothing was measured.
        step: ε, in standard deviations of the noise.
        n_axes: of the samples.
        generator: of b, on the CPU; None for torch's own.

    Returns:
        SURE / Σ 2d of each scan, real ``(*batch)``: 1 for h(y) = y, 0 for h(y) = μ. Single draws can be negative.

    Source: Stein C. M., Ann Stat 9:1135 (1981); Monte-Carlo divergence: Ramani S. et al., IEEE Trans Image
    Process 17:1540 (2008).
    """
    probe = _signs(kspace, generator) * (density > 0)
    change = (predict(kspace + step * probe) - prediction) / step
    residual = prediction - kspace
    axes = tuple(range(-n_axes - 1, 0))
    misfit = (density * (residual.real.square() + residual.imag.square())).sum(axes)
    divergence = (density * (probe.real * change.real + probe.imag * change.imag)).sum(axes)
    noise = (density.expand(kspace.shape)).sum(axes)
    return (misfit - 2 * noise + 2 * divergence) / (2 * noise)


def _signs(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """±1 in the real and in the imaginary part."""
    # Drawn on the CPU: the same on every device.
    signs = 2.0 * torch.randint(2, (*like.shape, 2), generator=generator) - 1
    return torch.view_as_complex(signs).to(like)
