"""MRD images are read back by the ismrmrd package with the same numbers, in the same place."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pirecon.image.image import Image
from pirecon.image.write import write_image
from pirecon.rawdata.geometry import Geometry

with warnings.catch_warnings():  # the package changes the warning filters at import
    import ismrmrd

Place = Callable[[Geometry], Image]
Rotate = Callable[[float, float, float], np.ndarray]


def geometry_of(
    directions: np.ndarray, matrix: tuple[int, int, int], voxel: tuple[float, float, float], *, n_slices: int = 1
) -> Geometry:
    steps = 0.01 * np.arange(n_slices)[:, None] * directions[0]
    return Geometry(matrix, voxel, np.array([0.011, -0.023, 0.037]) + steps, directions)


def read(path: Path) -> list[ismrmrd.Image]:
    with ismrmrd.Dataset(str(path), "dataset", mode="r") as file:
        return [file.read_image("image_0", i) for i in range(file.number_of_images("image_0"))]


def coordinates_by_header(image: ismrmrd.Image) -> np.ndarray:
    """LPS mm of every voxel, ``(z, y, x, 3)``, from the header alone, with the origin of the FFT at ``position``."""
    n = np.array(tuple(image.getHead().matrix_size))[::-1]  # (x, y, z) in the header
    step = np.array(image.field_of_view)[::-1] / n
    directions = np.array([image.slice_dir, image.phase_dir, image.read_dir])
    index = np.stack(np.meshgrid(*map(np.arange, n), indexing="ij"), axis=-1)
    return np.asarray(image.position + ((index - n // 2) * step) @ directions)


@pytest.mark.parametrize("matrix", [(1, 6, 8), (1, 7, 5), (3, 4, 5), (4, 5, 6)])
@pytest.mark.parametrize("angles", [(0, 0, 0), (15, -35, 60), (90, 0, 180)])
def test_every_voxel_is_where_the_header_says(
    matrix: tuple[int, int, int],
    angles: tuple[float, float, float],
    place_phantom: Place,
    rotation: Rotate,
    tmp_path: Path,
) -> None:
    geometry = geometry_of(rotation(*angles), matrix, (0.005, 0.002, 0.003), n_slices=2)
    write_image(place_phantom(geometry), tmp_path / "image.h5")
    images = read(tmp_path / "image.h5")
    assert len(images) == 6
    for image in images:
        axis = image.contrast  # contrast c holds 500 + coordinate c
        np.testing.assert_allclose(image.data[0] - 500, coordinates_by_header(image)[..., axis], atol=1e-3)
        first = [float(c) for c in ismrmrd.Meta.deserialize(image.attribute_string)["ImagePositionPatient"]]
        np.testing.assert_allclose(first[axis], image.data[0, 0, 0, 0] - 500, atol=1e-3)


def test_gadgetron_places_even_slices_alike(place_phantom: Place, rotation: Rotate, tmp_path: Path) -> None:
    """Gadgetron's DICOM export: first voxel = position − read_dir · fov_x / 2 − phase_dir · fov_y / 2."""
    geometry = geometry_of(rotation(15, -35, 60), (1, 6, 8), (0.005, 0.002, 0.003))
    write_image(place_phantom(geometry), tmp_path / "image.h5")
    for image in read(tmp_path / "image.h5"):
        fov, read_dir, phase_dir = image.field_of_view, np.array(image.read_dir), np.array(image.phase_dir)
        corner = np.array(image.position) - read_dir * fov[0] / 2 - phase_dir * fov[1] / 2
        np.testing.assert_allclose(corner[image.contrast], image.data[0, 0, 0, 0] - 500, atol=1e-3)


def test_header_in_xyz_order_and_millimetres(rotation: Rotate, tmp_path: Path) -> None:
    directions = rotation(15, -35, 60)
    image = Image(torch.ones(3, 4, 5).cfloat(), geometry_of(directions, (3, 4, 5), (0.005, 0.002, 0.003)))
    write_image(replace(image, metadata={"method": "tv"}, noise_scale=2.5e-4), tmp_path / "image.h5")
    (mrd,) = read(tmp_path / "image.h5")
    head = mrd.getHead()
    assert tuple(head.matrix_size) == (5, 4, 3)
    np.testing.assert_allclose(head.field_of_view, (15, 8, 15), rtol=1e-6)
    np.testing.assert_allclose(head.position, (11, -23, 37), rtol=1e-6)
    np.testing.assert_allclose([head.slice_dir, head.phase_dir, head.read_dir], directions, rtol=1e-6)
    assert (head.image_type, head.channels, head.image_index) == (ismrmrd.IMTYPE_MAGNITUDE, 1, 1)
    meta = ismrmrd.Meta.deserialize(mrd.attribute_string)
    np.testing.assert_allclose([float(c) for c in meta["ImageRowDir"]], directions[2])
    np.testing.assert_allclose([float(c) for c in meta["ImageColumnDir"]], directions[1])
    np.testing.assert_allclose([float(c) for c in meta["ImageSliceDir"]], directions[0])
    assert meta["ImageComments"] == "pirecon tv, SNR units"
    assert float(meta["NoiseScale"]) == 2.5e-4


@pytest.mark.parametrize("magnitude", [True, False])
def test_numbers_and_counters(magnitude: bool, tmp_path: Path, generator: torch.Generator) -> None:
    names = ("set", "repetition", "phase", "contrast", "slice")
    data = torch.randn(2, 1, 3, 2, 4, 1, 5, 6, dtype=torch.complex64, generator=generator)
    image = Image(data, geometry_of(np.eye(3)[::-1], (1, 5, 6), (0.005, 0.002, 0.003), n_slices=4), names)
    write_image(image, tmp_path / "image.h5", magnitude=magnitude)
    images = read(tmp_path / "image.h5")
    seen = {tuple(getattr(mrd, name) for name in names): mrd for mrd in images}
    assert set(seen) == set(itertools.product(range(2), range(1), range(3), range(2), range(4)))
    assert [mrd.image_index for mrd in images] == list(range(1, 49))
    for index, mrd in seen.items():
        expected = data[index].abs() if magnitude else data[index]
        assert mrd.data.dtype == (np.float32 if magnitude else np.complex64)
        np.testing.assert_array_equal(mrd.data[0], expected.numpy())
        assert mrd.image_type == (ismrmrd.IMTYPE_MAGNITUDE if magnitude else ismrmrd.IMTYPE_COMPLEX)
        np.testing.assert_allclose(mrd.position[2], 37 + 10 * index[-1], rtol=1e-6)


def test_axes_that_the_header_cannot_count_are_refused(tmp_path: Path) -> None:
    image = Image(torch.ones(2, 1, 4, 4).cfloat(), geometry_of(np.eye(3), (1, 4, 4), (1, 1, 1)), ("coil",))
    with pytest.raises(ValueError, match=r"\['coil'\], but MRD images count only"):
        write_image(image, tmp_path / "image.h5")
    assert not list(tmp_path.iterdir())
