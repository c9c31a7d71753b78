"""NIfTI files say where every voxel is: nibabel's world coordinates against a phantom that holds its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from nibabel.orientations import aff2axcodes

from pirecon.algebra.fft import centred_fft, centred_ifft, crop_or_pad_centre
from pirecon.image.image import Image
from pirecon.image.nifti import affine_ras_mm
from pirecon.image.write import write_image
from pirecon.rawdata.geometry import Geometry

Place = Callable[[Geometry], Image]
Rotate = Callable[[float, float, float], np.ndarray]

# Every way in which three perpendicular axes can lie along L, P, S, with either sign: 48, half of them left-handed.
SIGNED_PERMUTATIONS = [
    np.diag(signs)[list(order)]
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]
AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])  # z to superior, y to posterior, x to left


def slab(directions: np.ndarray, matrix: tuple[int, int, int] = (3, 4, 5)) -> Geometry:
    return Geometry(matrix, (0.004, 0.0025, 0.0015), np.array([[0.011, -0.023, 0.037]]), directions)


def slices(directions: np.ndarray, places: np.ndarray) -> Geometry:
    """Slices 4 mm thick at ``places`` (m) along their normal."""
    centres = np.array([0.011, -0.023, 0.037]) + np.asarray(places)[:, None] * directions[0]
    return Geometry((1, 6, 7), (0.004, 0.002, 0.003), centres, directions)


def assert_every_voxel_is_at_its_place(path: Path) -> None:
    nifti = nibabel.load(path)
    values = np.asarray(nifti.dataobj, dtype=float)  # (x, y, z, 3): 500 + L, P, S
    indices = np.stack(np.meshgrid(*map(np.arange, values.shape[:3]), indexing="ij"), axis=-1)
    for affine in (nifti.get_sform(), nifti.get_qform()):
        world = nibabel.affines.apply_affine(affine, indices)  # R, A, S
        np.testing.assert_allclose(world, (values - 500) * [-1, -1, 1], atol=1e-3)


@pytest.mark.parametrize("directions", SIGNED_PERMUTATIONS, ids=lambda d: "".join(aff2axcodes(np.pad(d.T, (0, 1)))))
def test_3d_slab_in_every_orientation(directions: np.ndarray, place_phantom: Place, tmp_path: Path) -> None:
    write_image(place_phantom(slab(directions)), tmp_path / "slab.nii")
    assert_every_voxel_is_at_its_place(tmp_path / "slab.nii")


@pytest.mark.parametrize("matrix", [(1, 1, 1), (2, 4, 6), (3, 5, 7), (1, 8, 5), (4, 3, 2)])
@pytest.mark.parametrize("angles", [(10, 20, 30), (-50, 5, 170), (90, 0, 45)])
def test_oblique_slab_on_odd_and_even_matrices(
    matrix: tuple[int, int, int],
    angles: tuple[float, float, float],
    place_phantom: Place,
    rotation: Rotate,
    tmp_path: Path,
) -> None:
    write_image(place_phantom(slab(rotation(*angles), matrix)), tmp_path / "slab.nii.gz")
    assert_every_voxel_is_at_its_place(tmp_path / "slab.nii.gz")


@pytest.mark.parametrize("spacing", [0.004, 0.0065, -0.004, -0.01], ids=lambda s: f"{1e3 * s:g} mm")
@pytest.mark.parametrize("n_slices", [2, 5])
def test_slices_stacked_along_and_against_the_slice_direction(
    spacing: float, n_slices: int, place_phantom: Place, rotation: Rotate, tmp_path: Path
) -> None:
    geometry = slices(rotation(15, -35, 60), spacing * (np.arange(n_slices) - 1.3))
    write_image(place_phantom(geometry), tmp_path / "stack.nii.gz")
    assert_every_voxel_is_at_its_place(tmp_path / "stack.nii.gz")
    x, y, z = nibabel.load(tmp_path / "stack.nii.gz").header.get_zooms()[:3]
    np.testing.assert_allclose((x, y, z), (3, 2, 1e3 * abs(spacing)), rtol=1e-5)  # spacing, not thickness


@pytest.mark.parametrize("directions", SIGNED_PERMUTATIONS[::5], ids=lambda d: str(d.astype(int).tolist()))
def test_interleaved_slice_numbers_are_sorted(directions: np.ndarray, place_phantom: Place, tmp_path: Path) -> None:
    geometry = slices(directions, 0.005 * np.array([0, 2, 4, 1, 3]))
    write_image(place_phantom(geometry), tmp_path / "stack.nii")
    assert_every_voxel_is_at_its_place(tmp_path / "stack.nii")


@pytest.mark.parametrize("sign", [1, -1])
def test_adjoining_slabs_become_one_volume(sign: int, place_phantom: Place, rotation: Rotate, tmp_path: Path) -> None:
    directions = rotation(15, -35, 60)
    centres = np.array([0.01, 0.02, 0.03]) + sign * np.arange(3)[:, None] * 4 * 0.002 * directions[0]
    geometry = Geometry((4, 3, 5), (0.002, 0.003, 0.001), centres, directions)
    write_image(place_phantom(geometry), tmp_path / "slabs.nii")
    assert nibabel.load(tmp_path / "slabs.nii").shape == (5, 3, 12, 3)
    assert_every_voxel_is_at_its_place(tmp_path / "slabs.nii")


def test_axis_codes_of_supine_axial_scans(place_phantom: Place, tmp_path: Path) -> None:
    # Read-out to anterior, phase encoding to the patient's right, slices from superior to inferior, all in LPS.
    to_anterior, to_right, to_inferior = np.array([0.0, -1, 0]), np.array([-1.0, 0, 0]), np.array([0.0, 0, -1])
    geometry = slices(np.stack([to_inferior, to_right, to_anterior]), 0.01 * np.arange(4))
    write_image(place_phantom(geometry), tmp_path / "head.nii.gz")
    assert aff2axcodes(nibabel.load(tmp_path / "head.nii.gz").affine) == ("A", "R", "I")
    # The same slices numbered from the feet: only the stacking direction turns round.
    assert aff2axcodes(affine_ras_mm(replace(geometry, centres=geometry.centres[::-1]))) == ("A", "R", "S")
    assert aff2axcodes(affine_ras_mm(slab(AXIAL))) == ("L", "P", "S")


def test_a_point_stays_in_place_when_the_grid_is_refined() -> None:
    """Zero-filling k-space moves a point to a finer grid; its world coordinates stay."""
    geometry = slab(AXIAL, (4, 5, 6))
    finer = geometry.with_matrix((9, 8, 13))
    point = torch.zeros(4, 5, 6, dtype=torch.complex128)
    point[2, 2, 3] = 1
    spectrum = crop_or_pad_centre(centred_fft(point, (0, 1, 2)), finer.matrix)
    fine = centred_ifft(spectrum, (0, 1, 2)).abs()
    peak = [int(i) for i in np.unravel_index(int(fine.argmax()), finer.matrix)]
    before = affine_ras_mm(geometry) @ [3, 2, 2, 1]
    after = affine_ras_mm(finer) @ [*reversed(peak), 1]
    np.testing.assert_allclose(after, before, atol=1e-9)


def test_header_says_units_codes_and_content(place_phantom: Place, tmp_path: Path) -> None:
    image = replace(place_phantom(slab(AXIAL)), metadata={"method": "cg-sense"})
    write_image(image, tmp_path / "a.nii.gz")
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert header.get_xyzt_units() == ("mm", "sec")
    assert (int(header["qform_code"]), int(header["sform_code"])) == (1, 1)
    assert header.get_data_dtype() == np.float32
    assert header.get_dim_info() == (0, 1, 2)
    np.testing.assert_allclose(header.get_zooms()[:3], (1.5, 2.5, 4.0), rtol=1e-6)
    assert bytes(header["descrip"].item()) == b"pirecon cg-sense; magnitude, SNR units"


def test_values_are_the_image_itself(tmp_path: Path, generator: torch.Generator) -> None:
    data = 1e4 * torch.randn(3, 4, 5, dtype=torch.complex64, generator=generator)
    image = Image(data, slab(AXIAL), noise_scale=3.0)
    write_image(image, tmp_path / "magnitude.nii")
    write_image(image, tmp_path / "complex.nii", magnitude=False)
    magnitude = np.asarray(nibabel.load(tmp_path / "magnitude.nii").dataobj)
    complex_values = np.asarray(nibabel.load(tmp_path / "complex.nii").dataobj)
    assert complex_values.dtype == np.complex64
    np.testing.assert_array_equal(complex_values, data.permute(2, 1, 0).numpy())
    np.testing.assert_allclose(magnitude, np.abs(complex_values), rtol=1e-6)


def test_batch_axes_follow_in_reverse_order(tmp_path: Path, generator: torch.Generator) -> None:
    shape = (2, 3, 4, 5, 6, 1, 6, 7)
    names = ("set", "repetition", "phase", "contrast", "slice")
    data = torch.rand(shape, generator=generator).to(torch.complex64)
    write_image(Image(data, slices(AXIAL, 0.004 * np.arange(6)), names), tmp_path / "all.nii")
    values = np.asarray(nibabel.load(tmp_path / "all.nii").dataobj)
    assert values.shape == (7, 6, 6, 5, 4, 3, 2)
    for index in [(1, 2, 3, 4, 5, 0, 5, 6), (0, 1, 2, 3, 4, 0, 1, 2)]:
        set_, repetition, phase, contrast, slice_, _, y, x = index
        assert values[x, y, slice_, contrast, phase, repetition, set_] == data[index].abs()


def test_slice_axis_is_found_by_name(tmp_path: Path, generator: torch.Generator) -> None:
    data = torch.rand(6, 2, 1, 6, 7, generator=generator).to(torch.complex64)
    write_image(Image(data, slices(AXIAL, 0.004 * np.arange(6)), ("slice", "repetition")), tmp_path / "series.nii")
    values = np.asarray(nibabel.load(tmp_path / "series.nii").dataobj)
    np.testing.assert_array_equal(values, data.abs()[:, :, 0].permute(3, 2, 0, 1).numpy())


def test_the_same_image_gives_the_same_bytes(place_phantom: Place, tmp_path: Path) -> None:
    image = place_phantom(slab(AXIAL))
    write_image(image, tmp_path / "a.nii.gz")
    write_image(image, tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize(
    "places", [[0, 0], [0, 0, 0], [0, 0.004, 0.009], [0, 0.004, 0.004, 0.008], [0, 0.004, 0.0083, 0.0123]]
)
def test_uneven_slices_are_refused(places: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no even stack.*MRD images keep the position"):
        affine_ras_mm(slices(AXIAL, np.array(places)))


def test_slices_that_run_away_sideways_are_refused() -> None:
    geometry = slices(AXIAL, 0.004 * np.arange(4))
    shifted = geometry.centres + np.arange(4)[:, None] * np.array([0.001, 0, 0])
    with pytest.raises(ValueError, match="no even stack"):
        affine_ras_mm(replace(geometry, centres=shifted))


def test_positions_rounded_to_a_hundredth_of_a_millimetre_are_even(rotation: Rotate) -> None:
    geometry = slices(rotation(15, -35, 60), 0.005 * np.arange(20))
    rounded = replace(geometry, centres=np.round(geometry.centres, 5))
    np.testing.assert_allclose(affine_ras_mm(rounded), affine_ras_mm(geometry), atol=0.011)


@pytest.mark.parametrize("directions", [np.zeros((3, 3)), np.eye(3) * 2, np.eye(3) + np.eye(3, k=1) * 0.1])
def test_directions_that_are_no_rotation_are_refused(directions: np.ndarray) -> None:
    with pytest.raises(ValueError, match="perpendicular unit vectors"):
        affine_ras_mm(slab(directions))


def test_too_many_axes_are_refused(tmp_path: Path) -> None:
    image = Image(torch.ones(1, 1, 1, 1, 2, 3, 4, 5).cfloat()[..., :3, :, :], slab(AXIAL), tuple("abcde"))
    with pytest.raises(ValueError, match="at most seven axes"):
        write_image(image, tmp_path / "a.nii")
    assert not list(tmp_path.iterdir())
