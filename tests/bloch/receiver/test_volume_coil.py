"""Volume coils: homogeneous, of the right polarisation, refused where they would be deaf, and closed circuits."""

import math

import pytest
import torch
from torch import Tensor

from bloch.receiver import CoilArray, birdcage, helmet_array, loop_array, sensitivities, solenoid, warn_of_deaf_coils
from bloch.receiver.coil_array import conductor_field, conductor_vector_potential
from bloch.receiver.loop_field import VACUUM_PERMEABILITY

Z, Y, X = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)
CENTRE = torch.zeros(1, 3, dtype=torch.float64)


def ball(radius: float, n: int = 9) -> Tensor:
    axis = torch.linspace(-radius, radius, n, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    return grid[grid.norm(dim=-1) <= radius]


def conjugated(array: CoilArray) -> CoilArray:
    assert array.combination is not None
    return CoilArray(array.positions, array.normals, array.radii, array.combination.conj(), array.segments)


@pytest.mark.parametrize("n_rungs", [8, 13, 16])
def test_birdcage_is_homogeneous_in_its_centre(n_rungs: int) -> None:
    S = sensitivities(birdcage(n_rungs=n_rungs), ball(0.04))
    assert float((S.abs() / S.abs().mean() - 1).abs().max()) < 0.12
    assert float((S / S.mean()).angle().abs().max()) < 0.1


def test_birdcage_hears_the_spins_and_not_their_mirror_image() -> None:
    coil = birdcage()
    heard, mirrored = sensitivities(coil, ball(0.03)), sensitivities(conjugated(coil), ball(0.03))
    assert float(mirrored.abs().max()) < 0.03 * float(heard.abs().min())
    turned_over = sensitivities(coil, CENTRE, B0_direction=(0.0, 0.0, -1.0))
    assert float(turned_over.abs()) < 1e-6 * float(heard.abs().max())  # spins turn the other way


@pytest.mark.parametrize("n_rungs", [8, 16, 17])
def test_birdcage_field_at_the_centre_is_the_textbook_value_of_its_wires(n_rungs: int) -> None:
    """Rungs: μ0/(4πa) · L/√(L²/4 + a²) for 1 A each, N/2 of them in effect; rings add their own by Biot–Savart."""
    radius, length = 0.14, 0.25
    S = sensitivities(birdcage(radius=radius, length=length, n_rungs=n_rungs), CENTRE)
    half_diagonal = math.sqrt(0.25 * length**2 + radius**2)
    rungs = VACUUM_PERMEABILITY / (4 * math.pi * radius) * length / half_diagonal * n_rungs / 2
    # A ring current sin φ/(2 sin π/N) dφ: dl × r has a part along the field of half_length · cos per unit of arc.
    chord = 2 * radius * math.sin(math.pi / n_rungs)
    rings = 0.0
    for k in range(n_rungs):
        current = math.sin(2 * math.pi * (k + 0.5) / n_rungs) / (2 * math.sin(math.pi / n_rungs))
        t = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000 - 0.5
        middle = radius * math.cos(math.pi / n_rungs)
        distance = (middle**2 + (chord * t) ** 2 + 0.25 * length**2).sqrt()
        tangent_x = -math.sin(2 * math.pi * (k + 0.5) / n_rungs)
        integral = float((chord / 2000 / distance**3).sum())
        rings += 2 * VACUUM_PERMEABILITY / (4 * math.pi) * current * tangent_x * 0.5 * length * integral
    assert float(S.abs()) == pytest.approx(abs(rungs - rings), rel=1e-5)


def test_birdcage_in_a_vertical_field_is_the_linear_mode_across_it() -> None:
    coil = birdcage(B0_direction=Y)
    assert coil.combination is not None
    B = torch.einsum("cw,iwp->cip", coil.combination, conductor_field(coil, CENTRE).to(torch.complex128))[0, :, 0]
    assert float(B[1:].abs().max()) < 1e-9 * float(B[0].abs())  # along x: across B0, and across the coil's axis
    linear = sensitivities(coil, CENTRE, B0_direction=Y).abs()
    torch.testing.assert_close(2 * linear, sensitivities(birdcage(), CENTRE).abs())


def test_divergence_of_a_closed_circuit_potential_vanishes() -> None:
    """What holds only if the currents of rungs and rings meet Kirchhoff's law: ∇·A = 0."""
    coil, step = birdcage(n_rungs=9), 1e-4
    assert coil.combination is not None
    r = torch.tensor([[0.05, 0.02, 0.03]], dtype=torch.float64)
    total = 0.0 + 0.0j
    scale = 0.0
    for axis in range(3):
        shift = torch.zeros(1, 3, dtype=torch.float64)
        shift[0, axis] = step
        slope = (conductor_vector_potential(coil, r + shift) - conductor_vector_potential(coil, r - shift)) / (2 * step)
        part = (coil.combination[0] * slope[axis, :, 0]).sum().item()
        total, scale = total + part, scale + abs(part)
    assert abs(total) < 1e-6 * scale


def test_a_long_solenoid_has_the_field_of_one_and_hears_across_B0() -> None:
    n, length, radius = 801, 4.0, 0.1
    coil = solenoid(radius=radius, length=length, n_turns=n)
    S = sensitivities(coil, CENTRE, B0_direction=Y)
    inside = VACUUM_PERMEABILITY * n / (length * n / (n - 1)) / math.sqrt(1 + (2 * radius / length) ** 2)
    assert 2 * float(S.abs()) == pytest.approx(inside, rel=2e-3)


@pytest.mark.parametrize("n_turns", [1, 5, 8])
def test_solenoid_hears_alike_in_every_field_across_it(n_turns: int) -> None:
    points = ball(0.05, 5)
    along_y, along_x = (
        sensitivities(solenoid(n_turns=n_turns, B0_direction=d), CENTRE, B0_direction=d) for d in (Y, X)
    )
    torch.testing.assert_close(along_y.abs(), along_x.abs())
    assert sensitivities(solenoid(n_turns=n_turns), points, B0_direction=Y).shape == (1, len(points))


def test_solenoid_along_B0_is_refused_and_no_turns_too() -> None:
    with pytest.raises(ValueError, match="hears nothing"):
        solenoid(B0_direction=Z)
    with pytest.raises(ValueError, match="at least one turn"):
        solenoid(n_turns=0)
    with pytest.raises(ValueError, match="unit vector"):
        solenoid(B0_direction=(0.0, 2.0, 0.0))
    with pytest.raises(ValueError, match="4 rungs"):
        birdcage(n_rungs=3)


def test_a_coil_whose_field_runs_along_B0_is_warned_of_and_named() -> None:
    one = torch.ones(1, dtype=torch.float64)
    loops = CoilArray(
        torch.tensor([[0.0, 0.13, 0.0], [0.0, 0.0, 0.0]]).double(),
        torch.tensor([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]).double(),
        torch.cat((0.09 * one, 0.3 * one)),
    )
    with pytest.warns(UserWarning, match=r"channels \[1\] hear next to nothing"):
        quality = warn_of_deaf_coils(loops)
    assert float(quality[0]) > 0.8
    with pytest.warns(UserWarning, match=r"channels \[0\]"):
        warn_of_deaf_coils(conjugated(birdcage()))


@pytest.mark.parametrize("n_coils", [1, 5, 8, 24])
def test_ordinary_arrays_are_not_warned_of(n_coils: int) -> None:
    for array in (loop_array(n_coils), helmet_array(n_coils)):
        for direction in (Z, Y):
            quality = warn_of_deaf_coils(array, B0_direction=direction)
            assert quality.shape == (n_coils,)
            assert float(quality.max()) <= 1 + 1e-6
    torch.testing.assert_close(warn_of_deaf_coils(birdcage()), torch.tensor([math.sqrt(2)]).double(), rtol=0.02, atol=0)


@pytest.mark.parametrize("n_coils", [1, 2, 7, 16, 32])
def test_helmet_loops_lie_over_the_head_outside_it_and_face_its_centre(n_coils: int) -> None:
    array = helmet_array(n_coils, head_radius=0.1, distance=0.02)
    assert array.n_coils == n_coils
    torch.testing.assert_close(array.positions.norm(dim=-1), torch.full((n_coils,), 0.12).double())
    torch.testing.assert_close(array.normals, -array.positions / 0.12)
    assert (array.positions[:, 2] > 0).all()
    if n_coils > 4:
        distance = torch.cdist(array.positions, array.positions) + 9 * torch.eye(n_coils).double()
        nearest = distance.min(1).values / array.radii
        assert 1.1 < float(nearest.mean()) < 1.7  # least mutual inductance at about 1.5


def test_helmet_jitter_follows_its_generator_and_none_is_refused() -> None:
    first, again, other = (helmet_array(6, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    torch.testing.assert_close(first.positions, again.positions, rtol=0, atol=0)
    assert not torch.allclose(first.positions, other.positions)
    with pytest.raises(ValueError, match="at least one loop"):
        helmet_array(0)


def test_wires_that_do_not_fit_or_do_not_close_are_refused() -> None:
    none = torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0).double()
    corner = torch.tensor([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], dtype=torch.float64)
    triangle = torch.stack((corner, corner.roll(-1, 0)), 1)
    wiring = torch.ones(1, 3, dtype=torch.complex128)
    assert CoilArray(*none, wiring, triangle).n_coils == 1
    with pytest.raises(ValueError, match="do not close"):
        CoilArray(*none, torch.tensor([[1, 1, -1]], dtype=torch.complex128), triangle)
    with pytest.raises(ValueError, match="do not close"):
        CoilArray(*none, wiring[:, :2], triangle[:2])
    with pytest.raises(ValueError, match="no combination"):
        CoilArray(*none, None, triangle)
    with pytest.raises(ValueError, match="a column for each"):
        CoilArray(*none, wiring[:, :2], triangle)
    with pytest.raises(ValueError, match="positions and normals"):
        CoilArray(torch.zeros(2, 3), torch.zeros(1, 3), torch.ones(1))
