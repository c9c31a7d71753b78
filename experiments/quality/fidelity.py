"""Does the network keep what was measured? Low-passed differences, bright structures, and phases of several wraps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from experiments.quality.real_data import RealSlice, brain_files
from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.classical import adjoint
from pirecon.methods import Method, choose_method

RESOLUTION = 8e-3  # m, full width at half maximum of the low-pass
REPLICAS = 64
REGION_SHARE = 0.9  # of its peak: where a bright region ends
SMALLEST_REGION = 1.2e-4  # m²; a region is at least so large
BRAIN_DEPTH = 15e-3  # m from the head's surface, so that scalp and skull are no lesions
AIR_DISTANCE = 15e-3  # m from the head: beyond the low-pass's tails
SEED = 50
PLANE = (-2, -1)


@dataclass(frozen=True)
class SliceFidelity:
    """One slice.

    Attributes:
        chi2: of the low-passed difference inside the head.
        air: noise of the low-passed zero-filled image as found in the air, over that of the pseudo-replicas.
        ratio: of the bright region's means.
        ratio_error: standard deviation of ``ratio`` by the noise of the zero-filled image.
    """

    chi2: float
    air: float
    ratio: float
    ratio_error: float


def fidelity(checkpoint: str) -> dict[str, dict[str, float]]:
    """By file: χ² and ratio of the brightest regions' means, on average over the slices and in the worst slice."""
    solve = choose_method("unrolled", checkpoint=checkpoint)
    found = {}
    for file in brain_files():
        edges = file.measurement.kspace.geometry.voxel_size[1:]
        slices = [slice_fidelity(slice_, solve, edges) for slice_ in file.slices]
        worst = max(slices, key=lambda s: abs(s.ratio - 1))
        found[file.name] = {
            "chi2": fmean(s.chi2 for s in slices),
            "chi2 worst": max(s.chi2 for s in slices),
            "air": fmean(s.air for s in slices),
            "chi2 air": fmean(s.chi2 / s.air**2 for s in slices),
            "chi2 air worst": max(s.chi2 / s.air**2 for s in slices),
            "ratio": fmean(s.ratio for s in slices),
            "ratio worst": worst.ratio,
            "ratio error": worst.ratio_error,
        }
    return found


def slice_fidelity(slice_: RealSlice, solve: Method, edges: tuple[float, float]) -> SliceFidelity:
    """Compare a method with the zero-filled image of the same samples.

    Args:
        slice_: all samples.
        solve: the method.
        edges: voxel edges (y, x), m.
    """
    image = solve(slice_.samples, slice_.E)
    reference = adjoint(slice_.samples, slice_.E) * brightening(slice_)
    smooth = low_pass(reference, edges)
    noise = low_passed_noise(slice_, edges)
    head, brain = head_and_brain(smooth[0].abs(), edges)
    difference = low_pass(image - reference, edges)
    chi2 = float((difference.abs().square() / (2 * noise.square()))[0][head].mean())
    air = float((smooth.abs().square() / (2 * noise.square()))[0][air_around(head, edges)].mean().sqrt())
    region = bright_region(smooth[0].abs(), brain, edges)
    # The part in phase with the low-passed image has no noise bias, as a magnitude would.
    phase = torch.polar(torch.ones_like(smooth.real), -smooth.angle())
    means = [float((x * phase).real[0][region].mean()) for x in (image, reference)]
    return SliceFidelity(chi2, air, means[0] / means[1], 1 / math.sqrt(int(region.sum())) / means[1])


def brightening(slice_: RealSlice) -> Tensor:
    """1 / Σ|c|², ``(z, y, x)``: not 1 where columns with interference are believed less, which darkens E.H y there."""
    power = slice_.E.maps.abs().square().sum(-4)
    return torch.where(power > 0, 1 / power.clamp_min(torch.finfo(power.dtype).tiny), 0)


def low_pass(image: Tensor, edges: tuple[float, float]) -> Tensor:
    """Convolve ``(*batch, y, x)`` with a Gaussian of 8 mm full width at half maximum, by a product in k-space."""
    gain = _gaussian(image.shape[-2], edges[0])[:, None] * _gaussian(image.shape[-1], edges[1])
    return centred_ifft(gain * centred_fft(image, PLANE), PLANE)


def _gaussian(n: int, edge: float) -> Tensor:
    sigma = RESOLUTION / math.sqrt(8 * math.log(2))
    k = (torch.arange(n) - n // 2) / (n * edge)  # cycles / m
    return torch.exp(-2 * (math.pi * sigma * k) ** 2)


def low_passed_noise(slice_: RealSlice, edges: tuple[float, float]) -> Tensor:
    """Standard deviation (real and imaginary part each) of the low-passed zero-filled image, by pseudo-replica.

    Source: Robson et al., Magn Reson Med 60:895 (2008).
    """
    generator = torch.Generator().manual_seed(SEED)
    shape = (REPLICAS, *slice_.samples.shape, 2)
    noise = torch.view_as_complex(torch.randn(shape, generator=generator)) * (slice_.E.weights > 0)
    factor = _adjoint_factor(slice_)
    replicas = low_pass(factor * slice_.E.adjoint(noise) * brightening(slice_), edges)
    return (replicas.abs().square().mean(0) / 2).sqrt()


def _adjoint_factor(slice_: RealSlice) -> float:
    """The one factor by which ``adjoint`` scales E.H y, from the data, not from noise."""
    plain = slice_.E.adjoint(slice_.samples)
    return float(adjoint(slice_.samples, slice_.E).abs().sum() / plain.abs().sum())


def head_and_brain(smooth: Tensor, edges: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Masks ``(y, x)`` from the low-passed magnitude: the largest filled region above 15 % of the 99th percentile, and
    what lies at least 15 mm inside it."""
    level = 0.15 * float(np.percentile(smooth.numpy(), 99))
    labels, _ = ndimage.label(smooth.numpy() > level)
    head = ndimage.binary_fill_holes(labels == np.bincount(labels.ravel())[1:].argmax() + 1)
    depth = ndimage.distance_transform_edt(np.pad(head, 1), sampling=edges)[1:-1, 1:-1]
    return torch.from_numpy(head), torch.from_numpy(depth >= BRAIN_DEPTH)


def air_around(head: Tensor, edges: tuple[float, float]) -> Tensor:
    """What lies at least 15 mm outside the head, ``(y, x)``."""
    return torch.from_numpy(ndimage.distance_transform_edt(~head.numpy(), sampling=edges) >= AIR_DISTANCE)


def bright_region(smooth: Tensor, brain: Tensor, edges: tuple[float, float]) -> Tensor:
    """The compact region about the brightest voxel of the brain: above 90 % of it, or as much lower as 1.2 cm² need."""
    inside = torch.where(brain, smooth, 0).numpy()
    peak = np.unravel_index(inside.argmax(), inside.shape)
    share = REGION_SHARE
    while True:
        labels, _ = ndimage.label(inside >= share * inside[peak])
        region = labels == labels[peak]
        if region.sum() * edges[0] * edges[1] >= SMALLEST_REGION or share < 0.3:
            return torch.from_numpy(region)
        share -= 0.02
