"""One simulated scan of an image: truth, coils, phase, sampling, noise, in SNR units.

The image is rendered finer than it is reconstructed and cut in k-space, so that the truth has the ringing and partial
volume of real data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import torch
from torch import Tensor

from bloch.receiver import loop_array, sensitivities
from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.encoding import CartesianSense
from pirecon.training.scans.scan_range import SMALLEST_MATRIX

Rng = np.random.Generator
Direction = tuple[float, float, float]
B0_DIRECTIONS: tuple[Direction, Direction] = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0))  # a solenoid and a permanent magnet


@dataclass(frozen=True)
class Scan:
    """What a network is given and what it should find.

    Attributes:
        kspace: weighted samples with noise of standard deviation 1, ``(coil, kz, ky, kx)`` complex64; kz = 1 in 2D.
        maps: sensitivities, ``(coil, z, y, x)`` complex64.
        weights: 1 where measured, ``(1, kz, ky, kx)`` float32.
        truth: noise-free image on the reconstruction grid, SNR units, ``(z, y, x)`` complex64.
    """

    kspace: Tensor
    maps: Tensor
    weights: Tensor
    truth: Tensor


def random_matrix(sizes: Sequence[int], rng: Rng) -> tuple[int, int]:
    """A reconstruction matrix (y, x): one axis has one of ``sizes``, the other up to a quarter more, in steps of 8."""
    short = int(rng.choice(sizes))
    long = int(8 * round(short * rng.uniform(1.0, 1.25) / 8))
    return (short, long) if rng.choice((-1, 1)) > 0 else (long, short)


def object_level(magnitude: Tensor) -> Tensor:
    """Mean of a magnitude image over the object, which is what lies above a tenth of the maximum; NaN for all zeros."""
    return magnitude[magnitude > 0.1 * magnitude.max()].mean()


def bandlimited(image: Tensor, matrix: Sequence[int]) -> Tensor:
    """Cut a finely rendered image ``(y, x)`` or ``(z, y, x)`` to ``matrix`` in k-space, keeping its values' scale."""
    axes = tuple(range(-len(matrix), 0))
    scale = (prod(matrix) / image.numel()) ** 0.5
    kspace = centred_fft(image.to(torch.complex64), axes)
    return scale * centred_ifft(crop_or_pad_centre(kspace, matrix), axes)


def random_phase(shape: Sequence[int], rng: Rng, *, largest_wraps: float = 6.0) -> Tensor:
    """A phasor of smooth object phase and, mostly, a linear phase of up to ``largest_wraps`` turns a field of view.

    Args:
        shape: voxels ``(y, x)`` or ``(z, y, x)``.
        rng: draws it.
        largest_wraps: turns along each axis, at most.
    """
    n_axes = len(shape)
    places = [torch.linspace(-1, 1, n).reshape(-1, *[1] * (n_axes - 1 - a)) for a, n in enumerate(shape)]
    phase = torch.full(tuple(shape), float(rng.uniform(-np.pi, np.pi)))
    if rng.random() < 0.7:
        slope = np.pi * rng.uniform(-1, 1, n_axes) * rng.uniform(0, largest_wraps)
        for turn, place in zip(slope, places, strict=True):
            phase = phase + float(turn) * place
    strength = rng.uniform(0, 1.5)
    for powers in sorted(product(range(3, -1, -1), repeat=n_axes), key=sum):  # x², xy, y², x³, …
        if sum(powers) in (2, 3):
            term = float(strength * rng.normal()) * places[0] ** powers[0]
            for place, power in zip(places[1:], powers[1:], strict=True):
                term = term * place**power
            phase = phase + term
    nodes = int(rng.integers(3, 9))
    bumps = torch.from_numpy(rng.normal(0, rng.uniform(0, 1), (1, 1, *[nodes] * n_axes)).astype(np.float32))
    phase = phase + smooth_between(bumps, shape)[0, 0]
    return torch.polar(torch.ones(tuple(shape)), phase)


def smooth_between(nodes: Tensor, shape: Sequence[int]) -> Tensor:
    """Cubic interpolation between nodes ``(batch, channel, *grid)`` of 2 or 3 axes; the outer ones lie on the edge."""
    if len(shape) == 2:
        return torch.nn.functional.interpolate(nodes, tuple(shape), mode="bicubic", align_corners=True)
    planes = smooth_between(nodes.flatten(1, 2), shape[1:]).unflatten(1, nodes.shape[1:3])  # (batch, channel, z, y, x)
    upright = planes.transpose(2, 3).flatten(1, 2)  # (batch, channel · y, z, x)
    return smooth_between(upright, (shape[0], shape[2])).unflatten(1, (nodes.shape[1], shape[1])).transpose(2, 3)


