"""Times that cannot be kept are refused with those that can, and those are then accepted."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bloch.sequence import (
    SamplingPattern,
    balanced_ssfp,
    central_block,
    echo_planar,
    gradient_echo,
    mprage,
    multi_echo_gradient_echo,
    spin_echo,
    turbo_spin_echo,
)

TOO_SHORT = {
    "echo time": lambda e, s, t: gradient_echo(e, s, echo_time=t, repetition_time=0.1, flip_angle=0.3),
    "repetition time": lambda e, s, t: gradient_echo(e, s, echo_time=8e-3, repetition_time=t, flip_angle=0.3),
    "repetition time of a train": lambda e, s, t: turbo_spin_echo(
        e, s, echo_time=15e-3, repetition_time=t, echo_train_length=8, echo_spacing=15e-3
    ),
    "repetition time balanced": lambda e, s, t: balanced_ssfp(e, s, repetition_time=t, flip_angle=0.3),
    "repetition time after a ramp": lambda e, s, t: balanced_ssfp(e, s, repetition_time=t, flip_angle=0.3, n_ramp=4),
    "echo spacing": lambda e, s, t: turbo_spin_echo(
        e, s, echo_time=2 * t, repetition_time=1.0, echo_train_length=4, echo_spacing=t
    ),
    "echo spacing of a spin echo": lambda e, s, t: spin_echo(e, s, echo_time=t, repetition_time=1.0),
    "inversion time": lambda e, s, t: spin_echo(e, s, echo_time=20e-3, repetition_time=1.0, inversion_time=t),
    "inversion time of MPRAGE": lambda e, s, t: mprage(
        e, s, inversion_time=t, repetition_time=1.0, echo_spacing=10e-3, flip_angle=0.2
    ),
    "time between two echoes": lambda e, s, t: multi_echo_gradient_echo(
        e, s, echo_times=(8e-3, 8e-3 + t), repetition_time=0.1, flip_angle=0.3
    ),
    "echo time of EPI": lambda e, s, t: echo_planar(e, s, echo_time=t, repetition_time=0.2),
}


@pytest.mark.parametrize("name", TOO_SHORT)
def test_the_shortest_time_that_is_offered_is_possible_and_nothing_shorter(name, scanner, encoding_of) -> None:
    build, encoding = TOO_SHORT[name], encoding_of()
    with pytest.raises(ValueError, match=r"the shortest possible .* is ([\d.]+) ms") as refused:
        build(encoding, scanner, 0.2e-3)
    shortest = float(re.search(r"is ([\d.]+) ms", str(refused.value)).group(1)) * 1e-3
    build(encoding, scanner, shortest)
    with pytest.raises(ValueError, match="too short"):
        build(encoding, scanner, shortest - 20e-6)


def test_a_time_off_the_raster_is_refused_with_the_nearest(scanner, encoding_of) -> None:
    with pytest.raises(ValueError, match=r"echo time of 8\.003 ms is no multiple of 10 us.* nearest is 8 ms"):
        gradient_echo(encoding_of(), scanner, echo_time=8.003e-3, repetition_time=0.1, flip_angle=0.3)


def test_an_effective_echo_time_between_echoes_is_refused(scanner, encoding_of) -> None:
    with pytest.raises(ValueError, match=r"none of the 4 echoes at multiples of 15 ms; the nearest is 45 ms"):
        turbo_spin_echo(
            encoding_of(), scanner, echo_time=40e-3, repetition_time=1.0, echo_train_length=4, echo_spacing=15e-3
        )
    with pytest.raises(ValueError, match=r"the nearest is 60 ms"):
        turbo_spin_echo(
            encoding_of(), scanner, echo_time=75e-3, repetition_time=1.0, echo_train_length=4, echo_spacing=15e-3
        )


def test_one_refocusing_angle_for_each_echo(scanner, encoding_of) -> None:
    with pytest.raises(ValueError, match="3 refocusing angles were given for 4 echoes"):
        turbo_spin_echo(
            encoding_of(),
            scanner,
            echo_time=30e-3,
            repetition_time=1.0,
            echo_train_length=4,
            echo_spacing=15e-3,
            refocusing_angles=(2.0, 2.0, 2.0),
        )


def test_lines_that_do_not_share_out_among_shots_are_refused(scanner, encoding_of) -> None:
    with pytest.raises(ValueError, match="12 lines do not share out evenly among 5 shots"):
        echo_planar(encoding_of(), scanner, echo_time=30e-3, repetition_time=0.3, n_shots=5)


def test_too_high_a_bandwidth_says_which_one_is_possible(scanner, encoding_of) -> None:
    fast = encoding_of(sample_time=2e-6)
    with pytest.raises(ValueError, match=r"sample_time of ([\d.]+) us or more") as refused:
        gradient_echo(fast, scanner, echo_time=8e-3, repetition_time=0.1, flip_angle=0.3)
    slower = float(re.search(r"sample_time of ([\d.]+) us", str(refused.value)).group(1)) * 1e-6
    gradient_echo(replace(fast, sample_time=slower), scanner, echo_time=8e-3, repetition_time=0.1, flip_angle=0.3)


def test_echo_planar_trains_of_unequal_length_are_refused(scanner, encoding_of) -> None:
    pattern = SamplingPattern(np.ones((1, 12), bool), central_block((1, 12), 4), separate=True)
    with pytest.raises(ValueError, match=r"trains of \[4, 12\] lines are not equally long"):
        echo_planar(encoding_of((1, 12, 8), sampling=pattern), scanner, echo_time=30e-3, repetition_time=0.3)


def test_a_sampling_without_lines_is_refused(scanner, encoding_of) -> None:
    nothing = SamplingPattern(np.zeros((1, 12), bool), np.zeros((1, 12), bool))
    with pytest.raises(ValueError, match="nothing to read"):
        gradient_echo(encoding_of((1, 12, 8), sampling=nothing), scanner, repetition_time=0.3, flip_angle=0.3)
