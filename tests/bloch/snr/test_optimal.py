"""The best scan: where theory knows it, and within its limits."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from bloch.snr import (
    Homogeneity,
    Limits,
    ScanPlan,
    TissueTimes,
    echo_signal,
    frequency_range,
    optimal_plans,
    scan_time,
    standard_plan,
)
from bloch.snr.table import field_spread

T1 = torch.tensor([0.6, 1.0], dtype=torch.float64)
TIMES = TissueTimes(torch.tensor([0.7, 0.8], dtype=torch.float64), T1, T1 / 9, T1 / 15)
CRITERIA = {"first": torch.tensor([1.0, 0.0]).double(), "contrast": torch.tensor([1.0, -1.0]).double()}
SEQUENCES = ("spin_echo", "turbo_spin_echo", "spoiled_gradient_echo", "balanced_ssfp")
MAGNET = Homogeneity(2.0)


def efficiency(plan: ScanPlan, criterion: str, B0: float) -> float:
    signal = echo_signal(plan, TIMES, field_spread(plan, MAGNET, B0))
    return abs(float(CRITERIA[criterion] @ signal)) * math.sqrt(plan.listening_time / scan_time(plan))


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_best_scan_beats_the_standard_one_and_keeps_the_limits(sequence: str) -> None:
    plan, limits = standard_plan(sequence), Limits(largest_shift=0.5, longest_scan=300)
    best = optimal_plans(plan, TIMES, CRITERIA, B0=0.55, homogeneity=MAGNET, limits=limits)
    for criterion, candidate in best.items():
        found = candidate.plan
        assert efficiency(found, criterion, 0.55) > 0.99 * efficiency(plan, criterion, 0.55)
        assert frequency_range(MAGNET, 0.55) / found.pixel_bandwidth <= 0.5 * (1 + 1e-9)
        assert found.readout_time <= float(TIMES.T2_star.min()) * (1 + 1e-9)
        assert scan_time(found) <= 300
        torch.testing.assert_close(candidate.signal, echo_signal(found, TIMES, field_spread(found, MAGNET, 0.55)))


def test_gradient_echo_is_best_at_the_ernst_angle() -> None:
    only = {"first": CRITERIA["first"]}
    plan = standard_plan("spoiled_gradient_echo")
    found = optimal_plans(plan, TIMES, only, B0=0.55, homogeneity=MAGNET)["first"].plan.protocol
    ernst = math.acos(math.exp(-found.repetition_time / 0.6))
    assert math.log(found.flip_angle / ernst) == pytest.approx(0, abs=math.log(1.12) / 2 + 1e-6)


def test_spin_echo_repeats_after_the_time_that_is_best_for_one_slice() -> None:
    """SNR per time (1 − e^(−TR/T1)) / √TR is largest at TR = 1.26 T1, for one slice and echoes much shorter than T1."""
    one = replace(standard_plan("spin_echo"), n_slices=1)
    only = {"first": CRITERIA["first"]}
    found = optimal_plans(one, TIMES, only, B0=0.55, homogeneity=MAGNET)["first"].plan.protocol
    assert found.repetition_time / 0.6 == pytest.approx(1.26, rel=0.15)


def test_worse_magnet_costs_bandwidth() -> None:
    plan = standard_plan("spin_echo")
    good, bad = (
        optimal_plans(plan, TIMES, CRITERIA, B0=0.05, homogeneity=Homogeneity(ppm))["first"].plan for ppm in (20, 400)
    )
    assert bad.pixel_bandwidth > 3 * good.pixel_bandwidth


def test_impossible_limits_are_refused() -> None:
    plan = standard_plan("spin_echo")
    with pytest.raises(ValueError, match="more homogeneous magnet"):
        optimal_plans(plan, TIMES, CRITERIA, B0=3.0, homogeneity=Homogeneity(1000.0))
    with pytest.raises(ValueError, match="Allow a longer scan"):
        optimal_plans(plan, TIMES, CRITERIA, B0=3.0, homogeneity=MAGNET, limits=Limits(longest_scan=1.0))
