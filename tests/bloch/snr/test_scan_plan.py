"""Time and timing of a scan."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bloch.sequence.protocol import Protocol
from bloch.snr import ScanPlan, acquisition, scan_time, standard_plan

SPIN_ECHO = ScanPlan(Protocol("spin_echo", 0.02, 0.5), (5e-3, 1e-3, 2e-3), (1, 65, 63), 100.0, n_slices=7)
SEQUENCES = ("spin_echo", "turbo_spin_echo", "spoiled_gradient_echo", "balanced_ssfp")


def test_scan_time_counts_lines_averages_and_packages() -> None:
    one_package = 65 * 0.5
    assert scan_time(SPIN_ECHO) == pytest.approx(one_package)
    assert scan_time(replace(SPIN_ECHO, averages=3)) == pytest.approx(3 * one_package)
    # A slice takes 20 + 6.5 ms: 18 fit into 500 ms.
    assert scan_time(replace(SPIN_ECHO, n_slices=18)) == pytest.approx(one_package)
    assert scan_time(replace(SPIN_ECHO, n_slices=19)) == pytest.approx(2 * one_package)


def test_echo_train_divides_the_shots_and_rounds_them_up() -> None:
    train = Protocol("turbo_spin_echo", 0.04, 1.0, echo_train_length=8, echo_spacing=0.02)
    plan = ScanPlan(train, (5e-3, 1e-3, 2e-3), (3, 11, 63), 100.0)
    assert scan_time(plan) == pytest.approx(math.ceil(33 / 8) * 1.0)


def test_listening_time_is_samples_over_bandwidth() -> None:
    plan = replace(SPIN_ECHO, averages=2)
    scan = acquisition(plan)
    assert scan.n_samples * scan.averages / scan.bandwidth == pytest.approx(plan.listening_time)
    assert plan.listening_time == pytest.approx(65 * 2 / 100)
    assert scan.voxel_volume == pytest.approx(10e-9)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_standard_scans_cover_the_same_head(sequence: str) -> None:
    plan = standard_plan(sequence)
    assert plan.protocol.name == sequence
    assert plan.matrix[0] * plan.n_slices == 24
    assert plan.voxel_volume == pytest.approx(20e-9)


@pytest.mark.parametrize(
    ("sequence", "bandwidth"),
    [("spin_echo", 80.0), ("turbo_spin_echo", 140.0), ("spoiled_gradient_echo", 140.0), ("balanced_ssfp", 190.0)],
)
def test_readout_that_does_not_fit_is_refused(sequence: str, bandwidth: float) -> None:
    with pytest.raises(ValueError, match=r"larger pixel bandwidth or longer times"):
        replace(standard_plan(sequence), pixel_bandwidth=bandwidth)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no SNR model"):
        replace(SPIN_ECHO, protocol=Protocol("echo_planar", 0.05, 2.0))
    with pytest.raises(ValueError, match="above 0"):
        replace(SPIN_ECHO, averages=0)
    with pytest.raises(ValueError, match="needs an echo spacing"):
        replace(SPIN_ECHO, protocol=Protocol("turbo_spin_echo", 0.05, 2.0, echo_train_length=4))
    with pytest.raises(ValueError, match="no standard scan"):
        standard_plan("flair")