def rough_phase(magnitude: Tensor, rng: Rng) -> Tensor:
    """A phasor that follows the tissue (chemical shift, susceptibility) and varies within a few voxels, in 2D or 3D."""
    nodes = [max(4, int(n / rng.uniform(2, 10))) for n in magnitude.shape]
    bumps = torch.from_numpy(rng.normal(0, rng.uniform(0, 0.8), (1, 1, *nodes)).astype(np.float32))
    fine = smooth_between(bumps, magnitude.shape)[0, 0]
    phase = fine + float(rng.uniform(-2, 2)) * magnitude / magnitude.max().clamp_min(1e-6)
    return torch.polar(torch.ones_like(phase), phase)


def modulate_lines(image: Tensor, rng: Rng) -> Tensor:
    """Give the phase-encode lines (ky) of a complex image ``(…, y, x)`` a random smooth course of gain and phase.

    Echo trains, drift and filters do that; it breaks the conjugate symmetry that a smooth object phase implies.
    """
    n_nodes = int(rng.integers(4, 24))
    spread = (rng.uniform(0, 0.8), rng.uniform(0, 0.6))
    nodes = np.stack([rng.normal(0, s, n_nodes) for s in spread]).astype(np.float32)
    log_gain, phase = torch.nn.functional.interpolate(
        torch.from_numpy(nodes)[None], image.shape[-2], mode="linear", align_corners=True
    )[0]
    return centred_ifft(centred_fft(image, (-2,)) * torch.polar(log_gain.exp(), phase)[:, None], (-2,))


def random_coils(n_coils: int, shape: Sequence[int], rng: Rng) -> Tensor:
    """Biot–Savart sensitivities of a jittered loop array, on a random plane or box, mean root-sum-of-squares 1.

    One coil is a volume coil: unit map, its phase is left to the image.

    Args:
        n_coils: number of coils.
        shape: voxels ``(y, x)`` or ``(z, y, x)``.
        rng: draws array and place.

    Returns:
        complex64 ``(coil, *shape)``.
    """
    if n_coils == 1:
        return torch.ones(1, *shape, dtype=torch.complex64)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    head_radius, distance = rng.uniform(0.10, 0.13), rng.uniform(0.02, 0.05)
    array = loop_array(n_coils, head_radius=head_radius, distance=distance, generator=generator)
    points, B0_direction = _random_plane(rng) if len(shape) == 2 else _random_box(rng)
    fields = torch.view_as_real(sensitivities(array, points, B0_direction=B0_direction))
    fine = smooth_between(fields.movedim(-1, 1).to(torch.float32), shape)
    maps = torch.complex(fine[:, 0], fine[:, 1])
    return maps / maps.abs().square().sum(0).sqrt().mean()


def _random_plane(rng: Rng) -> tuple[Tensor, Direction]:
    """Points ``(y, x, 3)``, m, and the direction of B0."""
    coarse = 40
    half = rng.uniform(0.09, 0.125)  # half the field of view, m
    v, u = torch.meshgrid(*(torch.linspace(-half, half, coarse, dtype=torch.float64),) * 2, indexing="ij")
    w = torch.full_like(u, rng.uniform(-0.04, 0.04))
    B0_direction = B0_DIRECTIONS[rng.integers(2)]
    plane = ((u, v, w), (u, w, v), (w, u, v))[rng.choice(3, p=(0.7, 0.15, 0.15))]
    return torch.stack(plane, -1), B0_direction


def _random_box(rng: Rng) -> tuple[Tensor, Direction]:
    """Points ``(z, y, x, 3)``, m, and the direction of B0: head or slab, the first axis any of three."""
    coarse = 14
    half = rng.uniform(0.05, 0.11, 3)
    reach = 0.11 - half
    axes = [
        torch.linspace(c - h, c + h, coarse, dtype=torch.float64)
        for c, h in zip(rng.uniform(-reach, reach), half, strict=True)
    ]
    w, v, u = torch.meshgrid(*axes, indexing="ij")
    B0_direction = B0_DIRECTIONS[rng.integers(2)]
    box = ((u, v, w), (u, w, v), (w, u, v))[rng.choice(3, p=(0.6, 0.2, 0.2))]
    return torch.stack(box, -1), B0_direction


