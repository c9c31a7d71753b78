"""Copper against body: a known resistance, scaling laws, consistency with the noise, published small loops."""

import math

import pytest
import torch

from bloch.receiver import CoilArray, birdcage, ellipsoid_body, expected_crossover_field, loop_array, volume_coil
from bloch.receiver.copper import wire_lengths
from bloch.receiver.noise import noise_resistance


def one_loop(radius: float, *, gap: float, head_radius: float = 0.1) -> CoilArray:
    axis = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    return CoilArray((head_radius + gap) * axis, axis, torch.tensor([radius], dtype=torch.float64))


def test_at_the_crossover_a_loop_s_body_resistance_is_that_of_copper_at_its_skin_depth() -> None:
    """Skin depth of copper at 1 MHz: 66 µm. A skin of that depth round the wire carries the current."""
    radius, wire = 0.05, 2e-3
    array, body = one_loop(radius, gap=0.01), ellipsoid_body((0.1, 0.1, 0.1))
    B0 = expected_crossover_field(array, wire_radius=wire, body=body)
    skin = 66.0e-6 * math.sqrt(1e6 / (42.577478518e6 * B0))
    copper = 1.72e-8 * 2 * math.pi * radius / (2 * math.pi * wire * skin)
    R_body, R_coil = noise_resistance(array, B0, body=body, crossover_field=B0)
    assert float(R_body.real) == pytest.approx(copper, rel=0.01)
    assert float(R_coil.real) == pytest.approx(copper, rel=0.01)


@pytest.mark.parametrize("array", [loop_array(5), volume_coil(), birdcage()], ids=["loops", "pairs", "birdcage"])
def test_thicker_wire_and_saltier_bodies_lower_it_by_two_thirds_powers(array: CoilArray) -> None:
    B0 = expected_crossover_field(array)
    assert expected_crossover_field(array, wire_radius=16e-3) == pytest.approx(B0 / 4)
    assert expected_crossover_field(array, body=ellipsoid_body(conductivity=3.2)) == pytest.approx(B0 / 4)


def test_smaller_loops_are_loud_up_to_higher_fields() -> None:
    fields = [expected_crossover_field(one_loop(radius, gap=0.01)) for radius in (0.08, 0.04, 0.02, 0.01)]
    assert fields == sorted(fields)


def test_a_loop_of_3_cm_crosses_near_the_published_1_T() -> None:
    """Noise figure 3 dB at 1 T: Kumar, Edelstein and Bottomley, Magn Reson Med 61:1201 (2009), abstract.

    It does not say gap, wire and sample; those here are ordinary ones, so only the order can be compared.
    """
    body = ellipsoid_body((0.1, 0.1, 0.1), conductivity=0.7)
    assert 0.5 < expected_crossover_field(one_loop(0.015, gap=0.006), wire_radius=1e-3, body=body) < 2


def test_lengths_count_loops_then_segments() -> None:
    torch.testing.assert_close(wire_lengths(one_loop(0.05, gap=0.01)), torch.tensor([0.1 * math.pi]).double())
    lengths = wire_lengths(birdcage(radius=0.1, length=0.3, n_rungs=6))
    torch.testing.assert_close(lengths, torch.tensor([0.3] * 6 + [0.1] * 12).double())  # a hexagon's side is its radius


def test_no_wire_is_refused() -> None:
    with pytest.raises(ValueError, match="wire radius"):
        expected_crossover_field(loop_array(1), wire_radius=0.0)
