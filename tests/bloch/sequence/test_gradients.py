"""The shortest lobes against a search, and moments against a fine sum."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from bloch.sequence.events import Gradient
from bloch.sequence.gradients import lobe, moments_until, on_raster, shortest_lobe
from bloch.tissue import GYROMAGNETIC_RATIO


def shortest_by_search(moment: float, scanner) -> int:
    """Raster steps of the shortest trapezoid, by trying them all."""
    area, raster = moment / GYROMAGNETIC_RATIO, scanner.gradient_raster
    for steps in count(2):
        for ramp in range(1, steps // 2 + 1):
            amplitude = area / ((steps - ramp) * raster)
            if amplitude <= scanner.max_gradient and amplitude <= scanner.max_slew * ramp * raster:
                return steps
    raise AssertionError


@pytest.mark.parametrize("moment", [0.3, 4.0, 17.3, 97.0, 333.3, 1234.5])
@pytest.mark.parametrize(("max_gradient", "max_slew"), [(25e-3, 60.0), (10e-3, 150.0), (40e-3, 21.0)])
def test_no_shorter_lobe_has_the_moment(moment: float, max_gradient: float, max_slew: float, scanner) -> None:
    limited = replace(scanner, max_gradient=max_gradient, max_slew=max_slew)
    timing = shortest_lobe(-moment, limited)
    gradient = lobe(-moment, timing)
    assert gradient is not None
    assert gradient.moment == pytest.approx(-moment, rel=1e-12)
    assert round(timing.duration / limited.gradient_raster) == shortest_by_search(moment, limited)
    assert np.abs(gradient.amplitudes).max() <= max_gradient * (1 + 1e-9)
    slew = np.diff(gradient.amplitudes) / np.diff(gradient.times)
    assert np.abs(slew).max() <= max_slew * (1 + 1e-9)


def test_no_moment_takes_no_time(scanner) -> None:
    assert shortest_lobe(0.0, scanner).duration == 0
    assert lobe(0.0, shortest_lobe(4.0, scanner)) is None


def test_moments_of_a_bent_gradient_agree_with_a_fine_sum() -> None:
    gradient = Gradient(np.array([20e-6, 90e-6, 250e-6, 400e-6]), np.array([0.0, 7e-3, -3e-3, 0.0]))
    fine = np.linspace(0, 500e-6, 500_001)
    G = np.interp(fine, gradient.times, gradient.amplitudes, left=0, right=0)
    whole = GYROMAGNETIC_RATIO * np.concatenate([[0], np.cumsum((G[1:] + G[:-1]) / 2 * np.diff(fine))])
    assert moments_until(gradient, fine[::777]) == pytest.approx(whole[::777], abs=1e-9)
    assert moments_until(gradient, np.array([1.0]))[0] == pytest.approx(gradient.moment, rel=1e-12)


@pytest.mark.parametrize(("time", "expected"), [(30e-6, 30e-6), (30.1e-6, 40e-6), (0.0, 0.0), (3e-6 + 27e-6, 30e-6)])
def test_raster_rounds_up_but_not_over_rounding_errors(time: float, expected: float) -> None:
    assert on_raster(time, 10e-6) == pytest.approx(expected, abs=1e-15)
