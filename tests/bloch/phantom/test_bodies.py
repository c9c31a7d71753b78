"""Knee and abdomen: what touches what, which side is which, how much fat, how it breathes."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.ndimage import binary_dilation, label

from bloch.phantom import abdomen, breathing_motion, fat_volume_fraction, knee, tissue_fraction, voxel_centres
from bloch.phantom.solids import column, ellipsoid
from bloch.tissue import tissue_properties

VOXEL = (2e-3, 2e-3, 2e-3)


def filled(phantom, *names: str) -> torch.Tensor:
    return tissue_fraction(phantom, *names) > 0.5


@pytest.fixture(scope="module")
def a_knee():
    return knee((75, 71, 71), voxel_size=VOXEL)


@pytest.fixture(scope="module")
def an_abdomen():
    return abdomen((48, 81, 117), voxel_size=(6e-3, 3e-3, 3e-3), liver_fat_fraction=0.25)


def test_both_fill_space_with_tissues_of_the_table(a_knee, an_abdomen) -> None:
    for phantom in (a_knee, an_abdomen):
        assert set(phantom.tissues) <= set(tissue_properties())
        total = phantom.fractions.sum(0)
        assert float(total.max()) <= 1 + 1e-5
        surface = (total > 0) & (total < 1 - 1e-5)
        assert 0 < float(surface.float().mean()) < 0.1


def test_marrow_is_enclosed_by_cortical_bone(a_knee) -> None:
    marrow = filled(a_knee, "marrow").numpy()[2:-2]
    shell = binary_dilation(marrow, iterations=1) & ~marrow
    outside = ~tissue_fraction(a_knee, "marrow", "bone").gt(0.25).numpy()[2:-2]
    assert (shell & outside).sum() < 0.02 * shell.sum()
    assert label(marrow)[1] == 4  # femur, tibia, fibula, patella


def test_cartilage_keeps_the_bones_apart_and_fluid_lies_between(a_knee) -> None:
    cartilage = filled(a_knee, "cartilage")
    z = voxel_centres(a_knee.matrix, VOXEL)[..., 2]
    assert float(z[cartilage].min()) > -0.01
    assert float(z[cartilage].max()) < 0.06
    ml = float(tissue_fraction(a_knee, "cartilage").sum()) * 8e-3
    assert 5 < ml < 30
    fluid = binary_dilation(filled(a_knee, "vitreous").numpy(), iterations=1)
    assert (fluid & cartilage.numpy()).any()


def test_the_knee_is_a_left_one_with_the_patella_in_front(a_knee) -> None:
    x, y, z = voxel_centres(a_knee.matrix, VOXEL).unbind(-1)
    marrow = filled(a_knee, "marrow")
    assert float(y[marrow].min()) < -0.045  # patella: anterior is −y
    fibula = marrow & (x.abs() > 0.028) & (z < -0.03)
    assert fibula.any()
    assert float(x[fibula].min()) > 0  # lateral is towards the left


def test_more_subcutaneous_fat_means_more_fat() -> None:
    thin, thick = (
        float(tissue_fraction(knee((31, 71, 71), voxel_size=(5e-3, 2e-3, 2e-3), fat_thickness=t), "fat").sum())
        for t in (4e-3, 16e-3)
    )
    assert thick > 1.1 * thin


def test_organs_are_on_their_sides(an_abdomen) -> None:
    x, y, z = voxel_centres(an_abdomen.matrix, an_abdomen.voxel_size).unbind(-1)
    middle = {
        name: [float((w * c).sum() / w.sum()) for c in (x, y, z)]
        for name in ("liver", "spleen", "kidney_cortex", "csf")
        for w in (tissue_fraction(an_abdomen, name),)
    }
    assert middle["liver"][0] < -0.03  # the patient's right
    assert middle["spleen"][0] > 0.05
    assert abs(middle["kidney_cortex"][0]) < 0.01
    assert middle["csf"][1] > 0.07  # the spine is posterior
    assert middle["kidney_cortex"][2] < middle["liver"][2]
    volumes = {n: float(tissue_fraction(an_abdomen, n).sum()) * 54e-3 for n in ("liver", "spleen")}
    assert 900 < volumes["liver"] < 1800  # ml
    assert 100 < volumes["spleen"] < 350


@pytest.mark.parametrize("wanted", [0.05, 0.25, 0.6])
def test_the_liver_has_the_wanted_share_of_fat_protons(wanted: float) -> None:
    phantom = abdomen((1, 81, 117), voxel_size=(6e-3, 3e-3, 3e-3), liver_fat_fraction=wanted)
    liver = phantom.fractions[phantom.tissues.index("liver")]
    inside = (liver > 0.9 * liver.max()) & (phantom.fractions.sum(0) > 0.999)
    fat = total = 0.0
    for name, fraction in zip(phantom.tissues, phantom.fractions, strict=True):
        row = tissue_properties()[name]
        protons = row.proton_density * float(fraction[inside].sum())
        total += protons
        fat += protons * sum(peak.amplitude for peak in row.chemical_shift if peak.shift != 0)
    assert fat / total == pytest.approx(wanted, abs=0.01)
    assert 0 < fat_volume_fraction(wanted) < 1


def test_the_breath_is_a_diffeomorphism_that_leaves_the_spine_in_place() -> None:
    matrix, voxel = (45, 61, 87), (8e-3, 4e-3, 4e-3)
    motion = breathing_motion(matrix, voxel, superior_inferior=0.03, anterior_posterior=0.03)
    spacing = [float(v) for v in voxel]
    gradients = [torch.gradient(u, spacing=spacing) for u in motion.displacement]  # of L, P, S along z, y, x
    rows = [torch.stack([g[2], g[1], g[0]], -1) for g in gradients]
    jacobian = torch.stack(rows, -2) + torch.eye(3)
    assert float(torch.linalg.det(jacobian).min()) > 0.2
    x, y, z = voxel_centres(matrix, voxel).unbind(-1)
    behind = y > 0.046
    assert float(motion.displacement[:, behind].abs().max()) == 0
    middle = motion.displacement[2, :, 30, 43]  # along z through the middle
    assert bool((middle <= 0).all())  # breathing in moves organs down
    assert float(middle[-1]) == pytest.approx(-0.03, rel=1e-3)  # at the diaphragm
    assert bool((middle.abs().diff() >= -1e-9).all())  # less and less below it
    assert bool((motion.displacement[1] <= 0).all())  # the wall comes forward
    assert int(x.numel()) == 45 * 61 * 87
    assert float(z.max()) > 0.085


def test_distances_to_ellipsoids_are_exact_on_the_surface_and_right_beside_it() -> None:
    direction = torch.randn((50, 3), generator=torch.Generator().manual_seed(1))
    radii = torch.tensor([10.0, 20.0, 35.0])
    surface = direction / (direction / radii).norm(dim=1, keepdim=True)
    normal = torch.nn.functional.normalize(surface / radii**2, dim=1)
    for step in (-0.3, 0.0, 0.3):
        found = ellipsoid(surface + step * normal, (0.0, 0.0, 0.0), (10.0, 20.0, 35.0))
        torch.testing.assert_close(found, torch.full((50,), step), atol=0.02, rtol=0)
    ball = ellipsoid(direction, (0.0, 0.0, 0.0), (2.0, 2.0, 2.0))
    torch.testing.assert_close(ball, direction.norm(dim=1) - 2, atol=1e-5, rtol=0)
    assert float(ellipsoid(torch.zeros(3), (0.0, 0.0, 0.0), (3.0, 2.0, 4.0))) == -2.0
    angle = torch.linspace(0, 2 * math.pi, 9)
    points = torch.stack([4 * angle.cos(), 7 * angle.sin(), angle], -1)
    torch.testing.assert_close(column(points, (0.0, 0.0), (4.0, 7.0)), torch.zeros(9), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: abdomen((2, 8, 8), liver_fat_fraction=25.0), "percent"),
        (lambda: abdomen((2, 8, 8), liver_fat_fraction=0.0), "its own"),
        (lambda: abdomen((2, 8, 8), fat_thickness=18.0), "fat_thickness"),
        (lambda: knee((2, 8, 8), cartilage_thickness=2.0), "joint space"),
        (lambda: knee((2, 8, 8), voxel_size=(1.0, 1.0, 1.0)), "mm"),
        (lambda: breathing_motion((2, 8, 8), VOXEL, superior_inferior=15.0), "mm"),
    ],
)
def test_bad_input_is_refused(make, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        make()
