"""A wanted lesion is painted, alone, inside the brain and with an exact mask; and other variations of a head."""

from __future__ import annotations

import pytest
import torch

from bloch.phantom import (
    LESIONS,
    brain_volume,
    lesion_mask,
    random_brain_slice,
    random_transmit_field,
    tissue_fraction,
)
from bloch.tissue import tissues_at

TISSUES = {
    "tumour": {"tumour", "oedema", "necrosis"},
    "stroke": {"acute_stroke", "chronic_stroke"},
    "plaques": {"ms_plaque"},
    "hyperintensities": {"ms_plaque"},
    "haemorrhage": {"haemorrhage", "oedema"},
}


@pytest.mark.parametrize("kind", list(TISSUES))
def test_a_wanted_lesion_is_painted_and_no_other(kind) -> None:
    found: set[str] = set()
    for seed in range(3):
        options = {"matrix": (72, 72), "orientation": "transaxial"}
        healthy = random_brain_slice(seed, lesions=False, **options)
        ill = random_brain_slice(seed, lesion=kind, **options)
        found |= {name for name in ill.tissues if name in LESIONS and tissue_fraction(ill, name).any()}
        changed = (ill.fractions.sum(0) - healthy.fractions.sum(0)).abs()
        assert float(changed.max()) < 1e-5  # tissue is turned, none is added
        brain = tissue_fraction(healthy, "grey_matter", "white_matter")
        assert bool((brain[lesion_mask(ill)] > 0.4).all())
    assert found
    assert found <= TISSUES[kind]


def test_a_haemorrhage_fills_the_mask_in_a_volume() -> None:
    volume = brain_volume(2, (12, 48, 48), voxel_size=(10e-3, 4e-3, 4e-3), lesion="haemorrhage")
    blood = tissue_fraction(volume, "haemorrhage")
    assert float(blood.max()) > 0.9
    assert bool(lesion_mask(volume)[blood > 0.6].all())
    assert set(LESIONS) <= set(tissues_at(1.5))


def test_an_unknown_lesion_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"aneurysm.*haemorrhage"):
        random_brain_slice(0, matrix=(16, 16), lesion="aneurysm")  # type: ignore[arg-type]


def test_a_transmit_field_is_smooth_and_has_its_spread() -> None:
    field = random_transmit_field(0, (30, 60, 61), (0.02, 0.01, 0.01), spread=0.1, length=0.05)
    assert float(field.std()) == pytest.approx(0.1, rel=0.15)
    assert float(field.mean()) == pytest.approx(1.0, abs=0.05)
    steps = [float(field.diff(dim=d).abs().max()) for d in (1, 2)]
    assert max(steps) < 0.15
    assert torch.equal(field, random_transmit_field(0, (30, 60, 61), (0.02, 0.01, 0.01), spread=0.1, length=0.05))
    with pytest.raises(ValueError, match="percent"):
        random_transmit_field(0, (3, 3, 3), (0.01, 0.01, 0.01), spread=10.0)
