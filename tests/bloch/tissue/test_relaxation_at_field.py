"""Relaxation times against published numbers."""

from __future__ import annotations

import itertools
import math
import warnings

import pytest

from bloch.tissue import GYROMAGNETIC_RATIO, Tissue, relaxation_fits, tissue, tissues_at


def at(B0: float) -> dict[str, Tissue]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tissues_at(B0)


@pytest.mark.parametrize(
    ("B0", "name", "T1", "tolerance"),
    [
        # Rooney 2007: white matter and blood; grey matter is a mean over regions, its cortex lies higher.
        (1.5, "white_matter", 0.656, 0.06),
        (1.5, "blood", 1.540, 0.05),
        (7.0, "white_matter", 1.220, 0.02),
        (7.0, "grey_matter", 2.13, 0.18),
        (0.2, "white_matter", 0.361, 0.02),  # the law alone gives 0.315
        # Stanisz 2005 (bovine, in vitro), Zhu 2014 and Wright 2008 (in vivo).
        (1.5, "grey_matter", 1.124, 0.15),
        (3.0, "grey_matter", 1.31, 0.05),
        (3.0, "white_matter", 0.838, 0.08),
        # O'Reilly & Webb 2022, 50 mT.
        (0.05, "white_matter", 0.275, 0.01),
        (0.05, "grey_matter", 0.327, 0.01),
        (0.05, "muscle", 0.171, 0.25),
        (0.05, "fat", 0.130, 0.15),
        # de Bazelaire 2004, Gold 2004, Campbell-Washburn 2019, Jordan 2013.
        (1.5, "fat", 0.288, 0.1),
        (3.0, "fat", 0.382, 0.1),
        (7.0, "fat", 0.583, 0.1),
        (1.5, "muscle", 0.856, 0.15),
        (7.0, "muscle", 1.552, 0.1),
        (0.55, "blood", 1.122, 0.08),
        (1.5, "spleen", 1.057, 0.02),
        (3.0, "kidney_cortex", 1.142, 0.02),
        (3.0, "kidney_medulla", 1.545, 0.06),
        (3.0, "liver", 0.809, 0.05),
        (1.5, "cartilage", 1.060, 0.1),
    ],
)
def test_T1_is_near_the_published_value(B0: float, name: str, T1: float, tolerance: float) -> None:
    found = at(B0)[name]
    assert pytest.approx(T1, rel=tolerance) == found.T1


@pytest.mark.parametrize(
    ("B0", "name", "T2", "T2_star"),
    [
        # T2: Cox & Gowland 2010, in vivo. T2*: Peters 2007; Cohen-Adad 2012 (cortex at 7 T).
        (1.5, "grey_matter", 0.0835, 0.084),
        (1.5, "white_matter", 0.080, 0.066),
        (3.0, "grey_matter", 0.072, 0.066),
        (3.0, "white_matter", 0.071, 0.053),
        (7.0, "grey_matter", 0.0465, 0.0322),
        (7.0, "white_matter", 0.047, 0.027),
    ],
)
def test_T2_and_T2_star_of_brain_are_near_the_published_values(B0: float, name: str, T2: float, T2_star: float) -> None:
    found = at(B0)[name]
    assert pytest.approx(T2, rel=0.06) == found.T2
    assert found.T2_star == pytest.approx(T2_star, rel=0.2)


@pytest.mark.parametrize(("name", "exponent"), [("grey_matter", 0.376), ("white_matter", 0.382), ("blood", 0.340)])
def test_dispersion_has_rooneys_exponents_at_high_field(name: str, exponent: float) -> None:
    measured = math.log(at(6.0)[name].T1 / at(3.0)[name].T1) / math.log(2)
    assert measured == pytest.approx(exponent, abs=1e-9)


def test_csf_has_no_dispersion() -> None:
    assert at(0.05)["csf"].T1 == at(7.0)["csf"].T1


