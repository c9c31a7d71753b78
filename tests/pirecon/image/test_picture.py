"""Pictures look as on a radiologist's screen."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch

from pirecon.image.image import Image
from pirecon.image.picture import even_selection, radiological_view, white_level
from pirecon.image.write import write_image
from pirecon.rawdata.geometry import Geometry

AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
SIGNED_PERMUTATIONS = [
    np.diag(signs)[list(order)]
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]
# Patient axis of the normal → what must grow to the right and downwards: (LPS axis, sign).
EXPECTED = {2: ((0, 1), (1, 1)), 1: ((0, 1), (2, -1)), 0: ((1, 1), (2, -1))}


def coordinate_planes(geometry: Geometry) -> torch.Tensor:
    """L, P and S of every pixel of one slice, mm, ``(3, y, x)``."""
    planes = np.zeros((3, *geometry.matrix[1:]))
    for y, x in np.ndindex(planes.shape[1:]):
        offset = (
            y * geometry.voxel_size[1] * geometry.directions[1] + x * geometry.voxel_size[2] * geometry.directions[2]
        )
        planes[:, y, x] = 1e3 * offset
    return torch.from_numpy(planes)


@pytest.mark.parametrize("directions", SIGNED_PERMUTATIONS, ids=lambda d: str(d.astype(int).tolist()))
@pytest.mark.parametrize("angles", [(0, 0, 0), (12, -9, 15)], ids=["straight", "oblique"])
def test_radiological_orientation(
    directions: np.ndarray, angles: tuple[float, float, float], rotation: Callable[..., np.ndarray]
) -> None:
    geometry = Geometry((1, 6, 9), (0.005, 0.002, 0.002), np.zeros((1, 3)), directions @ rotation(*angles).T)
    view = radiological_view(coordinate_planes(geometry), geometry)
    (right, right_sign), (down, down_sign) = EXPECTED[int(np.argmax(np.abs(directions[0])))]
    assert (right_sign * view[right].diff(dim=-1) > 0).all()
    assert (down_sign * view[down].diff(dim=-2) > 0).all()


@pytest.mark.parametrize("directions", SIGNED_PERMUTATIONS[::7], ids=lambda d: str(d.astype(int).tolist()))
def test_pixels_become_square(directions: np.ndarray) -> None:
    geometry = Geometry((1, 20, 30), (0.005, 0.002, 0.001), np.zeros((1, 3)), directions)
    view = radiological_view(coordinate_planes(geometry), geometry)
    step_right = view.diff(dim=-1)[:, 5:-5, 5:-5].norm(dim=0)
    step_down = view.diff(dim=-2)[:, 5:-5, 5:-5].norm(dim=0)
    np.testing.assert_allclose(step_right, 1.0, rtol=1e-4)
    np.testing.assert_allclose(step_down, 1.0, rtol=1e-4)


def test_png_shows_every_slice_in_order(tmp_path: Path) -> None:
    """Slice n has n + 1 bright pixels in its left-anterior corner: at the top right of its tile."""
    data = torch.full((6, 1, 16, 24), 0.5)
    for n in range(6):
        data[n, 0, 0, 24 - 1 - n :] = 2.0  # first row is anterior, last column left
    centres = np.arange(6)[:, None] * np.array([0, 0, 0.005])
    geometry = Geometry((1, 16, 24), (0.005, 0.002, 0.002), centres, AXIAL)
    phase = torch.polar(torch.ones(24), torch.linspace(0, 9, 24))
    write_image(Image(data * phase, geometry, ("slice",)), tmp_path / "out.png")
    picture = matplotlib.image.imread(tmp_path / "out.png")
    magnified = 14  # 24 · 14 = 336 is the first multiple beyond 320
    assert picture.shape == (3 * 16 * magnified, 2 * 24 * magnified, 4)
    assert (picture == picture[::magnified, ::magnified].repeat(magnified, axis=0).repeat(magnified, axis=1)).all()
    picture = picture[::magnified, ::magnified]
    tiles = picture[..., 0].reshape(3, 16, 2, 24).swapaxes(1, 2).reshape(6, 16, 24)
    for n, tile in enumerate(tiles):
        rows, columns = np.nonzero(tile > 0.9)
        assert (rows == 0).all()
        assert columns.tolist() == list(range(24 - 1 - n, 24))
    np.testing.assert_allclose(tiles[:, 8, 8], 0.25, atol=0.01)
    assert (picture[..., :3] == picture[..., :1]).all()


def test_white_is_robust_and_positive(generator: torch.Generator) -> None:
    magnitude = torch.rand(100, 100, generator=generator)
    magnitude[:2, :5] = 1e6  # ten wild pixels of ten thousand
    assert 0.99 < white_level(magnitude) <= 1.0
    assert white_level(torch.zeros(4, 4)) > 0
    single = torch.zeros(100, 100)
    single[3, 3] = 7.0
    assert white_level(single) == 7.0


def test_an_empty_image_gives_a_black_picture(tmp_path: Path) -> None:
    geometry = Geometry((1, 4, 4), (0.005, 0.002, 0.002), np.zeros((1, 3)), AXIAL)
    write_image(Image(torch.zeros(1, 4, 4).cfloat(), geometry), tmp_path / "out.png")
    assert (matplotlib.image.imread(tmp_path / "out.png")[..., :3] == 0).all()


def test_large_stacks_show_an_even_selection() -> None:
    assert even_selection(5, at_most=36) == [0, 1, 2, 3, 4]
    chosen = even_selection(181, at_most=36)
    assert len(set(chosen)) == 36
    assert {b - a for a, b in itertools.pairwise(chosen)} <= {5, 6}
    assert chosen[0] + chosen[-1] in (179, 180, 181)
