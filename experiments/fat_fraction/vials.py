"""A ring of vials whose fat fraction is known, and a scan of it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import Phantom, fat_volume_fraction, magnet_field_map, random_magnet, voxel_centres
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import loop_array
from bloch.reception import thermal_noise
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, fully_sampled, multi_echo_gradient_echo
from bloch.simulate import Conditions, simulate
from bloch.tissue import GYROMAGNETIC_RATIO
from pirecon.measurement import Choices, calibrate
from pirecon.measurement.echo_images import echo_images
from pirecon.rawdata import RawData, read_mrd

FRACTIONS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9, 1.0)
"""On a ring, anticlockwise from the patient's left as seen from the feet."""
MATRIX, FIELD_OF_VIEW, FINER = 64, 0.22, 2
RADIUS, RING = 0.014, 0.072
FLIP_ANGLE = math.radians(3)
N_ECHOES, PERIODS = 6, 1.0
N_DUMMIES, N_NOISE = 12, 256


@dataclass(frozen=True)
class Vials:
    """What is where: the object, the vial of each voxel of the image (−1 outside), and the same without its edge."""

    phantom: Phantom
    vial: np.ndarray
    interior: np.ndarray


def vials(lean: str, B0: float, *, inhomogeneity: float, seed: int) -> Vials:
    """Eleven vials of a lean tissue mixed with fat, in air, in a magnet of so many ppm peak to peak."""
    n, edge = MATRIX * FINER, FIELD_OF_VIEW / (MATRIX * FINER)
    points = voxel_centres((1, n, n), (5e-3, edge, edge))[0, ..., :2]
    distance = torch.stack([(points - centre).norm(dim=-1) for centre in _centres()])
    fractions = torch.zeros(2, 1, n, n)
    for inside, fraction in zip(distance < RADIUS, FRACTIONS, strict=True):
        volume = fat_volume_fraction(fraction, lean)
        fractions[0, 0][inside], fractions[1, 0][inside] = 1 - volume, volume
    field = magnet_field_map(random_magnet(seed, inhomogeneity, radius=0.11), (1, n, n), (5e-3, edge, edge))
    phantom = Phantom(fractions, (lean, "fat"), (5e-3, edge, edge), field_offset=field)
    voxel = FIELD_OF_VIEW / MATRIX
    coarse = voxel_centres((1, MATRIX, MATRIX), (5e-3, voxel, voxel))[0, ..., :2]
    away = torch.stack([(coarse - centre).norm(dim=-1) for centre in _centres()])
    nearest = away.argmin(0)
    labels = [torch.where(away.amin(0) < limit, nearest, -1).numpy() for limit in (RADIUS, RADIUS - 1.5 * voxel)]
    return Vials(phantom, labels[0], labels[1])


def _centres() -> Tensor:
    angles = 2 * math.pi * torch.arange(len(FRACTIONS), dtype=torch.float64) / len(FRACTIONS)
    return RING * torch.stack([angles.cos(), angles.sin()], dim=-1)


def echo_times(B0: float) -> tuple[float, ...]:
    """Six echoes evenly over a period of fat and water, the first as early as a line of 64 samples lets it."""
    spacing = PERIODS / (N_ECHOES * 3.4e-6 * GYROMAGNETIC_RATIO * B0)
    return tuple(round(1e5 * (max(0.6 * spacing, 3.2e-3) + i * spacing)) / 1e5 for i in range(N_ECHOES))


def sample_time(B0: float) -> float:
    """Of the oversampled readout: lines as long as half the echo spacing allows, at least 10 us, at most 25 us."""
    spacing = echo_times(B0)[1] - echo_times(B0)[0]
    return round(1e7 * min(25e-6, 0.4 * spacing / (2 * MATRIX))) / 1e7


def scan(body: Vials, B0: float) -> RawScan:
    """Eight loops, every line, no noise."""
    encoding = Encoding(
        (1, MATRIX, MATRIX), (5e-3, FIELD_OF_VIEW, FIELD_OF_VIEW), np.zeros((1, 3)), TRANSAXIAL,
        fully_sampled((1, MATRIX)), sample_time=sample_time(B0),
    )  # fmt: skip
    scanner = Scanner(B0, loop_array(8), max_gradient=40e-3, max_slew=150.0)
    sequence = multi_echo_gradient_echo(
        encoding, scanner, echo_times=echo_times(B0), repetition_time=repetition_time(B0), flip_angle=FLIP_ANGLE,
        n_dummies=N_DUMMIES,
    )  # fmt: skip
    return simulate(body.phantom, sequence, scanner, conditions=Conditions(noise=False, variation=0.0))


def with_noise(scanned: RawScan, body: Vials, *, snr: float, seed: int) -> RawData:
    """The raw file as pirecon reads it, with noise such that the weakest vial has this SNR in the first echo.

    A voxel's SNR is |m| √(Sᴴ Ψ⁻¹ S), signal over the standard deviation of the real part.
    """
    maps, Psi = torch.from_numpy(scanned.truth["sensitivity_maps"]), torch.from_numpy(scanned.truth["noise_covariance"])
    flat = maps.reshape(len(Psi), -1).to(Psi.dtype)
    level = (flat.conj() * torch.linalg.solve(Psi, flat)).sum(0).real.sqrt().reshape(MATRIX, MATRIX).numpy()
    physical = np.abs(scanned.truth["image"]).reshape(MATRIX, MATRIX) * level * math.sqrt(scanned.encoding.oversampling)
    weakest = min(physical[body.interior == vial].mean() for vial in range(len(FRACTIONS)))
    generator = torch.Generator().manual_seed(seed)
    n_readouts, _, n_samples = scanned.samples.shape
    noise = thermal_noise(Psi * (weakest / snr) ** 2, (N_NOISE + n_readouts, n_samples), generator=generator)
    noisy = replace(
        scanned,
        noise=noise[:N_NOISE].to(torch.complex64).numpy(),
        samples=scanned.samples + noise[N_NOISE:].to(torch.complex64).numpy(),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vials.h5"
        write_mrd(path, noisy)
        return read_mrd(path)


def repetition_time(B0: float) -> float:
    """Room for the last echo, s."""
    return round(1e3 * (echo_times(B0)[-1] + 12e-3)) / 1e3


def reconstructed(raw: RawData) -> tuple[Tensor, Sequence[str]]:
    """All echoes by CG-SENSE with shared maps and one regularisation; images and the names of their batch axes.

    The field belongs to the model of the echoes, not to the encoding of each, as in ``pirecon fat-water``.
    """
    measurement = calibrate(raw, choices=Choices(off_resonance=False))
    return echo_images(measurement), measurement.kspace.batch_axes
