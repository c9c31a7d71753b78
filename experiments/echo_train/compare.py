"""Reconstruct with and without the evolution of the train, and measure errors and edges."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from experiments.echo_train.scans import N, Scan
from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.classical import cg_sense
from pirecon.encoding import CartesianSense, Evolution, Evolving, fit_relaxation, mapped_evolution, prior_evolution

NOISE_FREE = 100.0  # the scale of data without noise, as if the SNR were this
VARIANTS = ("without", "tissue prior", "T2 map", "T2 map, 2× grid", "true T2, 2× grid")


def complex_noise(shape: torch.Size, seed: int) -> Tensor:
    """Standard deviation 1 in both parts."""
    return torch.randn(*shape, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).view(
        torch.complex128
    )[..., 0]


def evolution_of(variant: str, scan: Scan, B0: float, contrasts: Tensor, kspace: Tensor) -> Evolution | None:
    """What E knows; contrasts are images ``(contrast, y, x)`` of the multi-echo scan, both in SNR units."""
    if variant == "without":
        return None
    if variant == "tissue prior":
        return prior_evolution(scan.train, B0, kspace=kspace)
    if "true" in variant:
        fitted = fit_relaxation(scan.decays[:, None].to(torch.complex128), scan.echo_times, noise_level=1e-3)
        return mapped_evolution(scan.train, fitted.T2, kspace=kspace)
    grid = (1, 2 * N, 2 * N) if "2×" in variant else (1, N, N)
    fine = centred_ifft(crop_or_pad_centre(centred_fft(contrasts[:, None], (-2, -1)), grid), (-2, -1))
    return mapped_evolution(scan.train, fit_relaxation(fine, scan.echo_times).T2, kspace=kspace)


def reconstructed(scan: Scan, B0: float, snr: float | None, network: nn.Module | None, variant: str) -> Tensor:
    """One image in units of the truth, complex ``(y, x)``, by CG or by the network."""
    scale = snr or NOISE_FREE
    y, contrasts = scale * scan.kspace, scale * scan.contrasts
    if snr is not None:
        y, contrasts = y + complex_noise(y.shape, 1), contrasts + complex_noise(contrasts.shape, 2)
    data = y.to(torch.complex64)[None, None]
    evolution = evolution_of(variant, scan, B0, contrasts, data)
    n = 2 * N if "2×" in variant else N
    E = CartesianSense(torch.ones(1, 1, n, n, dtype=torch.complex64), torch.ones(1, 1, N, N))
    operator = E if evolution is None else Evolving(E, evolution)
    with torch.no_grad():
        image = cg_sense(data, operator) if network is None else network(data, operator)
    kspace = crop_or_pad_centre(centred_fft(image[None], (-2, -1)), (1, N, N))
    return centred_ifft(kspace, (-2, -1))[0, 0] / scale


def error(image: Tensor, truth: Tensor, mask: Tensor | None = None) -> float:
    """NRMSE of magnitudes."""
    mask = torch.ones(image.shape, dtype=torch.bool) if mask is None else mask
    difference = (image.abs().double() - truth.abs())[mask]
    return float(difference.norm() / truth.abs()[mask].norm())


def edge_widths(image: Tensor) -> tuple[float, float]:
    """10-90 % widths along ky of the edges air/brain and brain/fluid of ``disc``, in pixels.

    The mean over the five middle columns, interpolated 16-fold by zero filling, with both edges of each kind.
    """
    profile = image.abs()[:, N // 2 - 2 : N // 2 + 3].mean(1).double()
    fine = centred_ifft(
        crop_or_pad_centre(centred_fft(profile.to(torch.complex128)[None, None, :, None], (-2,)), (1, 16 * N, 1)), (-2,)
    )[0, 0, :, 0].abs() * math.sqrt(16)  # fmt: skip

    def mean(low: float, high: float) -> float:
        r = (torch.arange(16 * N) / (8 * N) - 1).abs()
        return float(fine[(r > low) & (r < high)].mean())

    air, brain, fluid = mean(0.85, 0.97), mean(0.42, 0.58), mean(0.0, 0.18)
    outer = [_width(fine, centre, air, brain) for centre in (-0.7, 0.7)]
    inner = [_width(fine, centre, brain, fluid) for centre in (-0.3, 0.3)]
    return sum(outer) / 2, sum(inner) / 2


def _width(fine: Tensor, centre: float, low: float, high: float) -> float:
    """From the last sample below 10 % to the first above 90 %, going inwards over the edge, in pixels."""
    middle = round((centre + 1) * 8 * N)
    window = fine[middle - 16 * 8 : middle + 16 * 8]
    window = (window if centre < 0 else window.flip(0)) - low
    share = window / (high - low)
    half = int((share >= 0.5).nonzero()[0]) if bool((share >= 0.5).any()) else len(share) // 2
    above = (share[half:] >= 0.9).nonzero()
    below = (share[:half] <= 0.1).nonzero()
    first = half + int(above[0]) if len(above) else len(share)
    last = int(below[-1]) if len(below) else 0
    return (first - last) / 16
