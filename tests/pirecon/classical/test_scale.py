"""The two numbers that the classical methods draw from E: its norm and its gain for noise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pirecon.classical.scale import lipschitz_constant, noise_gain
from pirecon.encoding import CartesianSense, CoilSensitivity, Fourier, Sampling


def composed(E: CartesianSense) -> Sampling:
    n_coils, *grid = E.codomain_shape
    return Sampling(E.weights, n_coils) @ Fourier((n_coils, *grid)) @ CoilSensitivity(E.maps)


def largest_by_force(E: CartesianSense) -> float:
    """The largest eigenvalue of E.H E from its dense matrix."""
    size = torch.Size(E.domain_shape).numel()
    columns = E.normal(torch.eye(size, dtype=torch.complex128).reshape(size, *E.domain_shape))
    return float(torch.linalg.eigvalsh(columns.reshape(size, size))[-1])


@pytest.mark.parametrize("acceleration", [1, 3])
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_lipschitz_constant_bounds_the_spectrum(acceleration: int, scale: float, make_scan: Callable) -> None:
    scan = make_scan((1, 12, 9), acceleration=acceleration)
    E = CartesianSense(scale * scan.E.maps, scan.E.weights)
    largest = largest_by_force(E)
    for bound in (lipschitz_constant(E, scan.truth), lipschitz_constant(composed(E), scan.truth)):
        assert largest * (1 - 1e-9) <= float(bound) <= 1.1 * largest


@pytest.mark.parametrize("make", [lambda E: E, composed], ids=["fused", "composed"])
@pytest.mark.parametrize("acceleration", [1, 2, 4])
def test_noise_gain_is_the_deviation_of_noise_in_the_adjoint(
    acceleration: int, make: Callable, make_scan: Callable
) -> None:
    scan = make_scan((1, 96, 90), acceleration=acceleration)
    noise = torch.randn(4, 1, 96, 90, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    image: Tensor = scan.E.adjoint(torch.view_as_complex(noise))
    gain = float(noise_gain(make(scan.E), scan.truth))
    assert abs(float(image.real.std()) / gain - 1) < 0.03


def test_one_value_per_image_of_a_batch(make_scan: Callable) -> None:
    scans = [make_scan((1, 16, 12), acceleration=r) for r in (1, 2)]
    E = CartesianSense(torch.stack([s.E.maps for s in scans]), torch.stack([s.E.weights for s in scans]))
    gain = noise_gain(E, torch.stack([s.truth for s in scans]))
    assert gain.shape == (2, 1, 1, 1)
    assert float(gain[1]) < 0.8 * float(gain[0])
    assert lipschitz_constant(E, scans[0].truth).shape == (2, 1, 1, 1)
