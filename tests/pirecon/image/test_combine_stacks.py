"""Stacks of images, from files and from raw data, into one volume with its place in the patient."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from pirecon.calibration.voxel_positions import voxel_positions
from pirecon.cli.combine import combine_command
from pirecon.encoding.slice_profile import box_profile
from pirecon.image import Image, write_image
from pirecon.image.combine_stacks import combine_stacks
from pirecon.image.nifti_read import read_nifti
from pirecon.image.stack_volume import common_volume
from pirecon.rawdata.geometry import Geometry

WAYS = {
    "transaxial": np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]),
    "coronal": np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]]),
    "sagittal": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}
SIZE, THICKNESS = 2e-3, 6e-3
OFFSET = np.array([5e-3, -8e-3, 11e-3])  # of the body from the isocentre
SPOTS = {(8e-3, 0, 0): 20.0, (0, -9e-3, 0): 30.0, (0, 0, 12e-3): 40.0}  # L, P, S from the body's middle


def magnetisation(points: torch.Tensor) -> torch.Tensor:
    """A ball with three unequal spots, one on the way to each of L, A, S."""
    offset = points - torch.from_numpy(OFFSET)
    image = 10 * torch.sigmoid((20e-3 - offset.norm(dim=-1)) / 1e-3)
    for place, height in SPOTS.items():
        image = image + height * torch.exp(-0.5 * ((offset - torch.tensor(place)) / 1.7e-3).square().sum(dim=-1))
    return image


def stack(
    way: str, *, noise: float = 0.05, seed: int = 0, n: int = 9, in_plane: int = 30, brightness: float = 1
) -> Image:
    """Means over twelve planes of the thickness, with a phase of its own."""
    directions = WAYS[way]
    centres = OFFSET + ((np.arange(n) - n // 2) * THICKNESS)[:, None] * directions[0]
    geometry = Geometry((1, in_plane, in_plane), (THICKNESS, SIZE, SIZE), centres, directions)
    points, normal = voxel_positions(geometry), torch.from_numpy(directions[0])
    planes = [magnetisation(points + (i - 5.5) / 12 * THICKNESS * normal) for i in range(12)]
    image = brightness * torch.stack(planes).mean(dim=0)
    parts = torch.randn(*image.shape, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    phase = torch.polar(torch.ones_like(image), 40 * points[..., seed % 3] + seed)
    data = image * phase + noise * torch.view_as_complex(parts)
    return Image(data.to(torch.complex64), geometry, ("slice",), 2e-6, {"field_strength": 0.1})


def three(**changes: float) -> list[Image]:
    return [stack(way, seed=seed, **changes) for seed, way in enumerate(WAYS)]  # type: ignore[arg-type]


def test_the_volume_is_the_body_in_its_place() -> None:
    found = combine_stacks(three(), profile=box_profile())
    assert found.geometry.voxel_size == (SIZE, SIZE, SIZE)
    assert found.batch_axes == ()
    assert found.noise_scale == 2e-6
    truth = magnetisation(voxel_positions(found.geometry)[0])
    assert float((found.data.abs() - truth).norm() / truth.norm()) < 0.15
    for place, height in SPOTS.items():
        away = (voxel_positions(found.geometry)[0] - torch.from_numpy(OFFSET + np.array(place))).norm(dim=-1)
        index = int(away.argmin())
        assert float(found.data.abs().flatten()[index]) > 10 + 0.5 * height
    notes = found.notes
    assert "9 coronal slices (2 x 2 x 6 mm)" in notes["stacks"]  # type: ignore[index]
    assert found.metadata["field_strength"] == 0.1


def test_brightness_and_order_of_stacks_do_not_matter() -> None:
    plain = combine_stacks(three(), profile=box_profile())
    stacks = three()
    bright = [stacks[0], replace(stacks[1], data=3 * stacks[1].data), replace(stacks[2], data=0.5j * stacks[2].data)]
    scaled = combine_stacks(bright, profile=box_profile())
    assert float((scaled.data - plain.data).norm() / plain.data.norm()) < 0.05
    backwards = replace(
        stacks[1], data=stacks[1].data.flip(0), geometry=replace(
            stacks[1].geometry, centres=np.asarray(stacks[1].geometry.centres)[::-1]
        ),
    )  # fmt: skip
    turned = combine_stacks([stacks[0], backwards, stacks[2]], profile=box_profile())
    torch.testing.assert_close(turned.data, plain.data, rtol=1e-3, atol=1e-2)


def test_a_stack_of_a_smaller_field_of_view_is_welcome() -> None:
    stacks = three()
    small = stack("coronal", n=3, in_plane=16, seed=1)
    found = combine_stacks([stacks[0], small, stacks[2]], profile=box_profile())
    truth = magnetisation(voxel_positions(found.geometry)[0])
    assert float((found.data.abs() - truth).norm() / truth.norm()) < 0.2


def test_one_way_is_combined_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"one stack was combined: resolution through the plane"):
        found = combine_stacks(three()[:1])
    assert "100 % of the object is seen by one stack only" in found.notes["volume"]
    with pytest.warns(UserWarning, match="all 2 stacks run the same way"):
        combine_stacks([stack("coronal"), stack("coronal", seed=4)])


def test_stacks_of_something_else_are_named() -> None:
    stacks = three()
    swapped = replace(stacks[1], data=stacks[1].data.abs().max() - stacks[1].data.abs().to(torch.complex64))
    with pytest.warns(UserWarning, match="stack 2 hardly resembles"):
        combine_stacks([stacks[0], swapped, stacks[2]])


def test_stacks_far_apart_are_refused() -> None:
    stacks = three()
    away = replace(stacks[1].geometry, centres=np.asarray(stacks[1].geometry.centres) + np.array([0.1, 0, 0]))
    with pytest.raises(ValueError, match="stack 2 does not overlap"):
        combine_stacks([stacks[0], replace(stacks[1], geometry=away)])
    with pytest.raises(ValueError, match="take larger voxels"):
        combine_stacks(stacks, voxel=1e-5)


def test_what_is_no_stack_is_refused() -> None:
    one = three()[0]
    with pytest.raises(ValueError, match="no stacks"):
        combine_stacks([])
    with pytest.raises(ValueError, match="above 0 m"):
        combine_stacks([one], voxel=0.0)
    with pytest.raises(ValueError, match="2 noise levels were given for 1 stacks"):
        combine_stacks([one], noise=[1.0, 1.0])
    series = replace(one, data=torch.stack([one.data, one.data]), batch_axes=("contrast", "slice"))
    with pytest.raises(ValueError, match="one contrast or repetition at a time"):
        combine_stacks([series])
    with pytest.raises(ValueError, match="nothing but zeros"):
        combine_stacks([replace(one, data=torch.zeros_like(one.data))])


def test_the_common_volume_holds_every_slice_on_the_voxels_of_the_planes() -> None:
    geometries = [image.geometry for image in three()]
    grid = common_volume(geometries, SIZE)
    points = voxel_positions(grid)[0].reshape(-1, 3)
    low, high = points.amin(0) - SIZE / 2 - 1e-9, points.amax(0) + SIZE / 2 + 1e-9
    for geometry in geometries:
        inside = voxel_positions(geometry).reshape(-1, 3)
        assert bool(((inside > low) & (inside < high)).all())
    away = (voxel_positions(geometries[0])[0, 0, 0, 0, :2] - points[0, :2]) / SIZE
    torch.testing.assert_close(away, away.round(), rtol=0, atol=1e-6)


def test_nifti_comes_back_as_it_was_written(tmp_path: Path) -> None:
    for way in WAYS:
        image = stack(way)
        write_image(image, tmp_path / "stack.nii.gz")
        found = read_nifti(tmp_path / "stack.nii.gz")
        torch.testing.assert_close(found.data.abs(), image.data.abs(), rtol=1e-5, atol=1e-5)
        there, here = voxel_positions(found.geometry), voxel_positions(image.geometry)
        torch.testing.assert_close(there, here, rtol=0, atol=1e-6)
        assert found.geometry.voxel_size == pytest.approx(image.geometry.voxel_size, rel=1e-5)
    assert read_nifti(tmp_path / "stack.nii.gz", thickness=4e-3).geometry.voxel_size[0] == 4e-3


def test_nifti_without_place_or_with_a_series_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.nii"
    nibabel.Nifti1Image(np.ones((4, 4, 4, 2), np.float32), np.eye(4)).to_filename(path)
    with pytest.raises(ValueError, match="three axes and finite values"):
        read_nifti(path)
    nowhere = nibabel.Nifti1Image(np.ones((4, 4, 4), np.float32), None)
    nowhere.to_filename(path)
    with pytest.raises(ValueError, match="does not say where its voxels lie"):
        read_nifti(path)
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    nibabel.Nifti1Image(np.ones((4, 4, 4), np.float32), sheared).to_filename(path)
    with pytest.raises(ValueError, match="shears"):
        read_nifti(path)


def test_the_command_combines_nifti_files(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(combine_command)
    paths = []
    for image, way in zip(three(), WAYS, strict=True):
        paths.append(str(tmp_path / f"{way}.nii.gz"))
        write_image(image, paths[-1])
    output = tmp_path / "volume.nii.gz"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        done = CliRunner().invoke(app, [*paths, "-o", str(output), "--voxel", "3"])
    assert done.exit_code == 0, done.output
    assert "slice profile: slice profile of a sinc pulse" in done.output
    volume = nibabel.load(output)
    np.testing.assert_allclose(volume.header.get_zooms(), (3, 3, 3), rtol=1e-5)
    refused = CliRunner().invoke(app, [*paths, "-o", str(output), "--voxel", "-1"])
    assert refused.exit_code == 2
