"""The receiver's share of the SNR: the same as the receiver package's, with the exponents that theory wants."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from bloch.phantom import brain_volume
from bloch.receiver import (
    Acquisition,
    ellipsoid_body,
    head_body,
    loop_array,
    noise_covariance_density,
    sensitivities,
    solenoid,
    volume_coil,
    voxel_body,
    voxel_snr,
)
from bloch.receiver.conducting_body import HEAD_CONDUCTIVITY
from bloch.receiver.noise import noise_resistance
from bloch.snr import brain_points, head_receiver, intrinsic_snr, with_crossover
from bloch.snr.head_receiver import HeadReceiver

POINTS = brain_points(0.05, n_across=5)


def exponent(receiver: HeadReceiver, B0: float) -> float:
    """Local exponent of the mean SNR."""
    step = 1.01
    return math.log(float(intrinsic_snr(receiver, B0 * step).mean() / intrinsic_snr(receiver, B0).mean())) / math.log(
        step
    )


@pytest.mark.parametrize("B0", [0.05, 0.55, 3.0])
def test_equals_the_snr_of_a_voxel_in_the_receiver_package(B0: float) -> None:
    array = loop_array(5)
    scan = Acquisition(voxel_volume=3e-9, bandwidth=7e3, n_samples=63 * 65, averages=3)
    expected = voxel_snr(
        sensitivities(array, POINTS),
        noise_covariance_density(array, B0, body=head_body(), noise_figure=0.5),
        scan,
        B0=B0,
    )
    psi = intrinsic_snr(head_receiver(array, points=POINTS), B0)
    torch.testing.assert_close(psi * 3e-9 * math.sqrt(63 * 65 * 3 / 7e3), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("array", [volume_coil(), loop_array(6)], ids=["volume coil", "array"])
def test_exponents_in_the_two_limits(array) -> None:
    receiver = head_receiver(array, points=POINTS)
    copper = replace(receiver, body_resistance=0 * receiver.body_resistance)
    body = replace(receiver, copper_resistance=0 * receiver.copper_resistance)
    assert exponent(copper, 0.3) == pytest.approx(7 / 4, rel=1e-9)
    assert exponent(body, 0.3) == pytest.approx(1, rel=1e-9)
    assert exponent(receiver, 0.2e-3) == pytest.approx(7 / 4, rel=0.01)
    assert exponent(receiver, 200) == pytest.approx(1, rel=0.01)
    assert 1.01 < exponent(receiver, 0.3) < 1.74


def test_crossover_is_where_copper_and_body_make_the_same_noise() -> None:
    receiver = with_crossover(head_receiver(volume_coil(), points=POINTS), 1.7)
    same = head_receiver(volume_coil(), points=POINTS, crossover_field=0.2 * 1.7)
    torch.testing.assert_close(receiver.copper_resistance, same.copper_resistance)
    at_crossover = float(intrinsic_snr(receiver, 0.34)[0])
    silent = float(intrinsic_snr(replace(receiver, copper_resistance=0 * receiver.copper_resistance), 0.34)[0])
    assert silent / at_crossover == pytest.approx(math.sqrt(2), rel=1e-9)


def test_copper_belongs_to_the_coil_not_to_the_head() -> None:
    small, large = ellipsoid_body((0.06, 0.08, 0.07)), ellipsoid_body((0.08, 0.10, 0.09))
    own = head_receiver(volume_coil(), points=POINTS, body=small, reference_body=large)
    reference = head_receiver(volume_coil(), points=POINTS, body=large)
    torch.testing.assert_close(own.copper_resistance, reference.copper_resistance)
    assert float(own.body_resistance.abs().max()) < 0.5 * float(reference.body_resistance.abs().max())


def test_solenoid_hears_across_the_field_and_not_along_it() -> None:
    across = (0.0, 1.0, 0.0)
    coil = head_receiver(solenoid(), points=POINTS, B0_direction=across)
    assert float(intrinsic_snr(coil, 0.05)[0]) > 0
    deaf = head_receiver(solenoid(), points=POINTS, B0_direction=(0.0, 0.0, 1.0))
    assert float(intrinsic_snr(deaf, 0.05)[0]) < 1e-3 * float(intrinsic_snr(coil, 0.05)[0])


def test_first_point_of_the_brain_is_the_centre() -> None:
    points = brain_points(0.06, n_across=7)
    assert float(points[0].norm()) < 1e-12
    assert float(points.norm(dim=-1).max()) == pytest.approx(0.06)


def test_impossible_field_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        intrinsic_snr(head_receiver(volume_coil(), points=POINTS), 0.0)


def test_standard_head_loads_a_coil_like_the_average_head_of_the_atlas() -> None:
    pytest.importorskip("nilearn")
    phantom = brain_volume(0, (23, 27, 23), voxel_size=(10e-3,) * 3, deformation=0.0)
    atlas = voxel_body(HEAD_CONDUCTIVITY * phantom.fractions.sum(0).clamp(max=1), phantom.voxel_size)
    loads = [float(noise_resistance(volume_coil(), 1.0, body=b)[0].real) for b in (head_body(), atlas)]
    assert loads[0] == pytest.approx(loads[1], rel=0.2)


def test_absolute_snr_of_a_quadrature_coil_is_that_of_measured_head_coils() -> None:
    """Measured on 22 scanners of 0.5–1.5 T with an effective noise figure of 3.4 dB: (1.59 ± 0.25) 10⁴ Hz^½ ml⁻¹ T⁻¹.

    Source: McRobbie, Br J Radiol 69:1045 (1996).
    """
    receiver = replace(head_receiver(volume_coil(), points=POINTS[:1]), noise_figure=3.4)
    for B0 in (0.5, 1.0, 1.5):
        assert float(intrinsic_snr(receiver, B0)[0]) * 1e-6 / B0 == pytest.approx(1.59e4, abs=2 * 0.25e4)
