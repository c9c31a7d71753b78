"""Losses that compare image and truth voxel by voxel."""

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


def l1(image: Tensor, truth: Tensor) -> Tensor:
    """Mean of |x − t| in SNR units; √(π/2) where x is the truth with the noise of one fully sampled channel.

    Args:
        image: complex ``(batch, z, y, x)``, SNR units.
        truth: complex, same shape and unit.
    """
    return (image - truth).abs().mean()


def l2(image: Tensor, truth: Tensor) -> Tensor:
    """Mean of ½|x − t|² in SNR units; 1 where x is the truth with the noise of one fully sampled channel.

    Args:
        image: complex ``(batch, z, y, x)``, SNR units.
        truth: complex, same shape and unit.
    """
    difference = image - truth
    return 0.5 * (difference.real.square() + difference.imag.square()).mean()


def l1_relative(image: Tensor, truth: Tensor) -> Tensor:
    """Mean of |x − t| / max|t|, the maximum of each scan: L1 of images that span 0 to 1, as in SRGAN and ESRGAN.

    Args:
        image: complex ``(batch, z, y, x)``, any unit.
        truth: complex, same shape and unit.
    """
    return ((image - truth) / peak(truth)).abs().mean()


def peak(truth: Tensor) -> Tensor:
    """Largest magnitude of each scan, float ``(batch, 1, …)``; 1 where the scan is empty."""
    largest = truth.detach().abs().amax(tuple(range(1, truth.ndim)), keepdim=True)
    return largest.where(largest > 0, largest.new_ones(()))
