"""The whole scan against analytic k-space, an FFT that is not ours, and the noise that was asked for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from bloch.closed_form import simulate_closed_form
from bloch.magnetisation.excited_object import ExcitedObject, random_phase
from bloch.phantom import Phantom, magnetisation_image
from bloch.rawfile import RawScan
from bloch.receiver import loop_array, sensitivities, volume_coil
from bloch.receiver.measurement import ideal_image
from bloch.reception import RECEIVER_GAIN
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, Protocol, SamplingPattern, fully_sampled

PROTOCOL = Protocol("turbo_spin_echo", 0.08, 3.0, echo_train_length=8, echo_spacing=0.01)
OBLIQUE = TRANSAXIAL @ Rotation.from_euler("xyz", [25, -40, 70], degrees=True).as_matrix()


def encoding_of(matrix: tuple[int, int, int], voxel: tuple[float, float, float] = (5e-3, 8e-3, 6e-3)) -> Encoding:
    field_of_view = (matrix[0] * voxel[0], matrix[1] * voxel[1], matrix[2] * voxel[2])
    return Encoding(matrix, field_of_view, np.zeros((1, 3)), TRANSAXIAL, fully_sampled(matrix[:2]), noise_readouts=40)


def box() -> Phantom:
    """Lopsided: grey matter with a block of CSF."""
    fractions = torch.zeros(2, 1, 80, 72)
    fractions[0, :, 16:60, 12:48] = 1
    fractions[:, :, 40:56, 20:32] = torch.tensor([0.0, 1.0])[:, None, None, None]
    return Phantom(fractions, ("grey_matter", "csf"), (5e-3, 2e-3, 2e-3))


def sorted_kspace(scan: RawScan, *, average: int = 0) -> np.ndarray:
    """(slice, coil, kz, ky, sample), filled line by line as a reader would."""
    e = scan.encoding
    kspace = np.zeros((len(e.centres), scan.samples.shape[1], *e.matrix[:2], e.n_samples), complex)
    for line, samples in zip(scan.lines, scan.samples, strict=True):
        if line.imaging and line.average == average:
            kspace[line.slice, :, line.kz, line.ky] = samples[:, ::-1] if line.is_reversed else samples
    return kspace


def reconstruct(kspace: np.ndarray, n_x: int) -> np.ndarray:
    """Inverse FFT by numpy, orthonormal on the matrix without oversampling; (slice, coil, z, y, x)."""
    axes, n_samples = (-3, -2, -1), kspace.shape[-1]
    image = np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(kspace, axes=axes), axes=axes, norm="ortho"), axes=axes)
    first = n_samples // 2 - n_x // 2
    return image[..., first : first + n_x] * math.sqrt(n_x / n_samples)


@pytest.mark.parametrize("matrix", [(1, 16, 20), (1, 15, 21), (1, 16, 21), (4, 9, 10), (5, 10, 9)])
def test_a_point_has_the_phase_of_its_place(matrix: tuple[int, int, int]) -> None:
    """y(k) = S(r) exp(−2πi k·r) · const, k = (index − n//2) / FOV, oversampled along x."""
    encoding = encoding_of(matrix)
    planes = 1 if matrix[0] == 1 else 2 * matrix[0]
    fractions = torch.zeros(1, planes, 2 * matrix[1], 2 * matrix[2])
    index = (0 if planes == 1 else matrix[0] + 1, matrix[1] - 5, matrix[2] + 6)
    fractions[0, *index] = 1
    voxel = (5e-3 if planes == 1 else 2.5e-3, 4e-3, 3e-3)
    scanner = Scanner(0.1, loop_array(2))
    scan = simulate_closed_form(Phantom(fractions, ("csf",), voxel), PROTOCOL, scanner, encoding, variation=0)
    z, y, x = (i - n // 2 for i, n in zip(index, fractions.shape[1:], strict=True))
    r = np.array([x * voxel[2], y * voxel[1], z * voxel[0]])
    S = RECEIVER_GAIN * sensitivities(scanner.array, torch.from_numpy(r)).numpy()
    kz, ky = (np.array([getattr(line, a) for line in scan.lines]) for a in ("kz", "ky"))
    kx = (np.arange(2 * matrix[2]) - matrix[2]) / (2 * encoding.field_of_view[2])
    turns = (kz - matrix[0] // 2)[:, None] / encoding.field_of_view[0] * r[2]
    turns = turns + (ky - matrix[1] // 2)[:, None] / encoding.field_of_view[1] * r[1] + kx * r[0]
    magnetisation = float(magnetisation_image(Phantom(torch.ones(1, 1, 1, 1), ("csf",), voxel), PROTOCOL, 0.1))
    fine_voxels = 4 if matrix[0] == 1 else 8  # one of these in an encoded voxel holds the point
    amplitude = magnetisation / fine_voxels / math.sqrt(math.prod(matrix)) * S[:, None]
    expected = amplitude * np.exp(-2j * np.pi * turns)[:, None]
    np.testing.assert_allclose(scan.samples, expected, rtol=1e-4, atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize("directions", [TRANSAXIAL, OBLIQUE, OBLIQUE * [[1], [-1], [1]], -TRANSAXIAL])
def test_a_ball_appears_where_the_geometry_says(directions: np.ndarray) -> None:
    place, centre = np.array([0.012, -0.02, 0.006]), np.array([0.004, 0.006, -0.01])
    axis = (np.arange(64) - 32) * 2e-3
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    blob = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2) / (2 * 0.008**2))
    phase = random_phase(torch.Generator(), strength=0.0)
    excited = ExcitedObject(torch.from_numpy(blob), (2e-3, 2e-3, 2e-3), phase)
    encoding = replace(encoding_of((18, 19, 16), (6e-3, 6e-3, 7e-3)), centres=centre[None], directions=directions)
    image = ideal_image(excited, encoding)[0]
    total = complex(image.sum()) * math.prod(encoding.voxel_size)
    assert total == pytest.approx((2 * math.pi) ** 1.5 * 0.008**3, rel=1e-3)
    weight = image.abs().numpy()
    weight[weight < 0.05] = 0
    index = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in weight.shape], indexing="ij"), -1)
    centroid = (index * weight[..., None]).sum((0, 1, 2)) / weight.sum()
    found = centre + (centroid * encoding.voxel_size) @ directions
    np.testing.assert_allclose(found, place, atol=4e-4)


