"""Training losses."""

from __future__ import annotations

from torch import Tensor


def log_squared_error(image: Tensor, truth: Tensor) -> Tensor:
    """Mean over the batch of ½ ln MSE(complex) + ½ ln MSE(magnitude): the PSNR that is reported, up to a factor.

    Each scan counts by its relative, not its absolute error, so that scans of SNR 2 and of SNR 40 pull alike.

    Args:
        image: complex ``(batch, z, y, x)``.
        truth: complex, same shape.
    """
    axes = tuple(range(1, image.ndim))
    difference = image - truth
    as_complex = (difference.real.square() + difference.imag.square()).mean(axes)
    as_magnitude = (image.abs() - truth.abs()).square().mean(axes)
    return 0.5 * (as_complex.log() + as_magnitude.log()).mean()
