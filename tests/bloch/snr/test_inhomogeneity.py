"""What imperfect fields do, in Hz and voxels."""

from __future__ import annotations

import math

import pytest

from bloch.snr import (
    Homogeneity,
    frequency_range,
    maxwell_frequency,
    range_in_voxel,
    smallest_pixel_bandwidth,
    typical_homogeneity,
)

HALBACH = Homogeneity(1000.0, diameter=0.2, susceptibility=2.0)


def test_frequencies_of_a_permanent_magnet() -> None:
    assert frequency_range(HALBACH, 0.05) == pytest.approx(42.577478518 * 0.05 * 502)
    # Slope of 1000 ppm over 20 cm: 25 ppm across 5 mm.
    assert range_in_voxel(HALBACH, 0.05, 5e-3) == pytest.approx(42.577478518 * 0.05 * 25)


def test_bandwidth_keeps_both_shifts_below_their_bounds() -> None:
    for magnet, B0 in ((HALBACH, 0.05), (Homogeneity(1.0), 7.0)):
        bandwidth = smallest_pixel_bandwidth(magnet, B0, largest_shift=0.7, largest_fat_shift=1.5)
        shifts = frequency_range(magnet, B0) / bandwidth / 0.7, 42.577478518 * B0 * 3.4 / bandwidth / 1.5
        assert max(shifts) == pytest.approx(1)


def test_maxwell_frequency_is_the_change_of_the_field_s_magnitude() -> None:
    """|B| with B_z = B0 + G x and, as curl B = 0 demands, B_x = G z; at x = 0."""
    G, z, B0 = 0.012, 0.09, 0.05
    exact = 42.577478518e6 * (math.hypot(B0, G * z) - B0)
    assert maxwell_frequency(G, z, B0) == pytest.approx(exact, rel=1e-3)
    assert maxwell_frequency(G, z, B0) / maxwell_frequency(G, z, 1.5) == pytest.approx(30)


def test_typical_magnets_get_better_with_field() -> None:
    ppm = [typical_homogeneity(B0).peak_to_peak for B0 in (0.064, 0.3, 1.5)]
    assert ppm == sorted(ppm, reverse=True)
    assert typical_homogeneity(1.5, susceptibility=2.0).half_range == pytest.approx(2.5)


def test_impossible_magnets_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Homogeneity(-1.0)
    with pytest.raises(ValueError, match="above 0"):
        Homogeneity(1.0, diameter=0.0)
    with pytest.raises(ValueError, match="above 0 voxels"):
        smallest_pixel_bandwidth(HALBACH, 0.05, largest_shift=0.0)
