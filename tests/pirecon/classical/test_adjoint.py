"""The zero-filled image and the root sum of squares."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pirecon.algebra.fft import centred_fft
from pirecon.classical import adjoint, root_sum_of_squares
from pirecon.encoding import CartesianSense


@pytest.mark.parametrize("n_coils", [1, 4])
def test_noise_alone_has_unit_standard_deviation(n_coils: int, make_scan: Callable) -> None:
    """SNR units: whitened noise in, standard deviation 1 in the real and imaginary part of every voxel out."""
    scan = make_scan((1, 128, 128), n_coils=n_coils, snr=0)
    image = adjoint(scan.kspace, scan.E)
    assert abs(float(image.real.std()) - 1) < 0.02
    assert abs(float(image.imag.std()) - 1) < 0.02


@pytest.mark.parametrize("n_coils", [1, 4])
@pytest.mark.parametrize("acceleration", [1, 2, 3])
def test_scale_explains_the_samples_best(n_coils: int, acceleration: int, make_scan: Callable) -> None:
    scan = make_scan(n_coils=n_coils, acceleration=acceleration)
    image = adjoint(scan.kspace, scan.E)

    def misfit(factor: float) -> float:
        return float(torch.linalg.vector_norm(scan.E(factor * image) - scan.kspace))

    assert misfit(1) < min(misfit(0.99), misfit(1.01))


def test_uniform_undersampling_darkens_the_image_less(make_scan: Callable) -> None:
    """Every second line and 8 coils: the plain adjoint is half as bright, and the scale puts some of that back."""
    scan = make_scan((1, 64, 60), n_coils=8, snr=20, noise=0)
    truth = scan.truth.clone()
    truth[:, :16], truth[:, 48:] = 0, 0  # half a field of view high, so that the ghosts fall beside it
    weights = scan.E.weights.clone()
    weights[:, :, 1::2] = 0
    E = CartesianSense(scan.E.maps, weights)
    kspace = E(truth)
    inside = truth.abs() > 0

    def brightness(image: torch.Tensor) -> float:
        return float((image[inside] / truth[inside]).real.mean())

    assert abs(brightness(E.adjoint(kspace)) - 0.5) < 0.001
    assert brightness(adjoint(kspace, E)) > 0.6


def test_fewer_averages_do_not_darken_the_image(make_scan: Callable) -> None:
    """Weights √½ everywhere are two averages out of four: without noise the image is the truth."""
    scan = make_scan(noise=0)
    E = CartesianSense(scan.E.maps, scan.E.weights * 0.5**0.5)
    torch.testing.assert_close(adjoint(E(scan.truth), E), scan.truth)


def test_root_sum_of_squares_of_normalised_coils_is_the_magnitude(make_scan: Callable) -> None:
    scan = make_scan((3, 15, 12), noise=0)
    image = root_sum_of_squares(scan.kspace)
    assert image.dtype == scan.kspace.dtype
    torch.testing.assert_close(image, scan.truth.abs().to(image.dtype))


def test_root_sum_of_squares_on_a_finer_grid_passes_through_the_coarse_voxels(make_scan: Callable) -> None:
    """Twice as many voxels: every second one is the coarse image, divided by √2 an axis."""
    scan = make_scan((1, 16, 14), n_coils=2)
    fine = root_sum_of_squares(torch.stack([scan.kspace] * 2), matrix=(1, 32, 28))
    assert fine.shape == (2, 1, 32, 28)
    torch.testing.assert_close(2 * fine[0, :, ::2, ::2], root_sum_of_squares(scan.kspace))


def test_root_sum_of_squares_of_noise_follows_the_chi_distribution() -> None:
    noise = torch.randn(4, 1, 128, 128, dtype=torch.complex128, generator=torch.Generator().manual_seed(1)) * 2**0.5
    power = root_sum_of_squares(centred_fft(noise, (-2, -1))).real.square()
    assert abs(float(power.mean()) - 2 * 4) < 0.1
    assert abs(float(power.var()) - 4 * 4) < 0.6
