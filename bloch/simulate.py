"""A scan from phantom to raw data. Read this file first: it is the simulator's way on one page."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation.excited_object import excite
from bloch.phantom import Phantom
from bloch.rawfile import RawScan
from bloch.receiver import correlated_noise, noise_covariance
from bloch.receiver.measurement import ideal_image, measure, sensitivity_maps
from bloch.scanner import Scanner
from bloch.sequence import Encoding, Line, Protocol, scan_plan

TRUTH = {
    "image": "complex (slice, z, y, x): one ideal coil, every line, no noise; equilibrium magnetisation of water = 1",
    "sensitivity_maps": "complex (slice, coil, z, y, x): at the centres of the voxels, raw units",
    "noise_covariance": "complex (coil, coil): half of E[n n^H] of one sample of the raw file, raw units squared",
    "snr": "mean over the object of signal over noise of the real part: every line once, optimally combined",
}
"""What the raw file's side group holds; axes as the header's reconstruction space, slices in order of their index."""


def simulate(
    phantom: Phantom,
    protocol: Protocol,
    scanner: Scanner,
    encoding: Encoding,
    *,
    snr: float | None = None,
    seed: int = 0,
    variation: float = 1.0,
) -> RawScan:
    """Scan a phantom.

        y_c(k) = g_c Σ_r S_c(r) m(r) exp(iφ(r)) exp(−2πi k·r) ΔV + n_c(k)

    scaled so that an orthonormal Fourier sum over the encoded matrix gives S m back. Object and coils live on a grid
    finer than the encoded one: ringing and partial volume are as in life. Only the field of view is excited.

    Args:
        phantom: the object; its voxel ``n // 2`` lies at the origin, its x, y, z run to the patient's L, P, S.
        protocol: sequence, in closed form.
        scanner: field and coils.
        encoding: what is measured, and where.
        snr: of a voxel, as ``TRUTH["snr"]`` defines it; None leaves out noise and noise scan.
        seed: the same seed gives the same data.
        variation: strength of what differs from scan to scan: texture, smooth phase, gains of the channels; 0 is none.

    Returns:
        RawScan, with the truth.

    Raises:
        ValueError: nothing of the phantom gives signal in the field of view, or the SNR is not positive.
    """
    if snr is not None and not 0 < snr < math.inf:
        raise ValueError(f"the SNR must be a number above 0, but is {snr}; to leave out the noise pass None")
    generator = torch.Generator().manual_seed(seed)
    excited = excite(phantom, protocol, scanner.B0, generator=generator, variation=variation)
    gains = _channel_gains(scanner.array.n_coils, variation=variation, generator=generator)
    gain = gains.reshape(-1, 1, 1, 1)
    image, maps = ideal_image(excited, encoding).cpu(), gain * sensitivity_maps(scanner, encoding)
    covariance = gains.unsqueeze(1) * noise_covariance(scanner.array, scanner.B0) * gains.conj()
    # Oversampling widens the receiver's band: more noise in a sample, the same noise in the image.
    signal = _mean_signal_over_noise(image, maps, covariance) * math.sqrt(encoding.oversampling)
    covariance = covariance * (0.0 if snr is None else (signal / snr) ** 2)
    lines = scan_plan(encoding)
    samples = _read_out(gain * measure(excited, scanner, encoding).cpu(), lines)
    noise_scan = torch.zeros(0, *samples.shape[1:])
    if snr is not None:
        n_noise, n_samples = encoding.noise_readouts, encoding.n_samples
        noise = _noise(covariance, n_readouts=n_noise + len(lines), n_samples=n_samples, generator=generator)
        noise_scan, samples = noise[:n_noise], samples + noise[n_noise:]
    truth = {
        "image": image.to(torch.complex64).numpy(),
        "sensitivity_maps": maps.to(torch.complex64).numpy(),
        "noise_covariance": covariance.numpy(),
        "snr": np.array(np.inf if snr is None else snr),
    }
    measured, noise_only = (s.to(torch.complex64).numpy() for s in (samples, noise_scan))
    return RawScan(encoding, protocol, scanner.B0, lines, measured, noise_only, truth, TRUTH)


def _read_out(kspace: Tensor, lines: tuple[Line, ...]) -> Tensor:
    """The planned lines of (slice, coil, kz, ky, sample), as they are read: (readout, coil, sample)."""
    rows = [kspace[line.slice, :, line.kz, line.ky] for line in lines]
    return torch.stack([row.flip(-1) if line.is_reversed else row for row, line in zip(rows, lines, strict=True)])


def _channel_gains(n_coils: int, *, variation: float, generator: torch.Generator) -> Tensor:
    """Amplifiers and cables: signal and noise of a channel share a gain and a phase. Complex128 (coil,)."""
    z = torch.randn(2, n_coils, dtype=torch.float64, generator=generator)
    return torch.polar((0.15 * variation * z[0]).exp(), math.pi * variation * z[1])


def _mean_signal_over_noise(image: Tensor, maps: Tensor, covariance: Tensor) -> float:
    """Mean of |m| √(Sᴴ Ψ⁻¹ S) over the object. Source: Roemer et al., Magn Reson Med 16:192 (1990), eq. 32."""
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


def _noise(covariance: Tensor, *, n_readouts: int, n_samples: int, generator: torch.Generator) -> Tensor:
    """Complex128 (readout, coil, sample)."""
    noise = correlated_noise(covariance, n_readouts * n_samples, generator=generator)
    return noise.reshape(len(covariance), n_readouts, n_samples).movedim(1, 0)
