"""Tubes of the simulator in the field of a random magnet."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bloch.phantom import MapPhantom, magnet_field_map, random_magnet
from bloch.rawfile import write_mrd
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, PulseDesign, fully_sampled, ideally_spoiled, multi_echo_gradient_echo
from bloch.simulate import Conditions, simulate
from bloch.tissue import GYROMAGNETIC_RATIO
from experiments.tubes.ellipses import ellipses
from pirecon.algebra.fft import centred_ifft
from pirecon.calibration import covariance_from_noise_scan, field_map_from_echoes, prewhiten, undistort_field_map
from pirecon.encoding import undistort
from pirecon.rawdata import noise_dwell_time_ratio, noise_samples, read_mrd, sort_kspace

B0, MATRIX, FINE, FOV = 0.05, 64, 3, 0.2
DWELL = 50e-6  # s: 20 kHz, 312 Hz a voxel
ECHO_TIMES = (0.005, 0.0125, 0.025)  # s; the readout alone takes 3.2 ms and flying back 4 ms


def tubes_in_field(field: torch.Tensor) -> MapPhantom:
    """A 5 × 5 grid of tubes of 14 mm, 30 mm apart; ``field`` in ppm on the fine grid."""
    n, voxel = MATRIX * FINE, FOV / (MATRIX * FINE)
    axis = (torch.arange(n, dtype=torch.float64) - n // 2) * voxel
    nearest = (axis / 0.03).round().clamp(-2, 2) * 0.03
    distance = torch.hypot((axis - nearest)[:, None], (axis - nearest)[None])
    density = (0.5 - (distance - 0.007) / voxel).clamp(0, 1).unsqueeze(0)
    T1, T2 = torch.full_like(density, 0.3), torch.full_like(density, 0.1)
    size = (5e-3, voxel, voxel)
    return MapPhantom(density.float(), T1.float(), T2.float(), size, field_offset=field.float())


def row(peak_to_peak: float, snr: float, n_echoes: int, seed: int) -> list[str]:
    """One scan: errors of the map, and distances of the tubes from their places."""
    n, voxel = MATRIX * FINE, FOV / (MATRIX * FINE)
    # The harmonics across the slice are left out: the map is that of the plane.
    fine = magnet_field_map(random_magnet(seed, peak_to_peak, radius=0.1), (1, n, n), (5e-3, voxel, voxel))
    encoding = Encoding(
        (1, MATRIX, MATRIX), (5e-3, FOV, FOV), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, MATRIX)),
        sample_time=DWELL,
    )  # fmt: skip
    scanner = Scanner(B0, volume_coil(B0_direction=(0.0, 0.0, 1.0)))
    sequence = ideally_spoiled(
        multi_echo_gradient_echo(
            encoding, scanner, echo_times=ECHO_TIMES[:n_echoes], repetition_time=0.1, flip_angle=0.8,
            pulse=PulseDesign(duration=0.0, slice_selective=False),
        )
    )  # fmt: skip
    conditions = Conditions(snr=snr, variation=0.0, concomitant=False)
    scan = simulate(tubes_in_field(fine), sequence, scanner, conditions=conditions, seed=seed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tubes.h5"
        write_mrd(path, scan)
        raw = read_mrd(path)
    kspace = sort_kspace(raw)
    silence = noise_samples(raw)
    assert silence is not None
    noise = covariance_from_noise_scan(silence, bandwidth_ratio=noise_dwell_time_ratio(raw) or 1.0)
    images = centred_ifft(prewhiten(kspace, noise).data, (-3, -2, -1))  # (contrast, coil, z, y, x)
    hertz = 1 / (DWELL * MATRIX)
    seen = field_map_from_echoes(images, ECHO_TIMES[:n_echoes], geometry=kspace.geometry)
    found = undistort_field_map(seen, hertz_per_voxel=hertz)
    truth = fine[0, ::FINE, ::FINE].numpy() * 1e-6 * B0 * GYROMAGNETIC_RATIO
    inside = tubes_in_field(fine).proton_density[0, ::FINE, ::FINE].numpy() > 0.9
    image = images[0, 0]
    after = undistort(image, found, hertz_per_voxel=hertz)
    error = (found.off_resonance[0].numpy() - truth)[inside]
    return [
        f"{np.ptp(truth[inside]):.0f} Hz", f"{snr:g}", f"{n_echoes}", f"{np.sqrt((error**2).mean()):.1f} Hz",
        f"{np.abs(error).max():.1f} Hz", f"{_distance(image[0]):.2f}", f"{_distance(after[0]):.2f}",
    ]  # fmt: skip


def _distance(plane: torch.Tensor) -> float:
    """Root-mean-square distance of the tubes' centres from the true ones, voxels."""
    step = 0.03 / FOV * MATRIX
    true = np.stack(np.meshgrid(*[MATRIX // 2 + step * np.arange(-2, 3)] * 2, indexing="ij"), -1).reshape(-1, 2)
    centres = np.array([e.centre for e in ellipses(plane.numpy())])
    return float(np.sqrt(np.mean([((centres - t) ** 2).sum(axis=1).min() for t in true])))
