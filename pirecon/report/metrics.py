"""How far an image is from the truth: PSNR, SSIM, NRMSE and steepness of edges, of magnitudes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

# Wang et al. 2004, section III-B: a circular Gaussian window of 11 × 11 pixels with σ = 1.5, K1 = 0.01, K2 = 0.03.
SSIM_SIGMA, SSIM_TRUNCATE, SSIM_WINDOW = 1.5, 3.5, 11
EDGE_SHARE = 0.05  # of the voxels: those where the truth is steepest


@dataclass(frozen=True)
class ImageMetrics:
    """PSNR in dB, SSIM (at most 1), NRMSE (0 for a perfect image) and sharpness of edges (1 for a perfect image)."""

    psnr: float
    ssim: float
    nrmse: float
    sharpness: float


def image_metrics(image: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> ImageMetrics:
    """All of them in one go; see :func:`psnr`, :func:`ssim`, :func:`nrmse` and :func:`edge_sharpness`."""
    return ImageMetrics(
        psnr=psnr(image, truth, mask=mask),
        ssim=ssim(image, truth, mask=mask),
        nrmse=nrmse(image, truth, mask=mask),
        sharpness=edge_sharpness(image, truth, mask=mask),
    )


def psnr(image: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio 10 log10(L² / mean((|x| − |t|)²)), L = max |t|, in dB.

    Args:
        image: complex or real, any shape.
        truth: of the same shape.
        mask: bool, broadcasts to that shape; mean and maximum are taken where it is true.

    Returns:
        dB; infinite where image and truth are equal.

    Raises:
        ValueError: the shapes differ, the mask is empty, or the truth is zero throughout.
    """
    x, t, inside = _magnitudes(image, truth, mask)
    mean_square = float(np.mean((x - t)[inside] ** 2))
    return math.inf if mean_square == 0 else 10 * math.log10(float(t[inside].max()) ** 2 / mean_square)


def nrmse(image: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> float:
    """Normalised root-mean-square error ‖|x| − |t|‖₂ / ‖|t|‖₂.

    Args, Raises: as :func:`psnr`.

    Returns:
        0 for a perfect image, 1 for an empty one.
    """
    x, t, inside = _magnitudes(image, truth, mask)
    return float(np.linalg.norm((x - t)[inside]) / np.linalg.norm(t[inside]))


def ssim(image: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> float:
    """Structural similarity of 2D planes, averaged over the voxels of all planes.

    (2 μx μt + (0.01 L)²) (2 σxt + (0.03 L)²) / ((μx² + μt² + (0.01 L)²) (σx² + σt² + (0.03 L)²)), with the local means
    and covariances under a Gaussian of σ = 1.5 pixels, and L = max |t| of the whole volume, not of each plane. The
    outer 5 pixels, where the window leaves the image, do not count unless a mask asks for them.

    Args:
        image: complex or real ``(*batch, y, x)``, at least 11 × 11.
        truth: of the same shape.
        mask: bool, broadcasts to that shape; the local similarity is averaged where it is true. L is taken there too.

    Returns:
        At most 1.

    Raises:
        ValueError: as :func:`psnr`; or the planes are smaller than the window.

    Source: Wang Z. et al., IEEE Trans Image Process 13:600 (2004), equation 13.
    """
    from skimage.metrics import structural_similarity

    x, t, inside = _magnitudes(image, truth, mask)
    if x.ndim < 2 or min(x.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs planes of at least 11 × 11 pixels, but the image has shape {x.shape}")
    local = np.empty_like(x)
    for plane in np.ndindex(x.shape[:-2]):
        _, local[plane] = structural_similarity(
            x[plane],
            t[plane],
            data_range=float(t[inside].max()),
            gaussian_weights=True,
            sigma=SSIM_SIGMA,
            truncate=SSIM_TRUNCATE,
            use_sample_covariance=False,
            full=True,
        )
    if mask is None:
        edge = SSIM_WINDOW // 2
        return float(local[..., edge:-edge, edge:-edge].mean())
    return float(local[inside].mean())


def edge_sharpness(image: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> float:
    """How steep the image is where the truth has edges: Σ ∇|x|·∇|t| / Σ |∇|t||² over the 5 % of steepest voxels.

    The regression of the image's gradient on the truth's: a blurred edge gives less than 1, noise does not change the
    expectation, an edge that is not there or lies elsewhere counts 0.

    Args, Raises: as :func:`psnr`; images are ``(*batch, y, x)``.

    Returns:
        1 for a perfect image, 0 for a flat one; nan where the truth is flat.
    """
    x, t, inside = _magnitudes(image, truth, mask)
    slopes, true_slopes = (np.stack(np.gradient(a, axis=(-2, -1))) for a in (x, t))
    steepness = np.square(true_slopes).sum(0)
    edges = inside & (steepness >= np.quantile(steepness[inside], 1 - EDGE_SHARE))
    total = float(steepness[edges].sum())
    return float((slopes * true_slopes).sum(0)[edges].sum()) / total if total > 0 else math.nan


def _magnitudes(image: Tensor, truth: Tensor, mask: Tensor | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Magnitudes in float64 and the mask, all of one shape."""
    if image.shape != truth.shape:
        raise ValueError(
            f"the image has shape {tuple(image.shape)}, the truth {tuple(truth.shape)}: they must be on the same grid; "
            "reconstruct on the truth's matrix"
        )
    x, t = (np.abs(a.detach().cpu().resolve_conj().numpy()).astype(np.float64) for a in (image, truth))
    inside = np.ones(t.shape, dtype=bool)
    if mask is not None:
        inside = np.broadcast_to(mask.detach().cpu().numpy().astype(bool), t.shape)
    if not inside.any() or not t[inside].any():
        raise ValueError(
            "the truth is zero throughout"
            + ("" if mask is None else " the mask, or the mask is empty")
            + ": errors relative to it have no meaning"
        )
    return x, t, inside
