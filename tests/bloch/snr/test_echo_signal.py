"""The echo of each sequence against independent solutions."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from bloch.magnetisation.phase_graph_gradient_echo import GradientEchoTrain, spoiled_train
from bloch.sequence.signal_equations import turbo_spin_echo
from bloch.snr import FieldSpread, TissueTimes, echo_signal, standard_plan, tissue_times
from bloch.tissue import tissue

T1 = torch.tensor([0.3, 0.9, 3.7], dtype=torch.float64)
TIMES = TissueTimes(torch.tensor([0.7, 0.8, 1.0], dtype=torch.float64), T1, T1 / 8, T1 / 12)


def test_train_of_180_degrees_is_the_closed_form() -> None:
    plan = standard_plan("turbo_spin_echo")
    expected = turbo_spin_echo(
        TIMES.proton_density,
        TIMES.T1,
        TIMES.T2,
        effective_echo_time=0.09,
        repetition_time=4.0,
        echo_spacing=0.01,
        echo_train_length=16,
    )
    # The closed form has no Mz after the train; refocusing pulses leave a little of what recovers between them.
    torch.testing.assert_close(echo_signal(plan, TIMES), expected, rtol=0.02, atol=0)


def test_gradient_echo_is_the_end_of_a_perfectly_spoiled_train() -> None:
    plan = standard_plan("spoiled_gradient_echo")
    angles = torch.full((3000,), plan.protocol.flip_angle, dtype=torch.float64)
    train = GradientEchoTrain(angles, plan.protocol.repetition_time, plan.protocol.echo_time)
    last = spoiled_train(TIMES.T1, TIMES.T2_star, train=train, max_orders=1)[:, -1].abs()
    torch.testing.assert_close(echo_signal(plan, TIMES), TIMES.proton_density * last, rtol=1e-6, atol=0)


def test_gradient_across_the_voxel_dephases_a_gradient_echo_but_no_spin_echo() -> None:
    frequencies = 180.0 * ((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000 - 0.5)
    gradient_echo = standard_plan("spoiled_gradient_echo")
    left = torch.exp(2j * math.pi * frequencies * gradient_echo.protocol.echo_time).mean().abs()
    spread = FieldSpread(in_voxel=180.0)
    ratio = echo_signal(gradient_echo, TIMES, spread) / echo_signal(gradient_echo, TIMES)
    torch.testing.assert_close(ratio, left.expand(3), rtol=1e-6, atol=0)
    spin_echo = standard_plan("spin_echo")
    assert torch.equal(echo_signal(spin_echo, TIMES, spread), echo_signal(spin_echo, TIMES))


def test_balanced_average_over_whole_bands_does_not_depend_on_their_number() -> None:
    plan = standard_plan("balanced_ssfp")
    band = 1 / plan.protocol.repetition_time
    means = [echo_signal(plan, TIMES, FieldSpread(in_head=n * band / 2)) for n in (1, 2, 5)]
    for mean in means[1:]:
        torch.testing.assert_close(mean, means[0], rtol=2e-3, atol=0)
    assert bool((means[0][:2] < echo_signal(plan, TIMES)[:2] * 1.2).all())


def test_tissues_may_be_drawn_by_the_thousand() -> None:
    times = TissueTimes(TIMES.proton_density, TIMES.T1.expand(5, 3), TIMES.T2, TIMES.T2_star)
    for name in ("spin_echo", "turbo_spin_echo", "spoiled_gradient_echo", "balanced_ssfp"):
        many = echo_signal(standard_plan(name), times, FieldSpread(3.0, 40.0))
        assert many.shape == (5, 3)
        torch.testing.assert_close(many[2], echo_signal(standard_plan(name), TIMES, FieldSpread(3.0, 40.0)))


def test_tissue_times_hold_the_table_in_order() -> None:
    times = tissue_times([tissue("white_matter", 1.5), tissue("csf", 1.5)])
    assert times.T1.tolist() == [tissue("white_matter", 1.5).T1, tissue("csf", 1.5).T1]
    assert times.T2_star.tolist() == [tissue("white_matter", 1.5).T2_star, tissue("csf", 1.5).T2_star]


def test_effective_echo_must_be_in_the_train() -> None:
    plan = standard_plan("turbo_spin_echo")
    for echo_time in (0.095, 0.17):
        wrong = replace(plan, protocol=replace(plan.protocol, echo_time=echo_time))
        with pytest.raises(ValueError, match="multiple of the echo spacing"):
            echo_signal(wrong, TIMES)


def test_refocusing_angles_of_the_protocol_are_used() -> None:
    """The first echo of a relaxed train of angle a is sin²(a/2) of that of 180°."""
    plan = standard_plan("turbo_spin_echo")
    first = replace(plan.protocol, echo_time=0.01, repetition_time=100.0)
    low = replace(first, refocusing_angles=(math.radians(120),) * 16)
    ratio = echo_signal(replace(plan, protocol=low), TIMES) / echo_signal(replace(plan, protocol=first), TIMES)
    torch.testing.assert_close(ratio, torch.full_like(ratio, 0.75), rtol=1e-6, atol=0)
