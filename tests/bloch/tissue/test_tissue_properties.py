"""Spectrum, susceptibility, diffusion and proton density."""

from __future__ import annotations

import cmath
import math

import pytest

from bloch.tissue import (
    AIR_SUSCEPTIBILITY,
    GYROMAGNETIC_RATIO,
    WATER_SUSCEPTIBILITY,
    Tissue,
    fat_spectrum,
    mixed_spectrum,
    relaxation_fits,
    tissue_properties,
    tissues_at,
)


def test_both_tables_hold_the_same_tissues() -> None:
    assert list(tissue_properties()) == list(relaxation_fits())


def test_lesions_and_organs_of_the_phantoms_are_there() -> None:
    wanted = "tumour necrosis oedema acute_stroke chronic_stroke haemorrhage ms_plaque liver spleen cartilage vitreous"
    assert set(wanted.split()) <= set(tissues_at(1.5))


def test_amplitudes_of_every_spectrum_add_up_to_one() -> None:
    for tissue in tissues_at(1.5).values():
        assert math.fsum(peak.amplitude for peak in tissue.chemical_shift) == pytest.approx(1, abs=1e-12)


def test_main_peak_of_fat_lies_at_minus_3_4_ppm_and_holds_most_protons() -> None:
    peak = max(fat_spectrum(), key=lambda p: p.amplitude)
    assert peak.shift == pytest.approx(-3.4)
    assert 0.6 < peak.amplitude < 0.75


def test_fat_and_water_cancel_best_near_the_known_opposed_phase_echo_time() -> None:
    """At 1.5 T water and fat are opposed near 2.3 ms and together again near 4.6 ms."""

    def signal(echo_time: float) -> float:
        hertz = 1e-6 * GYROMAGNETIC_RATIO * 1.5
        return abs(
            sum(p.amplitude * cmath.exp(-2j * math.pi * p.shift * hertz * echo_time) for p in mixed_spectrum(0.5))
        )

    times = [1e-3 + 1e-5 * k for k in range(300)]
    assert min(times, key=signal) == pytest.approx(2.3e-3, abs=0.2e-3)
    assert signal(4.6e-3) > 0.8


def test_mixture_holds_its_fat_fraction() -> None:
    spectrum = mixed_spectrum(0.3)
    assert sum(p.amplitude for p in spectrum if p.shift == 0) == pytest.approx(0.7)
    assert [p.shift for p in mixed_spectrum(0.0)] == [0.0]
    assert mixed_spectrum(1.0) == fat_spectrum()


@pytest.mark.parametrize("fraction", [-0.1, 40.0, float("nan")])
def test_impossible_fat_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        mixed_spectrum(fraction)


def test_susceptibilities_lie_between_bone_and_deoxygenated_blood() -> None:
    tissues = tissues_at(1.5)
    order = sorted(tissues, key=lambda name: tissues[name].susceptibility)
    assert order[0] == "bone"
    assert order[-1] == "haemorrhage"
    assert (
        tissues["bone"].susceptibility < WATER_SUSCEPTIBILITY < tissues["fat"].susceptibility < 0 < AIR_SUSCEPTIBILITY
    )


def test_diffusion_is_at_most_that_of_free_water_and_falls_in_acute_stroke() -> None:
    tissues = tissues_at(1.5)
    assert all(0 < tissue.diffusion <= 3.1e-9 for tissue in tissues.values())
    assert tissues["acute_stroke"].diffusion < tissues["grey_matter"].diffusion < tissues["chronic_stroke"].diffusion


def test_proton_density_is_at_most_that_of_water() -> None:
    assert all(0 < tissue.proton_density <= 1 for tissue in tissues_at(1.5).values())


def test_properties_do_not_depend_on_the_field() -> None:
    low, high = tissues_at(0.05), tissues_at(1.5)
    for name, tissue in low.items():
        assert (tissue.proton_density, tissue.susceptibility) == (high[name].proton_density, high[name].susceptibility)
        assert (tissue.chemical_shift, tissue.diffusion) == (high[name].chemical_shift, high[name].diffusion)


def test_a_tissue_of_four_numbers_is_water() -> None:
    bottle = Tissue("bottle", 0.3, 0.2, 0.1, 1.0)
    assert [(peak.shift, peak.amplitude) for peak in bottle.chemical_shift] == [(0.0, 1.0)]
    assert bottle.susceptibility == WATER_SUSCEPTIBILITY


def test_every_number_has_a_source() -> None:
    for row in tissue_properties().values():
        assert {"proton_density", "susceptibility", "diffusion"} <= set(row.sources)
        mixed = len(row.chemical_shift) > 1
        assert mixed == ("fat_fraction" in row.sources), row.name
