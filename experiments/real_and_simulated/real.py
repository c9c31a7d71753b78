"""The real 0.055 T images in SNR units, and what the regions drawn by eye hold."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import scipy.ndimage as ndimage

from pirecon import calibrate, read_mrd, reconstruct

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
REGIONS = Path(__file__).with_name("regions.toml")
PATIENTS = ("7A", "S6A", "6A")
EDGE = 0.15
"""Of the head: a smoothed image above this share of its 99th percentile."""


def real_file(patient: str, contrast: str) -> Path:
    """The raw file of a patient."""
    return DATA / f"brain_0.055T_{patient}_{contrast}.h5"


def real_image(patient: str, contrast: str) -> np.ndarray:
    """Complex images in SNR units, ``(slice, line, sample)``; pirecon estimates the noise from the data."""
    image = reconstruct(read_mrd(real_file(patient, contrast)), method="adjoint").data
    return np.asarray(image[:, 0].numpy())


def region_values(patient: str, contrast: str, tissue: str, magnitude: np.ndarray) -> list[np.ndarray]:
    """Magnitudes in the regions of a tissue, one array for each region."""
    boxes = tomllib.loads(REGIONS.read_text(encoding="utf-8"))[patient][contrast][tissue]
    return [magnitude[s, a : b + 1, c : d + 1].ravel() for s, a, b, c, d in boxes]


def head(magnitude: np.ndarray) -> np.ndarray:
    """Mask of the head in one slice ``(line, sample)``: smoothed, above an edge, filled."""
    smooth = ndimage.uniform_filter(magnitude, 5)
    labels, n = ndimage.label(smooth > EDGE * np.percentile(smooth, 99))
    largest = 1 + int(np.argmax(ndimage.sum_labels(np.ones_like(labels), labels, np.arange(1, n + 1))))
    return np.asarray(ndimage.binary_fill_holes(labels == largest))


def median_snr(magnitudes: np.ndarray) -> float:
    """Median magnitude over the head, of all slices ``(slice, line, sample)``."""
    return float(np.median(np.concatenate([m[head(m)] for m in magnitudes])))


def air_level(images: np.ndarray) -> float:
    """Standard deviation of the real part in the image's corners: 1 where the noise was estimated well and is white."""
    n, m = (max(size // 8, 1) for size in images.shape[1:])
    corners = [images[:, a, b] for a in (slice(n), slice(-n, None)) for b in (slice(m), slice(-m, None))]
    return float(np.sqrt(np.mean([np.mean(np.abs(c) ** 2) for c in corners]) / 2))


def outer_line_noise(path: Path) -> float:
    """Noise of the outermost lines over that of the middle ones, in the outermost samples, which hold no signal.

    1 for a scan as it was measured; below 1 where k-space was filtered along the lines.
    """
    data = calibrate(read_mrd(path)).kspace.data.numpy()  # (slice, coil, kz, ky, kx)
    n_lines, n_samples = data.shape[-2:]
    rims = np.concatenate((data[..., : n_samples // 10], data[..., -(n_samples // 10) :]), axis=-1)
    power = (np.abs(rims) ** 2).mean(axis=(*range(data.ndim - 2), -1))
    outer = np.concatenate((power[: n_lines // 8], power[-(n_lines // 8) :])).mean()
    middle = power[n_lines // 4 : n_lines // 4 + n_lines // 8].mean()
    middle = (middle + power[-n_lines // 4 - n_lines // 8 : -n_lines // 4].mean()) / 2
    return float(np.sqrt(outer / middle))
