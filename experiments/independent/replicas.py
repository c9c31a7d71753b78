"""SNR by pseudo-replica: the same scan again and again, each time with other noise, beside the model's SNR.

Source: Robson et al., Magn Reson Med 60:895 (2008): pseudo multiple replicas; here the replicas are whole scans.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from bloch.rawfile import RawScan
from bloch.receiver import Acquisition, head_body, noise_covariance_density, sensitivities, voxel_snr
from bloch.scanner import Scanner
from bloch.sequence import Encoding
from experiments.independent import scanned
from experiments.independent.part import Part, Row

N_REPLICAS = 48
FIELDS = (0.064, 0.55)

ABOUT = (
    "{n} scans of the letter F for each row, which differ in their noise alone. Every scan is combined by the true "
    "sensitivities and noise covariance; the SNR of a voxel is the mean over the scans over the standard deviation of "
    "the real part. The model is `voxel_snr`: reciprocity, noise resistances, voxel volume, bandwidth, samples and "
    "averages; nothing of it is taken from the scans but the magnetisation. Compared are the noise variances that both "
    "expect, in the mean over the voxels of the object (the inverse of a measured variance would be biased)."
)


@dataclass(frozen=True)
class Measured:
    """SNR of the voxels of the object, ``(voxel,)``, by replicas and by the model."""

    replicas: np.ndarray
    model: np.ndarray

    @property
    def ratio(self) -> float:
        """The replicas' SNR over the model's: by the mean of the variances, which are unbiased."""
        return 1 / math.sqrt(float(((self.model / self.replicas) ** 2).mean()))


def compare() -> Part:
    """One field, the other, averages, and the ratio of the fields."""
    part = Part("SNR: repeated scans beside the model", ABOUT.format(n=N_REPLICAS), "|replicas ÷ model − 1|")
    at_field = {B0: measure(B0) for B0 in FIELDS}
    for B0, found in at_field.items():
        part.rows.append(_row(f"{B0} T", found.ratio, f"mean SNR {found.replicas.mean():.3g}"))
    part.rows.append(_row(f"{FIELDS[0]} T, two averages", measure(FIELDS[0], n_averages=2).ratio))
    low, high = (at_field[B0] for B0 in FIELDS)
    growth = math.sqrt(float((low.replicas**-2).mean() / (high.replicas**-2).mean()))
    expected = math.sqrt(float((low.model**-2).mean() / (high.model**-2).mean()))
    part.rows.append(_row("growth from the one field to the other", growth / expected, f"{growth:.4g} times the SNR"))
    return part


def measure(B0: float, *, n_averages: int = 1, n_replicas: int = N_REPLICAS) -> Measured:
    """Scan again and again.

    Args:
        B0: T.
        n_averages: of every line.
        n_replicas: scans.

    Returns:
        Measured.
    """
    machine, encoded = scanned.scanner(B0=B0), scanned.encoding(n_averages=n_averages)
    images = np.stack([combined(scanned.scan(encoded, machine, snr=None, seed=seed)) for seed in range(n_replicas)])
    magnetisation = abs(scanned.scan(encoded, machine, snr=None).truth["image"][0, 0])
    inside = magnetisation > 0.5 * magnetisation.max()
    mean = images.mean(0)
    noise = np.sqrt((abs(images - mean) ** 2).sum(0) / (2 * (n_replicas - 1)))  # real and imaginary part are alike
    expected = magnetisation * snr_of_unit(machine, encoded)
    return Measured((abs(mean) / noise)[inside], expected[inside])


def snr_of_unit(machine: Scanner, encoded: Encoding) -> np.ndarray:
    """The model's SNR of magnetisation 1 in every voxel, ``(y, x)``."""
    _, n_y, n_x = encoded.matrix
    z, dy, dx = encoded.voxel_size
    y, x = np.meshgrid((np.arange(n_y) - n_y // 2) * dy, (np.arange(n_x) - n_x // 2) * dx, indexing="ij")
    places = torch.from_numpy(np.stack((x, y, np.zeros_like(x)), axis=-1))
    acquisition = Acquisition(
        voxel_volume=z * dy * dx,
        bandwidth=1 / encoded.sample_time,
        n_samples=n_y * encoded.n_samples,
        averages=encoded.n_averages,
    )
    Psi = noise_covariance_density(
        machine.array,
        machine.B0,
        body=machine.body or head_body(),
        crossover_field=machine.crossover_field,
        noise_figure=machine.noise_figure,
    )
    return voxel_snr(sensitivities(machine.array, places), Psi, acquisition, B0=machine.B0).numpy()


def combined(scan: RawScan) -> np.ndarray:
    """(Sᴴ Ψ⁻¹ y) / (Sᴴ Ψ⁻¹ S) of the coil images y, complex ``(y, x)``."""
    _, n_y, n_x = scan.encoding.matrix
    kspace = np.zeros((scan.samples.shape[1], n_y, scan.encoding.n_samples), complex)
    for line, samples in zip(scan.lines, scan.samples, strict=True):
        kspace[:, line.ky] += samples / scan.encoding.n_averages
    axes = (-2, -1)
    images = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, axes=axes), norm="ortho"), axes=axes)
    first = kspace.shape[-1] // 2 - n_x // 2
    y = images[..., first : first + n_x] / math.sqrt(scan.encoding.oversampling)
    S = scan.truth["sensitivity_maps"][0, :, 0]
    weights = np.linalg.solve(scan.truth["noise_covariance"], S.reshape(len(S), -1)).reshape(S.shape).conj()
    return (weights * y).sum(0) / (weights * S).sum(0)


def _row(case: str, ratio: float, note: str = "") -> Row:
    return Row(case, abs(ratio - 1), 0.03, note)