@pytest.mark.parametrize("matrix", [(1, 30, 25), (1, 29, 24)])
def test_an_independent_fourier_transform_gives_truth_times_sensitivities(matrix: tuple[int, int, int]) -> None:
    encoding = replace(encoding_of(matrix), alternating_readout=True)
    scan = simulate_closed_form(box(), PROTOCOL, Scanner(0.064, loop_array(4)), encoding, seed=5)
    found = reconstruct(sorted_kspace(scan), matrix[2])
    expected = scan.truth["image"][:, None] * scan.truth["sensitivity_maps"]
    # Cutting k-space before or after the coils is not quite the same at hard edges.
    assert np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)


def test_the_true_image_has_the_tissues_signal_and_the_objects_phase() -> None:
    encoding = encoding_of((1, 40, 40), (5e-3, 4e-3, 4e-3))
    scan = simulate_closed_form(box(), PROTOCOL, Scanner(0.064, volume_coil()), encoding, variation=0)
    image = scan.truth["image"][0, 0]
    whole = Phantom(torch.ones(1, 1, 1, 1), ("grey_matter",), (5e-3, 2e-3, 2e-3))
    grey = float(magnetisation_image(whole, PROTOCOL, 0.064))
    assert image[14, 20].real == pytest.approx(grey, rel=0.05)
    assert abs(image.imag).max() < 1e-6


def test_variation_bends_the_phase_and_leaves_the_magnitude() -> None:
    scanner, encoding = Scanner(0.064, volume_coil()), encoding_of((1, 40, 40), (5e-3, 4e-3, 4e-3))
    scans = (simulate_closed_form(box(), PROTOCOL, scanner, encoding, seed=2, variation=v) for v in (0.0, 1.0))
    flat, bent = (scan.truth["image"] for scan in scans)
    inside = abs(flat) > 0.5 * abs(flat).max()
    assert np.angle(bent[inside]).std() > 0.3
    assert abs(bent[inside]).mean() == pytest.approx(abs(flat[inside]).mean(), rel=0.1)


def test_a_thick_slice_holds_the_mean_of_its_planes() -> None:
    fractions = torch.zeros(1, 7, 32, 32)
    fractions[0, 2, 8:24, 8:24], fractions[0, 3, 8:24, 8:24] = 1.0, 0.5
    phantom = Phantom(fractions, ("csf",), (2e-3, 4e-3, 4e-3))
    encoding = encoding_of((1, 16, 16), (6e-3, 8e-3, 8e-3))  # planes 2, 3, 4
    image = simulate_closed_form(phantom, PROTOCOL, Scanner(0.064, volume_coil()), encoding, variation=0).truth["image"]
    whole = float(magnetisation_image(Phantom(torch.ones(1, 1, 1, 1), ("csf",), (1e-3, 1e-3, 1e-3)), PROTOCOL, 0.064))
    assert abs(image[0, 0, 6:10, 6:10]).mean() == pytest.approx(whole * 1.5 / 3, rel=0.03)


