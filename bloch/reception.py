"""From ideal signals to what the channels record: gains, thermal noise, and the SNR that results."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.receiver import correlated_noise

TRUTH = {
    "image": "complex (slice, z, y, x): one ideal coil, every line, no noise; equilibrium magnetisation of water = 1",
    "sensitivity_maps": "complex (slice, coil, z, y, x): at the centres of the voxels, raw units",
    "noise_covariance": "complex (coil, coil): half of E[n n^H] of one sample of the raw file, raw units squared",
    "snr": "mean over the object of signal over noise of the real part: every line once, optimally combined",
    "proton_density": "float (slice, z, y, x): of the phantom, mean over the voxel, water = 1",
    "T1": "float (slice, z, y, x): of the phantom, mean over the voxel's protons, s; 0 without protons",
    "T2": "float (slice, z, y, x): of the phantom, mean over the voxel's protons, s; 0 without protons",
    "off_resonance": "float (slice, z, y, x): of the phantom, mean over the voxel's protons, Hz",
}
"""What the raw file's side group holds; axes as the header's reconstruction space, slices in order of their index."""


RECEIVER_GAIN = 1e6
"""From T/A to raw units. Raw data are of the order of 1: there are readers of MRD that take differences below 1e-6 for
none (MRpro's KData does)."""


def channel_gains(n_coils: int, *, variation: float, generator: torch.Generator) -> Tensor:
    """Amplifiers and cables: signal and noise of a channel share a gain and a phase.

    Args:
        n_coils: channels.
        variation: 1 spreads the gains by 15 % and the phases over a turn; 0 leaves all at ``RECEIVER_GAIN``.
        generator: source of randomness.

    Returns:
        Complex128 ``(coil,)``.
    """
    z = torch.randn(2, n_coils, dtype=torch.float64, generator=generator)
    return torch.polar(RECEIVER_GAIN * (0.15 * variation * z[0]).exp(), math.pi * variation * z[1])


def mean_signal_over_noise(image: Tensor, maps: Tensor, covariance: Tensor) -> float:
    """Mean of |m| √(Sᴴ Ψ⁻¹ S) over the object, whose edge is a tenth of the maximum.

    Args:
        image: m, ``(slice, z, y, x)``.
        maps: S, ``(slice, coil, z, y, x)``.
        covariance: Ψ, ``(coil, coil)``, in the units of the maps squared.

    Returns:
        The mean.

    Raises:
        ValueError: the image is zero.

    Source: Roemer et al., Magn Reson Med 16:192 (1990), eq. 32.
    """
    magnitude = image.abs()
    inside = magnitude > 0.1 * magnitude.max()
    if not magnitude.max() > 0:
        raise ValueError(
            "nothing of the phantom gives signal in the field of view; check the slices' centres and directions, and "
            "that the inversion time does not null everything"
        )
    S = maps.to(torch.complex128).movedim(1, 0)  # (coil, slice, z, y, x)
    whitened = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), S.flatten(1), upper=False)
    sensitivity = whitened.abs().square().sum(0).sqrt().reshape(magnitude.shape)
    return float((magnitude * sensitivity)[inside].mean())


def thermal_noise(covariance: Tensor, shape: tuple[int, int], *, generator: torch.Generator) -> Tensor:
    """Noise of some readouts.

    Args:
        covariance: half of E[n nᴴ], ``(coil, coil)``.
        shape: readouts and samples of each.
        generator: source of randomness.

    Returns:
        Complex128 ``(readout, coil, sample)``.
    """
    n_readouts, n_samples = shape
    noise = correlated_noise(covariance, n_readouts * n_samples, generator=generator)
    return noise.reshape(len(covariance), n_readouts, n_samples).movedim(1, 0)
