"""The body's resistance: analytic spheres, surface charges, independent quadrature, voxels, the ultimate limit."""

import math

import pytest
import torch
from scipy.integrate import dblquad
from scipy.special import ellipe, ellipk

from bloch.receiver import (
    CoilArray,
    ConductingBody,
    birdcage,
    ellipsoid_body,
    helmet_array,
    loop_array,
    sensitivities,
    voxel_body,
)
from bloch.receiver.coil_array import conductor_field
from bloch.receiver.conducting_body import resistance_per_square_frequency
from bloch.receiver.loop_field import VACUUM_PERMEABILITY

CENTRE = torch.zeros(1, 3, dtype=torch.float64)


def helmholtz(radius: float = 5.0) -> CoilArray:
    axis = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    side = torch.tensor([[-0.5], [0.5]], dtype=torch.float64) * radius
    return CoilArray(side * axis, axis.repeat(2, 1), torch.full((2,), radius).double())


def channel_resistance(array: CoilArray, body: ConductingBody) -> torch.Tensor:
    R = resistance_per_square_frequency(array, body).to(torch.complex128)
    W = torch.eye(array.n_coils).to(R) if array.combination is None else array.combination
    return W @ R @ W.mH


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (0.07, 0.0, 0.0), (0.2, -0.1, 0.15)])
def test_sphere_in_a_homogeneous_field_is_the_analytic_one_wherever_it_lies(centre: tuple[float, float, float]) -> None:
    """E = ω B1 ρ / 2 about the sphere's own axis: ∫ σ E² dV = 2π σ ω² B1² b⁵ / 15 (twice the power at 1 A peak).

    Off the coil's axis only the charges on its surface make the currents turn about its own.
    """
    b, sigma, coil = 0.1, 0.5, helmholtz()
    B1 = float(conductor_field(coil, CENTRE).sum(1)[2, 0])
    R = float(resistance_per_square_frequency(coil, ellipsoid_body((b, b, b), conductivity=sigma, centre=centre)).sum())
    assert pytest.approx(2 * math.pi * sigma * B1**2 * b**5 / 15, rel=1e-5) == R


@pytest.mark.parametrize(("a", "b"), [(0.08, 0.11), (0.05, 0.2)])
def test_ellipsoid_in_a_homogeneous_field_is_the_analytic_one(a: float, b: float) -> None:
    """Currents turn on ellipses: E = ω B1 (−a² y, b² x) / (a² + b²), so R = σ ω² B1² a² b² / (a² + b²) V / 5."""
    c, sigma, coil = 0.09, 0.4, helmholtz()
    B1 = float(conductor_field(coil, CENTRE).sum(1)[2, 0])
    R = float(resistance_per_square_frequency(coil, ellipsoid_body((a, b, c), conductivity=sigma)).sum())
    volume = 4 / 3 * math.pi * a * b * c
    assert pytest.approx(sigma * B1**2 * (a * b) ** 2 / (a**2 + b**2) * volume / 5, rel=1e-5) == R


def test_loop_before_a_sphere_agrees_with_adaptive_quadrature() -> None:
    """Coaxial: the currents are circles, and A_φ is the textbook formula by scipy's elliptic integrals."""
    loop, away, b, sigma = 0.06, 0.12, 0.09, 0.4
    array = CoilArray(
        torch.tensor([[0.0, 0.0, away]]).double(),
        torch.tensor([[0.0, 0.0, 1.0]]).double(),
        torch.tensor([loop]).double(),
    )

    def squared(r: float, c: float) -> float:
        rho, z = r * math.sqrt(1 - c * c), r * c - away
        beta2 = (loop + rho) ** 2 + z * z
        m = 4 * loop * rho / beta2
        A = VACUUM_PERMEABILITY / (2 * math.pi) * math.sqrt(beta2) / rho * ((1 - m / 2) * ellipk(m) - ellipe(m))
        return 2 * math.pi * r * r * A * A

    expected = sigma * dblquad(squared, -1, 1, 1e-5, b, epsrel=1e-7)[0]
    R = float(resistance_per_square_frequency(array, ellipsoid_body((b, b, b), conductivity=sigma)))
    assert pytest.approx(expected, rel=1e-4) == R


def test_voxels_and_ellipsoid_agree() -> None:
    n, size = 41, 0.005
    axis = (torch.arange(n, dtype=torch.float64) - n // 2) * size
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    a, b, c = 0.07, 0.09, 0.08
    conductivity = 0.4 * ((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 <= 1)
    array = loop_array(12)
    grid = resistance_per_square_frequency(array, voxel_body(conductivity, (size, size, size)))
    smooth = resistance_per_square_frequency(array, ellipsoid_body((a, b, c)))
    torch.testing.assert_close(grid, smooth, rtol=0, atol=0.02 * float(smooth.max()))


def test_voxel_axes_are_z_y_x_with_the_middle_at_the_origin() -> None:
    conductivity = torch.zeros(3, 4, 5)
    conductivity[2, 0, 3] = 0.7
    body = voxel_body(conductivity, (0.03, 0.02, 0.01))
    torch.testing.assert_close(body.points, torch.tensor([[0.01, -0.04, 0.03]]).double())
    assert float(body.conductance[0]) == pytest.approx(0.7 * 0.03 * 0.02 * 0.01)


@pytest.mark.parametrize("array", [loop_array(16), helmet_array(9), birdcage()], ids=["loops", "helmet", "birdcage"])
def test_resistance_is_symmetric_positive_and_proportional_to_conductivity(array: CoilArray) -> None:
    R = resistance_per_square_frequency(array, ellipsoid_body((0.07, 0.09, 0.11)))
    torch.testing.assert_close(R, R.T, rtol=0, atol=0)
    assert float(torch.linalg.eigvalsh(R).min()) > -1e-9 * float(R.max())
    doubled = resistance_per_square_frequency(array, ellipsoid_body((0.07, 0.09, 0.11), conductivity=0.8))
    torch.testing.assert_close(doubled, 2 * R)


@pytest.mark.parametrize(
    ("array", "reached"),
    [(loop_array(4), 0.9), (loop_array(16), 0.95), (helmet_array(8), 0.8), (birdcage(), 0.99), (loop_array(1), 0.1)],
    ids=["4 loops", "16 loops", "helmet", "birdcage", "1 loop"],
)
def test_no_array_exceeds_the_ultimate_snr_and_good_ones_come_near(array: CoilArray, reached: float) -> None:
    """At a sphere's centre two homogeneous modes across B0 are all there is to hear: Sᴴ R⁻¹ S ≤ 15 / (4π σ b⁵)."""
    b, sigma = 0.09, 0.4
    S = sensitivities(array, CENTRE).to(torch.complex128)
    R = channel_resistance(array, ellipsoid_body((b, b, b), conductivity=sigma))
    share = float((S.mH @ torch.linalg.solve(R, S)).real) * 4 * math.pi * sigma * b**5 / 15
    assert reached < share <= 1 + 1e-6


def test_bodies_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        ellipsoid_body((0.1, 0.1, 0.0))
    with pytest.raises(ValueError, match="above 0"):
        ellipsoid_body(conductivity=-1.0)
    with pytest.raises(ValueError, match="somewhere above"):
        voxel_body(torch.zeros(3, 3, 3), (0.01, 0.01, 0.01))
    with pytest.raises(ValueError, match=r"\(z, y, x\)"):
        voxel_body(torch.ones(3, 3), (0.01, 0.01, 0.01))
    with pytest.raises(ValueError, match="leave out points in air"):
        ConductingBody(torch.zeros(2, 3), torch.tensor([1.0, 0.0]))
