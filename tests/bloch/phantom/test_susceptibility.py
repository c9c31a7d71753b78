"""ΔB0 from susceptibility against the fields of a sphere and of a cylinder, which are known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bloch.phantom import (
    Phantom,
    field_of_susceptibility,
    susceptibility_field,
    susceptibility_map,
    voxel_centres,
)

CHI = -9.4  # ppm above the surroundings


def coverage(distance_of, centres: Tensor, voxel: tuple[float, float, float], n: int = 4) -> Tensor:
    """Part of each voxel where distance_of(points) < 0, by n³ points in it."""
    steps = [((torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5) * edge for edge in reversed(voxel)]
    total = torch.zeros(centres.shape[:3], dtype=torch.float64)
    for x in steps[0]:
        for y in steps[1]:
            for z in steps[2]:
                total += distance_of(centres + torch.stack([x, y, z])) < 0
    return total / n**3


@pytest.mark.parametrize("direction", [(0.0, 0.0, 1.0), (0.3, -0.5, 0.8), (2.0, 0.0, 0.0)])
def test_a_sphere_has_a_dipole_outside_and_no_field_inside(direction: tuple[float, float, float]) -> None:
    voxel, radius = (2.5e-3, 2e-3, 2e-3), 0.017
    centres = voxel_centres((33, 41, 43), voxel)
    b = torch.tensor(direction, dtype=torch.float64)
    b = b / b.norm()
    r = centres.norm(dim=-1).clamp_min(1e-9)
    cos = (centres @ b) / r
    dipole = CHI / 3 * (radius / r) ** 3 * (3 * cos**2 - 1)  # with the sphere of Lorentz; 0 inside
    sphere = CHI * coverage(lambda p: p.norm(dim=-1) - radius, centres, voxel)
    field = field_of_susceptibility(sphere, voxel, surroundings=0.0, B0_direction=direction)
    outside, inside = r > radius + 3e-3, r < radius - 5e-3
    error = (field - dipole)[outside]
    assert float(error.square().mean().sqrt()) < 0.01 * abs(CHI) / 3
    assert float(field[inside].abs().max()) < 0.1 * abs(CHI) / 3  # Gibbs' ringing of the sharp edge
    assert abs(float(field[inside].mean())) < 0.005 * abs(CHI) / 3


def test_a_long_cylinder_along_B0_has_a_third_inside_and_nothing_outside() -> None:
    voxel, radius = (3e-3, 2e-3, 2e-3), 0.016
    centres = voxel_centres((1, 45, 47), voxel)
    rho = torch.hypot(centres[..., 0], centres[..., 1])
    rod = CHI * coverage(lambda p: torch.hypot(p[..., 0], p[..., 1]) - radius, centres, voxel)
    field = field_of_susceptibility(rod, voxel, surroundings=0.0)
    torch.testing.assert_close(field, rod / 3)
    assert float(field[rho < radius - 3e-3].mean()) == pytest.approx(CHI / 3)


@pytest.mark.parametrize("n_planes", [1, 16])
def test_a_cylinder_across_B0_has_its_two_dimensional_field(n_planes: int) -> None:
    """One plane stands for a cylinder without end, and so do several planes that are continued."""
    voxel, radius = (4e-3, 2e-3, 2e-3), 0.016
    centres = voxel_centres((n_planes, 55, 57), voxel)
    x, y = centres[..., 0], centres[..., 1]
    rho = torch.hypot(x, y).clamp_min(1e-9)
    rod = CHI * coverage(lambda p: torch.hypot(p[..., 0], p[..., 1]) - radius, centres, voxel)
    field = field_of_susceptibility(
        rod, voxel, surroundings=0.0, B0_direction=(1.0, 0.0, 0.0), continued=(True, False, False)
    )
    outside = CHI / 2 * (radius / rho) ** 2 * ((x**2 - y**2) / rho**2)
    ring = (rho > radius + 3e-3) & (rho < 0.045)
    assert float((field - outside)[ring].square().mean().sqrt()) < 0.02 * abs(CHI)
    assert float(field[rho < radius - 4e-3].mean()) == pytest.approx(-CHI / 6, rel=0.03)  # 1/3 − 1/2


def test_a_body_that_ends_at_the_grid_differs_from_one_that_goes_on() -> None:
    """A disc of a rod magnetised along its axis is demagnetised; a rod is not."""
    voxel = (2e-3, 2e-3, 2e-3)
    centres = voxel_centres((6, 41, 41), voxel)
    disc = CHI * (torch.hypot(centres[..., 0], centres[..., 1]) < 0.03).double()
    ends = field_of_susceptibility(disc, voxel, surroundings=0.0)[3, 20, 20]
    goes_on = field_of_susceptibility(disc, voxel, surroundings=0.0, continued=(True, False, False))[3, 20, 20]
    assert float(goes_on) == pytest.approx(CHI / 3, rel=0.05)
    # On the axis of a uniformly magnetised disc of length L: ΔB = χ (cos θ) − 2χ/3, cos θ = (L/2)/√(L²/4 + R²).
    cos = 0.007 / math.hypot(0.007, 0.03), 0.005 / math.hypot(0.005, 0.03)  # the voxel is not in the middle
    assert float(ends) == pytest.approx(CHI * (sum(cos) / 2 - 2 / 3), rel=0.03)


def test_the_field_is_linear_and_blind_to_a_uniform_world() -> None:
    voxel = (2e-3, 2e-3, 3e-3)
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn((5, 8, 7), generator=generator, dtype=torch.float64) for _ in range(2))
    first, second = (field_of_susceptibility(v, voxel, surroundings=0.0) for v in (a, b))
    both = field_of_susceptibility(2 * a - b, voxel, surroundings=0.0)
    torch.testing.assert_close(both, 2 * first - second)
    torch.testing.assert_close(field_of_susceptibility(a + 0.36, voxel), first)


def test_copies_beyond_the_padding_are_weak() -> None:
    voxel = (2e-3, 2e-3, 2e-3)
    small, large = voxel_centres((24, 24, 24), voxel), voxel_centres((60, 60, 60), voxel)
    balls = [CHI * (c.norm(dim=-1) < 0.012).double() for c in (small, large)]
    near, far = (field_of_susceptibility(ball, voxel, surroundings=0.0) for ball in balls)
    difference = (near - far[18:42, 18:42, 18:42]).abs().max()
    assert float(difference) < 0.01 * abs(CHI)


def test_a_ball_of_water_with_an_air_cavity_takes_its_values_from_the_tissue_table() -> None:
    """Outside it is a dipole of the water that is there, in the water the dipole of the air that is not."""
    voxel, R, a = (2e-3, 2e-3, 2e-3), 0.028, 0.009
    centres = voxel_centres((40, 40, 40), voxel)
    water = coverage(lambda p: torch.maximum(p.norm(dim=-1) - R, a - p.norm(dim=-1)), centres, voxel)
    phantom = Phantom(water.float().unsqueeze(0), ("csf",), voxel)
    excess = -9.05 - 0.36  # Schenck 1996
    torch.testing.assert_close(susceptibility_map(phantom), (0.36 + excess * water).float())
    r = centres.norm(dim=-1).clamp_min(1e-9)
    angle = 3 * (centres[..., 1] / r) ** 2 - 1
    field = susceptibility_field(phantom, B0_direction=(0.0, 1.0, 0.0)).double()
    outside, between = r > R + 3e-3, (r > a + 4e-3) & (r < R - 4e-3)
    expected = excess / 3 * angle * torch.where(r > R, R**3 - a**3, -(a**3)) / r**3
    for where in (outside, between):
        assert float((field - expected)[where].square().mean().sqrt()) < 0.02 * abs(excess) / 3


def test_bad_input_is_refused() -> None:
    voxel = (2e-3, 2e-3, 2e-3)
    with pytest.raises(ValueError, match="not 0"):
        field_of_susceptibility(torch.zeros(4, 4, 4), voxel, B0_direction=(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"\(z, y, x\)"):
        field_of_susceptibility(torch.zeros(4, 4), voxel)
    with pytest.raises(ValueError, match="susceptibility is nan"):
        field_of_susceptibility(torch.full((2, 2, 2), float("nan")), voxel)
    with pytest.raises(ValueError, match="cheese"):
        susceptibility_map(Phantom(torch.ones(1, 1, 2, 2), ("cheese",), voxel))
