"""Heads, ellipsoids and blocks: fractions, seeds, directions, lesions."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from bloch.phantom import (
    Phantom,
    asymmetric,
    brain_volume,
    lesion_mask,
    magnetisation_image,
    random_brain_slice,
    shepp_logan,
    tissue_fraction,
    tissue_signal,
)
from bloch.phantom.placement import random_placement
from bloch.sequence import Protocol, inversion_time_of_null
from bloch.tissue import tissues_at

T2_WEIGHTED = Protocol("turbo_spin_echo", 0.1, 5.0, echo_train_length=20, echo_spacing=0.01)
T1_WEIGHTED = Protocol("spoiled_gradient_echo", 0.004, 0.03, flip_angle=math.radians(80))
FLAIR = Protocol("inversion_recovery", 0.1, 6.0, inversion_time=inversion_time_of_null(4.3, 6.0, 0.1))


@pytest.mark.parametrize("orientation", ["transaxial", "coronal", "sagittal"])
@pytest.mark.parametrize("seed", range(4))
def test_fractions_are_fractions(orientation, seed: int) -> None:
    phantom = random_brain_slice(seed, matrix=(111, 128), orientation=orientation, lesions=True)
    assert phantom.fractions.dtype == torch.float32
    assert phantom.matrix == (1, 111, 128)
    assert float(phantom.fractions.min()) >= 0
    assert float(phantom.fractions.sum(0).max()) <= 1 + 1e-5
    assert set(phantom.tissues) <= set(tissues_at(0.3))


def test_the_same_seed_gives_the_same_head_and_another_seed_another() -> None:
    first, again, other = (random_brain_slice(seed, matrix=(64, 64), orientation="transaxial") for seed in (7, 7, 8))
    assert first.tissues == again.tissues
    assert torch.equal(first.fractions, again.fractions)
    difference = tissue_fraction(first, "white_matter") - tissue_fraction(other, "white_matter")
    assert float(difference.abs().mean()) > 0.01


def test_a_seed_is_a_generator_with_that_seed() -> None:
    from_seed = random_brain_slice(3, matrix=(48, 48))
    from_generator = random_brain_slice(torch.Generator().manual_seed(3), matrix=(48, 48))
    assert torch.equal(from_seed.fractions, from_generator.fractions)


def test_edges_are_hard() -> None:
    phantom = random_brain_slice(1, matrix=(256, 256), orientation="transaxial", lesions=False)
    white = tissue_fraction(phantom, "white_matter")
    mixed = ((white > 0.05) & (white < 0.95)).sum() / (white > 0.5).sum()
    assert float(mixed) < 0.4  # the ICBM152 map itself: about 1


def test_lesions_lie_in_the_brain_and_only_when_asked() -> None:
    painted = 0
    for seed in range(8):
        healthy = random_brain_slice(seed, matrix=(128, 128), orientation="transaxial", lesions=False)
        ill = random_brain_slice(seed, matrix=(128, 128), orientation="transaxial", lesions=True)
        assert not lesion_mask(healthy, threshold=0.0).any()
        mask = lesion_mask(ill)
        brain = tissue_fraction(healthy, "grey_matter", "white_matter")
        assert bool((brain[mask] > 0.4).all())
        painted += int(mask.any())
        unchanged = ~lesion_mask(ill, threshold=0.0)
        before, after = (tissue_fraction(p, "white_matter")[unchanged] for p in (healthy, ill))
        torch.testing.assert_close(before, after)
    assert painted >= 4


@pytest.mark.parametrize("seed", range(5))
def test_the_deformation_is_invertible(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    placement = random_placement(generator, (24, 48, 48), (4.0, 4.0, 4.0), orientation="transaxial", offset=0.0)
    gradients = torch.gradient(placement.points, spacing=4.0, dim=(2, 1, 0))  # along x, y, z
    jacobian = torch.stack([g * s for g, s in zip(gradients, (-1, -1, 1), strict=True)], -1)  # LPS to RAS
    assert float(torch.linalg.det(jacobian).min()) > 0.2


def test_without_deformation_a_transaxial_slice_is_symmetric_and_upright() -> None:
    volume = brain_volume(0, (9, 61, 61), voxel_size=(15e-3, 4e-3, 4e-3), deformation=0.0)
    brain = tissue_fraction(volume, "grey_matter", "white_matter")
    torch.testing.assert_close(brain.sum((1, 2)), brain.flip(2).sum((1, 2)))
    assert float(brain[-1].sum()) < float(brain[5].sum())  # less brain at the vertex
    eyes = tissue_fraction(volume, "vitreous").sum((0, 2))
    assert int(eyes.argmax()) < 25  # anterior is at small y
    assert float(eyes.max()) > 0


def test_views_of_one_average_head_agree() -> None:
    voxel = (4e-3, 4e-3, 4e-3)
    views = {
        name: tissue_fraction(
            brain_volume(0, (45, 45, 45), voxel_size=voxel, orientation=name, deformation=0.0), "vitreous", "bone"
        )
        for name in ("transaxial", "coronal", "sagittal")
    }
    transaxial = views["transaxial"]  # z up, y posterior, x left
    coronal = views["coronal"].permute(1, 0, 2).flip(0)  # its axes: posterior, inferior, left
    sagittal = views["sagittal"].permute(1, 2, 0).flip(0)  # its axes: left, inferior, posterior
    upside_down = float((transaxial - coronal.flip(0)).abs().mean())
    assert float((transaxial - coronal).abs().mean()) < 0.5 * upside_down
    assert float((transaxial - sagittal).abs().mean()) < 0.5 * upside_down


def test_the_letter_f_differs_from_all_its_rotations_reflections_and_swaps() -> None:
    volume = asymmetric((20, 20, 20), field_of_view=(0.2, 0.2, 0.2))
    image = torch.einsum("tzyx,t->zyx", volume.fractions, torch.tensor([1.0, 2.0]))
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product([False, True], repeat=3):
            if axes == (0, 1, 2) and not any(flips):
                continue
            turned = image.permute(axes).flip([a for a, f in enumerate(flips) if f])
            assert float((turned - image).abs().sum()) > 0.05 * float(image.sum())


def test_the_letter_f_reads_correctly() -> None:
    f = tissue_fraction(asymmetric((1, 64, 48), field_of_view=(0.005, 0.2, 0.15)), "grey_matter")[0]
    assert float(f[:32].sum()) > float(f[32:].sum())  # arms in the upper half
    assert float(f[:, :24].sum()) > float(f[:, 24:].sum())  # stem on the left


def test_shepp_logan_ellipses_have_their_areas() -> None:
    phantom = shepp_logan((1, 256, 256), field_of_view=(0.005, 0.2, 0.2))
    pixels_per_unit_area = 128**2
    everything = float(phantom.fractions.sum()) / pixels_per_unit_area
    assert everything == pytest.approx(math.pi * 0.72 * 0.95, rel=0.08)  # cut at z = -0.25 of 0.93
    ventricles = float(tissue_fraction(phantom, "csf").sum()) / pixels_per_unit_area
    assert ventricles == pytest.approx(math.pi * (0.11 * 0.31 + 0.16 * 0.41), rel=0.08)


def test_shepp_logan_is_three_dimensional() -> None:
    phantom = shepp_logan((33, 47, 50), field_of_view=(0.2, 0.2, 0.2))
    volume = float(phantom.fractions.sum()) / (33 * 47 * 50) * 8
    assert volume == pytest.approx(4 / 3 * math.pi * 0.72 * 0.95 * 0.93, rel=0.03)


@pytest.mark.parametrize(
    ("protocol", "order"),
    [
        (T2_WEIGHTED, ("csf", "grey_matter", "white_matter", "muscle", "bone")),
        (T1_WEIGHTED, ("fat", "white_matter", "grey_matter", "csf", "bone")),
        (FLAIR, ("tumour", "grey_matter", "white_matter", "csf")),
    ],
)
@pytest.mark.parametrize("B0", [0.055, 0.3])
def test_contrast_has_the_order_that_a_radiologist_expects(protocol: Protocol, order, B0: float) -> None:
    tissues = tissues_at(B0)
    signals = [abs(float(tissue_signal(tissues[name], protocol))) for name in order]
    assert signals == sorted(signals, reverse=True)


def test_a_pure_voxel_has_the_signal_of_its_tissue() -> None:
    phantom = asymmetric((1, 20, 20), field_of_view=(0.005, 0.2, 0.2))
    image = magnetisation_image(phantom, T2_WEIGHTED, 0.3)
    expected = float(tissue_signal(tissues_at(0.3)["csf"], T2_WEIGHTED))
    assert float(image[0, 14, 13]) == pytest.approx(expected, rel=1e-5)
    assert float(image[0, 0, 0]) == 0


def test_texture_is_repeatable_weak_and_confined_to_tissue() -> None:
    phantom = random_brain_slice(2, matrix=(160, 160), orientation="transaxial")
    flat = magnetisation_image(phantom, T1_WEIGHTED, 0.3)
    textured, again = (
        magnetisation_image(phantom, T1_WEIGHTED, 0.3, generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(textured, again)
    assert float(textured.min()) >= 0
    assert not textured[flat == 0].any()
    pure = tissue_fraction(phantom, "white_matter") > 0.99
    spread = float(textured[pure].std() / textured[pure].mean())
    assert 0.01 < spread < 0.15


def test_an_unknown_tissue_is_named() -> None:
    phantom = Phantom(torch.ones(1, 1, 4, 4), ("cheese",), (1e-3, 1e-3, 1e-3))
    with pytest.raises(ValueError, match="cheese"):
        magnetisation_image(phantom, T2_WEIGHTED, 0.3)


def test_mismatched_names_are_refused() -> None:
    with pytest.raises(ValueError, match="one entry per tissue"):
        Phantom(torch.ones(2, 1, 4, 4), ("csf",), (1e-3, 1e-3, 1e-3))


def test_an_impossible_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        random_brain_slice(0, matrix=(0, 10))
