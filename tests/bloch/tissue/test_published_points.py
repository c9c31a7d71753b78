"""The published measurements, and the table's own fits to them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from bloch.tissue import deviation_from_published, published_points, relaxation_fits, tissue_report, tissues_at


def test_points_are_of_known_tissues_and_possible() -> None:
    for point in published_points():
        assert point.tissue in relaxation_fits()
        assert 0.01 <= point.B0 <= 7
        assert point.source
        assert point.check
        times = [time for time in (point.T2_star, point.T2, point.T1) if time is not None]
        assert times == sorted(times)
        assert times[0] > 0


def test_points_cover_low_middle_and_high_field() -> None:
    fields = {point.B0 for point in published_points() if point.confirmed}
    assert {0.05, 0.55, 1.5, 3.0, 7.0} <= fields


def test_deviation_is_that_of_the_table() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = {B0: tissues_at(B0) for B0 in {point.B0 for point in published_points()}}
    deviations = deviation_from_published()
    for deviation in deviations:
        time = getattr(tables[deviation.point.B0][deviation.point.tissue], deviation.quantity)
        assert deviation.published * (1 + deviation.relative) == pytest.approx(time, rel=1e-12)
    measured = sum((p.T1 is not None) + (p.T2 is not None) + (p.T2_star is not None) for p in published_points())
    assert len(deviations) == measured


def test_deviations_of_one_tissue_are_those_of_all() -> None:
    alone = deviation_from_published("white_matter")
    assert alone == tuple(d for d in deviation_from_published() if d.point.tissue == "white_matter")
    assert len(alone) > 10
    assert deviation_from_published("gland") == ()


def test_unknown_tissue_is_refused() -> None:
    with pytest.raises(ValueError, match="there are"):
        deviation_from_published("brain")


@pytest.mark.parametrize("name", ["white_matter", "fat", "liver", "spleen", "kidney_cortex", "cartilage"])
def test_T1_lies_within_a_quarter_of_every_confirmed_measurement(name: str) -> None:
    confirmed = [d for d in deviation_from_published(name) if d.quantity == "T1" and d.point.confirmed]
    assert confirmed
    assert max(abs(deviation.relative) for deviation in confirmed) < 0.25


@pytest.mark.parametrize(
    ("name", "exponent"),
    [
        ("fat", None),
        ("liver", None),
        ("cartilage", 0.35),
        ("kidney_cortex", 0.2488),
        ("kidney_medulla", 0.2488),
        ("spleen", 0.3321),
    ],
)
def test_our_own_fits_follow_from_the_published_points(name: str, exponent: float | None) -> None:
    """Least squares of log T1 over log B0 from 1.5 T upwards; with a given exponent, of the amplitude alone."""
    points = [
        point for point in published_points() if point.tissue == name and point.B0 >= 1.5 and point.T1 is not None
    ]
    x, y = np.log([point.B0 for point in points]), np.log([point.T1 for point in points])
    slope, offset = np.polyfit(x, y, 1) if exponent is None else (exponent, np.mean(y - exponent * x))
    law = relaxation_fits()[name].T1_laws[-1]
    assert law.b == pytest.approx(slope, abs=1e-4)
    assert law(1.0) == pytest.approx(np.exp(offset), rel=3e-4)


def test_report_holds_the_measurements_near_the_field() -> None:
    reports = {report.tissue.name: report for report in tissue_report(0.06)}
    assert list(reports) == list(relaxation_fits())
    assert {d.point.B0 for d in reports["white_matter"].nearby} == {0.05}
    assert reports["gland"].nearby == ()
    assert not reports["white_matter"].extrapolated


def test_report_says_what_is_extrapolated() -> None:
    with pytest.warns(UserWarning, match="extrapolated"):
        reports = {report.tissue.name: report for report in tissue_report(7.0)}
    assert reports["tumour"].extrapolated
    assert not reports["grey_matter"].extrapolated
