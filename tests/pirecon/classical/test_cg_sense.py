"""CG-SENSE solves its equation, agrees with SigPy and chooses its weight from the noise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sigpy.mri.app
import torch

from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.classical import adjoint, cg_sense
from pirecon.classical.cg_sense import wiener_regularisation
from pirecon.encoding import CartesianSense


@pytest.mark.parametrize("shape", [(1, 48, 45), (1, 33, 40), (8, 18, 15)])
@pytest.mark.parametrize("regularisation", [0.003, 0.1])
def test_agrees_with_sigpy(shape: tuple[int, int, int], regularisation: float, make_scan: Callable) -> None:
    scan = make_scan(shape, acceleration=2, snr=20)
    theirs = sigpy.mri.app.SenseRecon(
        scan.kspace.numpy(),
        scan.E.maps.numpy(),
        lamda=regularisation,
        weights=scan.E.weights.expand_as(scan.kspace).numpy(),
        max_iter=30,
        show_pbar=False,
    ).run()
    ours = cg_sense(scan.kspace, scan.E, regularisation=regularisation, n_iterations=30)
    difference = torch.linalg.vector_norm(ours - torch.from_numpy(theirs))
    assert difference < 1e-3 * torch.linalg.vector_norm(ours)


def test_solves_the_normal_equation(make_scan: Callable) -> None:
    scan = make_scan(acceleration=2)
    x = cg_sense(scan.kspace, scan.E, regularisation=0.05, n_iterations=300)
    residual = scan.E.normal(x) + 0.05 * x - scan.E.adjoint(scan.kspace)
    assert torch.linalg.vector_norm(residual) < 1e-5 * torch.linalg.vector_norm(x)


def test_first_iteration_is_the_zero_filled_image(make_scan: Callable) -> None:
    scan = make_scan(acceleration=2)
    first = cg_sense(scan.kspace, scan.E, regularisation=0.0, n_iterations=1)
    torch.testing.assert_close(first, adjoint(scan.kspace, scan.E))


def test_unfolds_uniform_undersampling(make_scan: Callable) -> None:
    """Every second line is missing, but coils tell the voxels apart: without noise the truth comes back."""
    scan = make_scan((1, 40, 36), n_coils=8, noise=0, snr=100)
    weights = scan.E.weights.clone()
    weights[:, :, ::2] = 0
    E = type(scan.E)(scan.E.maps, weights)
    image = cg_sense(E(scan.truth), E, regularisation=0.0, n_iterations=60)
    assert scan.error(image) < 0.01


def test_wiener_weight_is_twice_noise_over_image_power(make_scan: Callable) -> None:
    scan = make_scan((1, 96, 96), n_coils=4, snr=12)
    weight = wiener_regularisation(scan.kspace, n_voxels=96 * 96)
    expected = 2 * 2 / scan.truth.abs().square().mean()
    assert weight.shape == (1, 1, 1)
    assert abs(float(weight / expected) - 1) < 0.03


def test_wiener_weight_of_noise_alone_is_one(make_scan: Callable) -> None:
    scan = make_scan(snr=0)
    assert float(wiener_regularisation(scan.kspace, n_voxels=40 * 37)) == 1


@pytest.mark.parametrize("n_coils", [1, 8])
@pytest.mark.parametrize("acceleration", [1, 2])
@pytest.mark.parametrize("snr", [3, 10, 40])
def test_default_needs_no_tuning(n_coils: int, acceleration: int, snr: float, make_scan: Callable) -> None:
    """At most 2 dB from the best of weights over four orders of magnitude, chosen with the truth."""
    scan = make_scan(n_coils=n_coils, acceleration=acceleration, snr=snr)
    tuned = min(
        scan.error(cg_sense(scan.kspace, scan.E, regularisation=10**p)) for p in (-4, -3, -2.5, -2, -1.5, -1, 0)
    )
    assert scan.error(cg_sense(scan.kspace, scan.E)) < 10 ** (2 / 20) * tuned


def test_finer_grid_does_not_shrink_the_image(make_scan: Callable) -> None:
    """A coil alike everywhere: cut to the acquired k-space, the image does not depend on the grid."""
    scan = make_scan((1, 45, 32), n_coils=1, snr=10)
    images = []
    for grid in ((1, 45, 32), (1, 90, 64)):
        image = cg_sense(scan.kspace, CartesianSense(torch.ones(1, *grid, dtype=scan.kspace.dtype), scan.E.weights))
        images.append(centred_ifft(crop_or_pad_centre(centred_fft(image, (-2, -1)), (1, 45, 32)), (-2, -1)))
    torch.testing.assert_close(images[1], images[0], rtol=1e-4, atol=1e-4)