def test_dispersion_never_weakens_with_field() -> None:
    """T1 over B0 is convex on logarithmic axes: what the two power laws stand for."""
    fields = [0.01 * 1.1**k for k in range(68)]
    tables = [at(field) for field in fields]
    for low, middle, high in zip(tables, tables[1:], tables[2:], strict=False):
        for name in low:
            assert math.log(middle[name].T1) <= (math.log(low[name].T1) + math.log(high[name].T1)) / 2 + 1e-12, name


def test_T1_never_falls_and_T2_never_rises_with_field() -> None:
    fields = [0.01 * 1.1**k for k in range(68)]
    for low, high in itertools.pairwise(fields):
        for name, weaker in at(low).items():
            stronger = at(high)[name]
            assert stronger.T1 >= weaker.T1 * (1 - 1e-12), (name, low)
            assert stronger.T2 <= weaker.T2, (name, low)


def test_T1_has_no_jump_where_two_laws_cross() -> None:
    two_laws = [fit for fit in relaxation_fits().values() if len(fit.T1_laws) == 2]
    assert {fit.name for fit in two_laws} >= {"grey_matter", "white_matter", "fat", "liver"}
    for fit in two_laws:
        first, second = fit.T1_laws
        crossing = (first.a / second.a) ** (1 / (second.b - first.b)) / GYROMAGNETIC_RATIO
        assert 0.05 < crossing < 1, fit.name
        below, above = at(crossing * (1 - 1e-9))[fit.name].T1, at(crossing * (1 + 1e-9))[fit.name].T1
        assert below == pytest.approx(above, rel=1e-8)


@pytest.mark.parametrize("B0", [0.01, 0.055, 0.3, 1.5, 7.0])
def test_relaxation_times_are_ordered(B0: float) -> None:
    for found in at(B0).values():
        assert 0 < found.T2_star <= found.T2 <= found.T1, found.name


@pytest.mark.parametrize("B0", [0.05, 0.064, 0.3, 0.55, 1.5])
def test_low_and_clinical_fields_are_covered_by_sources(B0: float) -> None:
    tissues_at(B0)  # a warning would be an error


@pytest.mark.parametrize(("B0", "name"), [(0.02, "grey_matter"), (7.0, "tumour"), (7.0, "liver")])
def test_extrapolation_warns_and_names_the_tissue(B0: float, name: str) -> None:
    with pytest.warns(UserWarning, match="extrapolated") as caught:
        tissues_at(B0)
    assert name in str(caught[0].message)
    with pytest.warns(UserWarning, match=rf"extrapolated for: {name}\."):
        tissue(name, B0)


def test_a_covered_tissue_does_not_warn_for_the_others() -> None:
    assert tissue("grey_matter", 7.0) == at(7.0)["grey_matter"]


@pytest.mark.parametrize("B0", [0.0, -1.5, 64.0, float("nan")])
def test_impossible_field_is_refused(B0: float) -> None:
    with pytest.raises(ValueError, match=r"from 0\.01 to 7"):
        tissues_at(B0)
    with pytest.raises(ValueError, match=r"from 0\.01 to 7"):
        tissue("grey_matter", B0)


def test_unknown_tissue_is_refused_with_the_known_names() -> None:
    with pytest.raises(ValueError, match=r"'gray_matter'; there are .*grey_matter.*white_matter"):
        tissue("gray_matter", 1.5)


def test_every_row_names_its_sources_and_what_was_confirmed() -> None:
    for fit in relaxation_fits().values():
        assert all(len(text) > 8 for text in fit.source)
        for text in fit.check:
            assert any(word in text for word in ("confirmed", "assumed", "recalled")), fit.name


def test_gyromagnetic_ratio_gives_the_clinical_larmor_frequency() -> None:
    assert pytest.approx(63.87e6, rel=1e-4) == GYROMAGNETIC_RATIO * 1.5
