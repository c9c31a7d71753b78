"""Relaxation times against published numbers."""

from __future__ import annotations

import itertools
import math
import warnings

import pytest

from bloch.tissue import GYROMAGNETIC_RATIO, tissues_at
from bloch.tissue.tissue import relaxation_fits


def at(B0: float):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tissues_at(B0)


@pytest.mark.parametrize(
    ("B0", "tissue", "T1", "tolerance"),
    [
        # Rooney 2007, table 2 (white matter, blood) and its abstract; grey matter is a mean over regions.
        (1.5, "white_matter", 0.656, 0.06),
        (1.5, "blood", 1.540, 0.05),
        (7.0, "white_matter", 1.220, 0.05),
        (0.2, "white_matter", 0.361, 0.15),
        # Stanisz 2005, 1.5 T white matter 0.884 lies off Rooney's; grey matter 1.124.
        (1.5, "grey_matter", 1.124, 0.15),
        # O'Reilly & Webb 2022, 50 mT.
        (0.05, "white_matter", 0.275, 0.01),
        (0.05, "grey_matter", 0.327, 0.01),
        (0.05, "muscle", 0.171, 0.25),
        (0.05, "fat", 0.130, 0.15),
        # de Bazelaire 2004, 1.5 T.
        (1.5, "fat", 0.288, 0.2),
        (1.5, "muscle", 0.856, 0.15),
    ],
)
def test_T1_is_near_the_published_value(B0: float, tissue: str, T1: float, tolerance: float) -> None:
    found = at(B0)[tissue]
    assert pytest.approx(T1, rel=tolerance) == found.T1


@pytest.mark.parametrize(
    ("B0", "tissue", "T2", "T2_star"),
    [
        (1.5, "grey_matter", 0.095, 0.084),
        (1.5, "white_matter", 0.072, 0.066),
        (3.0, "grey_matter", 0.099, 0.066),
        (3.0, "white_matter", 0.069, 0.053),
    ],
)
def test_T2_is_near_Stanisz_and_T2_star_near_Peters(B0: float, tissue: str, T2: float, T2_star: float) -> None:
    found = at(B0)[tissue]
    assert pytest.approx(T2, rel=0.2) == found.T2
    assert found.T2_star == pytest.approx(T2_star, rel=0.2)


def test_dispersion_has_rooneys_exponents() -> None:
    for name, exponent in {"grey_matter": 0.376, "white_matter": 0.382, "blood": 0.340, "csf": 0.0}.items():
        measured = math.log(at(6.0)[name].T1 / at(3.0)[name].T1) / math.log(2)
        assert measured == pytest.approx(exponent, abs=1e-9)


def test_T1_never_falls_and_T2_never_rises_with_field() -> None:
    fields = [0.01 * 1.1**k for k in range(68)]
    for low, high in itertools.pairwise(fields):
        for name, tissue in at(low).items():
            stronger = at(high)[name]
            assert stronger.T1 >= tissue.T1 * (1 - 1e-12), (name, low)
            assert stronger.T2 <= tissue.T2, (name, low)


def test_T1_is_continuous_where_the_low_field_interpolation_meets_the_power_law() -> None:
    measured_below = [fit for fit in relaxation_fits().values() if fit.low_field]
    assert measured_below
    for fit in measured_below:
        below, above = at(fit.fit_from * (1 - 1e-9))[fit.name].T1, at(fit.fit_from * (1 + 1e-9))[fit.name].T1
        assert below == pytest.approx(above, rel=1e-6)


def test_relaxation_times_are_ordered() -> None:
    for B0 in (0.01, 0.055, 0.3, 1.5, 7.0):
        for tissue in at(B0).values():
            assert 0 < tissue.T2_star <= tissue.T2 <= tissue.T1
            assert 0 < tissue.proton_density <= 1


@pytest.mark.parametrize("B0", [0.05, 0.064, 0.3, 0.55, 1.5])
def test_low_and_clinical_fields_are_covered_by_sources(B0: float) -> None:
    tissues_at(B0)  # a warning would be an error


@pytest.mark.parametrize(("B0", "name"), [(0.02, "grey_matter"), (7.0, "muscle")])
def test_extrapolation_warns_and_names_the_tissue(B0: float, name: str) -> None:
    with pytest.warns(UserWarning, match="extrapolated") as caught:
        tissues_at(B0)
    assert name in str(caught[0].message)


@pytest.mark.parametrize("B0", [0.0, -1.5, 64.0, float("nan")])
def test_impossible_field_is_refused(B0: float) -> None:
    with pytest.raises(ValueError, match=r"from 0\.01 to 7"):
        tissues_at(B0)


def test_every_row_names_its_sources() -> None:
    for fit in relaxation_fits().values():
        assert all(len(text) > 8 for text in fit.source)


def test_gyromagnetic_ratio_gives_the_clinical_larmor_frequency() -> None:
    assert pytest.approx(63.87e6, rel=1e-4) == GYROMAGNETIC_RATIO * 1.5