@pytest.mark.parametrize("oversampling", [1, 2, 3])
def test_the_voxel_snr_is_the_one_asked_for(oversampling: int) -> None:
    """Combine the channels with the true maps; compare the signal with the noise that the file added."""
    encoding = replace(encoding_of((1, 40, 40), (5e-3, 4e-3, 4e-3)), oversampling=oversampling)
    scanner = Scanner(0.55, loop_array(4))
    clean, noisy = (simulate_closed_form(box(), PROTOCOL, scanner, encoding, snr=snr, seed=3) for snr in (None, 12.0))
    maps = noisy.truth["sensitivity_maps"][0]
    signal, both = (reconstruct(sorted_kspace(scan), 40)[0] for scan in (clean, noisy))
    weights = np.linalg.solve(noisy.truth["noise_covariance"], maps.reshape(4, -1)).reshape(maps.shape)
    strength = np.sqrt((maps.conj() * weights).sum(0).real)
    combined, noise = ((weights.conj() * v).sum(0) / strength for v in (signal, both - signal))
    truth = abs(noisy.truth["image"][0])
    inside = truth > 0.1 * truth.max()
    for part in (noise.real, noise.imag):
        assert abs(combined)[inside].mean() / part.std() == pytest.approx(12, rel=0.05)


def test_noise_scan_and_data_have_the_covariance_that_the_truth_says() -> None:
    encoding = replace(encoding_of((1, 64, 64)), noise_readouts=200)
    scanner = Scanner(1.5, loop_array(3))
    clean, noisy = (simulate_closed_form(box(), PROTOCOL, scanner, encoding, snr=snr, seed=4) for snr in (None, 10.0))
    expected = noisy.truth["noise_covariance"]
    for noise in (noisy.noise, noisy.samples - clean.samples):
        flat = noise.swapaxes(0, 1).reshape(3, -1)
        found = flat @ flat.conj().T / (2 * flat.shape[1])
        np.testing.assert_allclose(found, expected, atol=0.04 * abs(expected).max())
    assert clean.noise.size == 0


def test_averages_repeat_the_signal_with_new_noise() -> None:
    encoding = replace(encoding_of((1, 32, 32)), n_averages=2)
    scan = simulate_closed_form(box(), PROTOCOL, Scanner(0.064, volume_coil()), encoding, snr=10, seed=6)
    first, second = (sorted_kspace(scan, average=a) for a in range(2))
    sigma = math.sqrt(scan.truth["noise_covariance"][0, 0].real)
    assert (first - second).std() == pytest.approx(2 * sigma, rel=0.05)  # √2 for two parts, √2 for a difference


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not() -> None:
    encoding, scanner = encoding_of((1, 16, 16)), Scanner(0.064, loop_array(2))
    first, again, other = (simulate_closed_form(box(), PROTOCOL, scanner, encoding, snr=10, seed=s) for s in (1, 1, 2))
    assert first.samples.tobytes() == again.samples.tobytes()
    assert first.noise.tobytes() == again.noise.tobytes()
    assert first.samples.tobytes() != other.samples.tobytes()


def test_undersampling_leaves_out_lines_and_changes_none() -> None:
    scanner, full = Scanner(0.064, loop_array(2)), encoding_of((1, 20, 16))
    mask = np.zeros((1, 20), bool)
    mask[0, [3, 10, 11]] = True
    part = replace(full, sampling=SamplingPattern(mask, np.zeros_like(mask)))
    whole, some = (simulate_closed_form(box(), PROTOCOL, scanner, e) for e in (full, part))
    np.testing.assert_array_equal(some.samples, whole.samples[[3, 10, 11]])


def test_impossible_scans_are_refused() -> None:
    scanner, encoding = Scanner(0.064, loop_array(2)), encoding_of((1, 16, 16))
    with pytest.raises(ValueError, match="SNR must be a number above 0"):
        simulate_closed_form(box(), PROTOCOL, scanner, encoding, snr=0)
    away = replace(encoding, centres=np.array([[1.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match="nothing of the phantom"):
        simulate_closed_form(box(), PROTOCOL, scanner, away, snr=10)
