"""Loops in closed form against analytic solutions, Maxwell's equations and a plain Biot–Savart sum."""

import math

import pytest
import torch
from scipy.special import ellipe, ellipk
from torch import Tensor
from torch.autograd.functional import jacobian

from bloch.receiver.loop_field import (
    VACUUM_PERMEABILITY,
    complete_elliptic_integrals,
    loop_field,
    loop_vector_potential,
)

POSITION = torch.tensor([[0.01, -0.02, 0.03]], dtype=torch.float64)
NORMAL = torch.nn.functional.normalize(torch.tensor([[0.3, -0.5, 0.8]], dtype=torch.float64), dim=-1)
RADIUS = torch.tensor([0.07], dtype=torch.float64)
POINTS = torch.tensor([[0, 0, 0], [0.05, 0.02, -0.04], [-0.03, 0.09, 0.06], [0.2, -0.1, 0.15]], dtype=torch.float64)


def field(points: Tensor) -> Tensor:
    """(3, point)"""
    return loop_field(points, position=POSITION, normal=NORMAL, radius=RADIUS)[:, 0]


def test_elliptic_integrals_agree_with_scipy() -> None:
    m = torch.cat((torch.linspace(0, 0.999, 101, dtype=torch.float64), 1 - 10.0 ** -torch.arange(4, 9).double()))
    K, E = complete_elliptic_integrals(m)
    torch.testing.assert_close(K, torch.from_numpy(ellipk(m.numpy())), rtol=1e-9, atol=0)
    torch.testing.assert_close(E, torch.from_numpy(ellipe(m.numpy())), rtol=1e-9, atol=0)


def test_on_axis_the_field_is_the_textbook_formula() -> None:
    z = torch.linspace(-0.3, 0.3, 13, dtype=torch.float64)
    B = field(POSITION + z[:, None] * NORMAL)
    expected = VACUUM_PERMEABILITY * RADIUS**2 / (2 * (RADIUS**2 + z**2) ** 1.5)
    torch.testing.assert_close(B, expected * NORMAL.T, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("shift", [1e-7, 1e-5, 1e-3])
def test_field_is_smooth_where_the_expansion_on_the_axis_takes_over(shift: float) -> None:
    away = torch.linalg.cross(NORMAL, torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64))
    on_axis = POSITION + 0.05 * NORMAL
    slope = (field(on_axis + shift * away) - field(on_axis)) / shift
    reference = (field(on_axis + 2e-3 * away) - field(on_axis - 2e-3 * away)) / 4e-3
    torch.testing.assert_close(slope, reference, rtol=0.01, atol=0.05 * float(reference.abs().max()))


def test_closed_form_agrees_with_a_sum_over_wire_segments() -> None:
    n = 4000
    t = (torch.arange(n, dtype=torch.float64) + 0.5) * 2 * math.pi / n
    u = torch.nn.functional.normalize(torch.linalg.cross(NORMAL, torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)))
    v = torch.linalg.cross(NORMAL, u)
    wire = POSITION + RADIUS * (t.cos()[:, None] * u + t.sin()[:, None] * v)
    step = RADIUS * 2 * math.pi / n * (-t.sin()[:, None] * u + t.cos()[:, None] * v)
    offset = POINTS[:, None] - wire
    integrand = torch.linalg.cross(step.expand_as(offset), offset) / offset.norm(dim=-1, keepdim=True) ** 3
    expected = VACUUM_PERMEABILITY / (4 * math.pi) * integrand.sum(1)
    torch.testing.assert_close(field(POINTS).T, expected, rtol=1e-6, atol=1e-15)


def test_field_has_no_divergence_and_no_curl_outside_the_wire() -> None:
    for point in POINTS:
        J = jacobian(lambda r: field(r[None])[:, 0], point)
        size = float(J.abs().max())
        assert abs(float(J.trace())) < 1e-9 * size
        assert float((J - J.T).abs().max()) < 1e-9 * size


def test_field_is_the_curl_of_the_vector_potential() -> None:
    def potential(r: Tensor) -> Tensor:
        return loop_vector_potential(r[None], position=POSITION, normal=NORMAL, radius=RADIUS)[:, 0, 0]

    for point in POINTS:
        J = jacobian(potential, point)
        curl = torch.stack((J[2, 1] - J[1, 2], J[0, 2] - J[2, 0], J[1, 0] - J[0, 1]))
        torch.testing.assert_close(curl, field(point[None])[:, 0], rtol=1e-8, atol=1e-15)


def test_far_away_the_loop_is_a_dipole() -> None:
    r = torch.tensor([[3.0, -4.0, 12.0]], dtype=torch.float64)
    moment = math.pi * RADIUS**2 * NORMAL
    unit = r / r.norm()
    expected = VACUUM_PERMEABILITY / (4 * math.pi) * (3 * (moment @ unit.T) * unit - moment) / r.norm() ** 3
    torch.testing.assert_close(field(POSITION + r).T, expected, rtol=1e-3, atol=0)


def test_field_stays_finite_on_the_wire() -> None:
    u = torch.nn.functional.normalize(torch.linalg.cross(NORMAL, torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)))
    assert field(POSITION + RADIUS * u).isfinite().all()