def random_lines(n_lines: int, acceleration: float, rng: Rng) -> np.ndarray:
    """Which phase-encode lines are measured: equispaced, uniform or variable density, with calibration lines.

    Args:
        n_lines: of the full matrix.
        acceleration: n_lines over the number measured, about; partial Fourier counts towards it.

    Returns:
        bool ``(n_lines,)``.
    """
    index = np.arange(n_lines) - n_lines // 2
    if acceleration < 1.05:
        return np.ones(n_lines, bool)
    budget = n_lines / acceleration
    n_centre = min(int(rng.integers(8, 33)), int(0.7 * budget))
    centre = (index >= -(n_centre // 2)) & (index < n_centre - n_centre // 2)
    allowed = np.ones(n_lines, bool)
    if rng.random() < 0.25:  # partial Fourier, at either end
        allowed = index * rng.choice((-1, 1)) >= -rng.uniform(0.1, 0.4) * n_lines
    n_more = round(budget - n_centre)
    kind = rng.integers(3)
    if kind == 0:
        spacing = max(1, int(np.ceil((allowed & ~centre).sum() / max(n_more, 1))))
        return centre | (allowed & ((index - rng.integers(spacing)) % spacing == 0))
    density = np.ones(n_lines) if kind == 1 else (1 - 0.95 * np.abs(index) / (n_lines / 2 + 1)) ** rng.uniform(0.5, 3)
    density = density * (allowed & ~centre)
    chosen = rng.choice(n_lines, min(n_more, int((density > 0).sum())), replace=False, p=density / density.sum())
    lines = centre.copy()
    lines[chosen] = True
    return lines


def window(matrix: tuple[int, int], ratio: tuple[float, float]) -> tuple[int, int]:
    """Acquired matrix for a reconstruction ``matrix`` that is finer by ``ratio`` on each axis."""
    y, x = (max(SMALLEST_MATRIX, round(n / r)) for n, r in zip(matrix, ratio, strict=True))
    return y, x


def scan_image(
    image: Tensor,
    maps: Tensor,
    lines: np.ndarray,
    *,
    acquired_columns: int,
    snr: float,
    rng: Rng,
    lost_share: float = 0.0,
) -> Scan:
    """Measure a complex image with given coils and lines at a voxel SNR.

    Args:
        image: object seen by a perfect coil, complex ``(y, x)``; any scale.
        maps: ``(coil, y, x)``.
        lines: bool ``(ky,)``: measured lines of the acquired matrix.
        acquired_columns: kx of the acquired matrix.
        snr: :func:`object_level` over the noise's standard deviation per real and imaginary part, of the fully sampled
            coil-combined image at the acquired resolution.
        rng: draws the noise.
        lost_share: of the samples outside the central 16 × 16 that are lost at random.

    Returns:
        Scan with maps of unit root-sum-of-squares; their common factor goes to the truth.
    """
    acquired = (1, len(lines), acquired_columns)
    weights = torch.from_numpy(lines.astype(np.float32))[None, None, :, None].expand(1, *acquired).contiguous()
    if lost_share > 0:
        weights = lose_samples(weights, lost_share, rng)
    return scan_volume(image[None], maps[:, None], weights, snr=snr, rng=rng)


def scan_volume(image: Tensor, maps: Tensor, weights: Tensor, *, snr: float, rng: Rng) -> Scan:
    """Measure a complex image ``(z, y, x)`` with maps ``(coil, z, y, x)`` where ``weights`` ``(1, kz, ky, kx)`` is 1.

    The other arguments and the result are those of :func:`scan_image`.
    """
    combined = maps.abs().square().sum(0).sqrt()
    truth = image * combined
    # A grid finer than acquired shares the samples' noise among more voxels.
    finer = (image.numel() / weights.numel()) ** 0.5
    truth = truth * (snr / (finer * object_level(truth.abs())))
    unit_maps = maps / combined
    return Scan(measure(truth, unit_maps, weights, rng), unit_maps, weights, truth)


def lose_samples(weights: Tensor, share: float, rng: Rng) -> Tensor:
    """``weights`` ``(1, kz, ky, kx)`` without a random share of the samples outside the central 16 on each axis."""
    kept = rng.random(tuple(weights.shape[1:]), dtype=np.float32) >= share
    kept[tuple(slice(max(n // 2 - 8, 0), n // 2 + 8) for n in kept.shape)] = True
    return weights * torch.from_numpy(kept)


def measure(truth: Tensor, maps: Tensor, weights: Tensor, rng: Rng) -> Tensor:
    """Samples ``E truth + weights · n`` with noise of standard deviation 1, ``(coil, kz, ky, kx)``."""
    noise = rng.standard_normal((maps.shape[0], *weights.shape[-3:], 2), dtype=np.float32)
    return CartesianSense(maps, weights)(truth) + weights * torch.view_as_complex(torch.from_numpy(noise))
