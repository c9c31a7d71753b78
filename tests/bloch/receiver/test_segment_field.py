"""Straight wires in closed form against a plain Biot–Savart sum, Maxwell's equations and the infinite wire."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from bloch.receiver.loop_field import VACUUM_PERMEABILITY, loop_field, loop_vector_potential
from bloch.receiver.segment_field import segment_field, segment_vector_potential

START = torch.tensor([[0.01, -0.02, 0.03], [-0.05, 0.04, 0.1]], dtype=torch.float64)
END = torch.tensor([[0.09, 0.05, -0.06], [0.02, 0.08, 0.1]], dtype=torch.float64)
POINTS = torch.tensor([[0, 0, 0], [0.05, 0.02, -0.1], [-0.03, 0.09, 0.06], [0.2, -0.1, 0.15]], dtype=torch.float64)


def test_closed_form_agrees_with_a_sum_over_pieces() -> None:
    n = 4000
    along = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    wire = START[:, None] + along[:, None] * (END - START)[:, None]  # (segment, piece, 3)
    offset = POINTS[:, None, None] - wire
    distance = offset.norm(dim=-1, keepdim=True)
    step = ((END - START) / n)[:, None].expand_as(offset)
    scale = VACUUM_PERMEABILITY / (4 * math.pi)
    B = scale * (torch.linalg.cross(step, offset) / distance**3).sum(2)  # (point, segment, 3)
    A = scale * (step / distance).sum(2)
    torch.testing.assert_close(segment_field(POINTS, start=START, end=END).permute(2, 1, 0), B, rtol=1e-6, atol=1e-15)
    torch.testing.assert_close(
        segment_vector_potential(POINTS, start=START, end=END).permute(2, 1, 0), A, rtol=1e-6, atol=1e-15
    )


def test_field_is_the_curl_of_the_vector_potential() -> None:
    def potential(r: Tensor) -> Tensor:
        return segment_vector_potential(r[None], start=START[:1], end=END[:1])[:, 0, 0]

    for point in POINTS:
        J = jacobian(potential, point)
        curl = torch.stack((J[2, 1] - J[1, 2], J[0, 2] - J[2, 0], J[1, 0] - J[0, 1]))
        expected = segment_field(point[None], start=START[:1], end=END[:1])[:, 0, 0]
        torch.testing.assert_close(curl, expected, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.83])
def test_two_pieces_are_the_whole(cut: float) -> None:
    middle = START + cut * (END - START)
    for field in (segment_field, segment_vector_potential):
        whole = field(POINTS, start=START, end=END)
        parts = field(POINTS, start=START, end=middle) + field(POINTS, start=middle, end=END)
        torch.testing.assert_close(parts, whole, rtol=1e-10, atol=0)


def test_backwards_is_the_opposite() -> None:
    for field in (segment_field, segment_vector_potential):
        torch.testing.assert_close(field(POINTS, start=END, end=START), -field(POINTS, start=START, end=END))


def test_near_a_long_wire_the_field_is_that_of_an_infinite_one() -> None:
    distance = 0.02
    ends = torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    B = segment_field(torch.tensor([[distance, 0.0, 0.0]]).double(), start=ends[:1], end=ends[1:])[:, 0, 0]
    expected = torch.tensor([0.0, VACUUM_PERMEABILITY / (2 * math.pi * distance), 0.0], dtype=torch.float64)
    torch.testing.assert_close(B, expected, rtol=1e-3, atol=1e-15)


def test_a_polygon_of_many_sides_is_a_loop() -> None:
    n, radius = 720, 0.07
    phi = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    corner = radius * torch.stack((phi.cos(), phi.sin(), torch.zeros_like(phi)), -1)
    loop = {
        "position": torch.zeros(1, 3).double(),
        "normal": torch.tensor([[0.0, 0.0, 1.0]]).double(),
        "radius": torch.tensor([radius]).double(),
    }
    for straight, round_ in ((segment_field, loop_field), (segment_vector_potential, loop_vector_potential)):
        polygon = straight(POINTS, start=corner, end=corner.roll(-1, 0)).sum(1)
        circle = round_(POINTS, **loop)[:, 0]
        torch.testing.assert_close(polygon, circle, rtol=1e-4, atol=1e-5 * float(circle.abs().max()))


def test_on_the_wire_and_at_its_ends_everything_stays_finite() -> None:
    on_wire = torch.cat((START[:1], END[:1], 0.5 * (START + END)[:1]))
    for field in (segment_field, segment_vector_potential):
        assert field(on_wire, start=START[:1], end=END[:1]).isfinite().all()
