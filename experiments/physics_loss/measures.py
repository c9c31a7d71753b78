"""How much a reconstruction finds again, and how much it makes up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.encoding import CartesianSense

MEASURED = 0.05  # of the largest eigenvalue of E.H E: directions below are not measured
FLAT = 0.1  # of the steepest gradient of the truth
SPOT_SIZE = 1.5  # voxels, standard deviation of the smoothing: a spot, not a noisy voxel
SPOT_CONTRAST = 0.15  # of the head's mean signal
VISIBLE = 0.1  # of the head's mean signal: contrast of a lesion that is worth asking for


@dataclass(frozen=True)
class Invention:
    """Of one image.

    Attributes:
        recovered: share of the truth's unmeasured part that the image has.
        invented: what else the image holds there, over the truth's unmeasured part, both as norms.
        false_edges: gradient energy where the truth is flat, over the truth's gradient energy in the head.
        spots: blobs brighter or darker than the truth where it is flat.
    """

    recovered: float
    invented: float
    false_edges: float
    spots: float


def unmeasured(images: Tensor, E: CartesianSense) -> Tensor:
    """ε (E.H E + ε)⁻¹ x by conjugate gradients: what of x the samples say nothing of.

    Args:
        images: complex ``(scan, z, y, x)``.
        E: of these scans; coil maps of unit norm.
    """
    return MEASURED * conjugate_gradient(E.normal, images, regularisation=MEASURED, n_iterations=30, n_axes=3)


def inventions(images: Tensor, truths: Tensor, E: CartesianSense) -> list[Invention]:
    """Of every image ``(scan, z, y, x)``; those without an unmeasured part (full sampling) are left out."""
    parts = zip(unmeasured(images, E), unmeasured(truths, E), images.abs().numpy(), truths.abs().numpy(), strict=True)
    found = []
    for hidden, true, image, truth in parts:
        power = float(true.abs().square().sum())
        if power < 1e-6 * float(np.square(truth).sum()):
            continue
        recovered = float((true.conj() * hidden).sum().real) / power
        rest = float((hidden - recovered * true).abs().square().sum())
        found.append(Invention(recovered, (rest / power) ** 0.5, *_flat_places(image[0], truth[0])))
    return found


def lesion_kept(images: tuple[Tensor, Tensor], truths: tuple[Tensor, Tensor]) -> list[float]:
    """Σ Δx Δt / Σ Δt² of magnitudes with and without lesion, 1 where it is shown in full, 0 where it is gone.

    Args:
        images: of the head with and without lesion, in one unit, ``(scan, z, y, x)``.
        truths: same.

    Returns:
        One number for each scan whose truth shows the lesion.
    """
    found = []
    for x, without, t, healthy in zip(*images, *truths, strict=True):
        change, shown = t.abs() - healthy.abs(), x.abs() - without.abs()
        head = healthy.abs() > 0.1 * healthy.abs().max()
        power = change.square().sum()
        lesion = change.abs() > 0.5 * change.abs().max()
        if change[lesion].abs().mean() > VISIBLE * healthy.abs()[head].mean() and lesion.sum() >= 4:
            found.append(float((shown * change).sum() / power))
    return found


def _flat_places(image: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """False edges and spots of magnitudes ``(y, x)``."""
    steep, steep_truth = _gradient(image), _gradient(truth)
    head = ndimage.binary_erosion(ndimage.binary_fill_holes(truth > 0.1 * truth.max()), iterations=2)
    flat = head & (steep_truth < FLAT * np.percentile(steep_truth, 99.5))
    false_edges = float(np.square(steep[flat]).sum() / np.square(steep_truth[head]).sum())
    error = ndimage.gaussian_filter(image - truth, SPOT_SIZE)
    spots = flat & (np.abs(error) > SPOT_CONTRAST * truth[head].mean())
    _, count = ndimage.label(spots)
    return false_edges, float(count)


def _gradient(image: np.ndarray) -> np.ndarray:
    return np.hypot(*np.gradient(image))
