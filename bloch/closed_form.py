"""The fast way: contrast from the sequence's equation, k-space from direct Fourier sums. No spin precesses here."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation.excited_object import excite
from bloch.phantom import Phantom
from bloch.rawfile import RawScan
from bloch.receiver import noise_covariance
from bloch.receiver.measurement import ideal_image, measure, sensitivity_maps
from bloch.reception import TRUTH, channel_gains, mean_signal_over_noise, thermal_noise
from bloch.scanner import Scanner
from bloch.sequence import Encoding, Line, Protocol, scan_plan


def simulate_closed_form(  # noqa: PLR0913  # what an operator sets
    phantom: Phantom,
    protocol: Protocol,
    scanner: Scanner,
    encoding: Encoding,
    *,
    snr: float | None = None,
    seed: int = 0,
    noise_seed: int | None = None,
    variation: float = 1.0,
) -> RawScan:
    """Scan a phantom without playing the sequence.

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
        noise_seed: of the noise alone; None lets it follow from ``seed``.
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
    gains = channel_gains(scanner.array.n_coils, variation=variation, generator=generator)
    gain = gains.reshape(-1, 1, 1, 1)
    image, maps = ideal_image(excited, encoding).cpu(), gain * sensitivity_maps(scanner, encoding)
    covariance = gains.unsqueeze(1) * noise_covariance(scanner.array, scanner.B0) * gains.conj()
    # Oversampling widens the receiver's band: more noise in a sample, the same noise in the image.
    signal = mean_signal_over_noise(image, maps, covariance) * math.sqrt(encoding.oversampling)
    covariance = covariance * (0.0 if snr is None else (signal / snr) ** 2)
    lines = scan_plan(encoding)
    samples = _read_out(gain * measure(excited, scanner, encoding).cpu(), lines)
    noise_scan = torch.zeros(0, *samples.shape[1:])
    if snr is not None:
        n_noise, n_samples = encoding.noise_readouts, encoding.n_samples
        own = generator if noise_seed is None else torch.Generator().manual_seed(noise_seed)
        noise = thermal_noise(covariance, (n_noise + len(lines), n_samples), generator=own)
        noise_scan, samples = noise[:n_noise], samples + noise[n_noise:]
    truth = {
        "image": image.to(torch.complex64).numpy(),
        "sensitivity_maps": maps.to(torch.complex64).numpy(),
        "noise_covariance": covariance.numpy(),
        "snr": np.array(np.inf if snr is None else snr),
    }
    measured, noise_only = (s.to(torch.complex64).numpy() for s in (samples, noise_scan))
    times = np.arange(len(lines)) * protocol.repetition_time
    return RawScan(encoding, protocol, scanner.B0, lines, measured, noise_only, truth, TRUTH, times)


def _read_out(kspace: Tensor, lines: tuple[Line, ...]) -> Tensor:
    """The planned lines of (slice, coil, kz, ky, sample), as they are read: (readout, coil, sample)."""
    rows = [kspace[line.slice, :, line.kz, line.ky] for line in lines]
    return torch.stack([row.flip(-1) if line.is_reversed else row for row, line in zip(rows, lines, strict=True)])
