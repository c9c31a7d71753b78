"""Structural similarity as a differentiable loss."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.training.losses.pixelwise import peak

SIGMA, RADIUS = 1.5, 5  # voxels: an 11 × 11 window
K1, K2 = 0.01, 0.03


def ssim_loss(image: Tensor, truth: Tensor) -> Tensor:
    """1 − SSIM of the magnitudes, the mean over every 11 × 11 window that lies inside the image.

    SSIM = (2 μx μt + (K₁ L)²) (2 σxt + (K₂ L)²) / ((μx² + μt² + (K₁ L)²) (σx² + σt² + (K₂ L)²)), local means and
    covariances under a Gaussian of σ = 1.5 voxels, L = max|t| of each scan: what ``pirecon.report.ssim`` measures.

    Args:
        image: complex ``(batch, z, y, x)``, y and x at least 11.
        truth: complex, same shape.

    Raises:
        ValueError: the planes are smaller than the window.

    Source: Wang Z. et al., IEEE Trans Image Process 13:600 (2004), equation 13; as a loss: Zhao H. et al.,
    IEEE Trans Comput Imaging 3:47 (2017).
    """
    if min(image.shape[-2:]) < 2 * RADIUS + 1:
        raise ValueError(
            f"the SSIM loss needs planes of at least 11 × 11 voxels, but the image has shape {tuple(image.shape)}"
        )
    scale = peak(truth)
    x, t = ((a.abs() / scale).reshape(-1, 1, *a.shape[-2:]) for a in (image, truth))
    moments = _window_mean(torch.cat((x, t, x * x, t * t, x * t), dim=1))
    mean_x, mean_t, xx, tt, xt = moments.unbind(1)
    luminance = (2 * mean_x * mean_t + K1**2) / (mean_x.square() + mean_t.square() + K1**2)
    covariance = xt - mean_x * mean_t
    variances = xx - mean_x.square() + tt - mean_t.square()
    return 1 - (luminance * (2 * covariance + K2**2) / (variances + K2**2)).mean()


def _window_mean(x: Tensor) -> Tensor:
    """Gaussian mean of each channel ``(batch, channel, y, x)``, without the rim where the window leaves the image."""
    offset = torch.arange(-RADIUS, RADIUS + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (offset / SIGMA) ** 2)
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    x = torch.nn.functional.conv2d(x, kernel[..., None], groups=x.shape[1])
    return torch.nn.functional.conv2d(x, kernel[:, :, None], groups=x.shape[1])
