"""From isochromats to an image: the raw file of a played scan comes back in the right place, at the right scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pirecon
from bloch.phantom import MapPhantom
from bloch.rawfile import RawScan, write_mrd
from experiments.independent import scanned
from experiments.independent.part import relative_difference

MATRIX = (27, 24)
TURN = np.radians(25)
OBLIQUE = np.array([[0, 0, 1], [-np.sin(TURN), np.cos(TURN), 0], [-np.cos(TURN), -np.sin(TURN), 0]])  # x mirrored


@pytest.fixture(scope="module")
def seen() -> MapPhantom:
    """The object, in axes of its own, on a field of view that the scan does not share."""
    return scanned.body((60, 56), field_of_view=(0.17, 0.16))


@pytest.fixture(scope="module", params=["straight", "oblique, off centre"])
def played(request: pytest.FixtureRequest, seen: MapPhantom) -> RawScan:
    encoding = scanned.encoding(MATRIX)
    if request.param != "straight":
        encoding = replace(encoding, directions=OBLIQUE, centres=np.array([[0.006, -0.011, 0.02]]))
    return scanned.scan(encoding, scanned.scanner(), seen=seen)


def magnitude(scan: RawScan, folder: Path) -> tuple[np.ndarray, pirecon.Image]:
    write_mrd(folder / "raw.h5", scan)
    image = pirecon.reconstruct(folder / "raw.h5", method="cg-sense")
    return abs(image.data.numpy().squeeze()), image


def test_scale_is_that_of_the_prediction(played: RawScan, tmp_path: Path) -> None:
    """|m| √(Sᴴ Ψ⁻¹ S) from the truth, without any factor; a coil error or a lost √2 would show."""
    found, _ = magnitude(played, tmp_path)
    expected = scanned.expected_snr(played)
    inside = expected > 0.5 * expected.max()
    assert np.median(found[inside] / expected[inside]) == pytest.approx(1, abs=0.02)
    assert relative_difference(found, expected) < 0.06


def test_every_voxel_lies_where_the_object_is(played: RawScan, seen: MapPhantom, tmp_path: Path) -> None:
    """The density at the place that the image's own geometry gives a voxel, looked up in the phantom."""
    found, image = magnitude(played, tmp_path)
    g = image.geometry
    rows, columns = (np.arange(n) - n // 2 for n in MATRIX)
    _, e_y, e_x = g.directions
    places = g.centres[0] + rows[:, None, None] * g.voxel_size[1] * e_y + columns[:, None] * g.voxel_size[2] * e_x
    _, n_y, n_x = seen.matrix
    y = np.rint(places[..., 1] / seen.voxel_size[1]).astype(int) + n_y // 2
    x = np.rint(places[..., 0] / seen.voxel_size[2]).astype(int) + n_x // 2
    inside = (y >= 0) & (y < n_y) & (x >= 0) & (x < n_x)
    density = np.where(inside, seen.proton_density.numpy()[0, y.clip(0, n_y - 1), x.clip(0, n_x - 1)], 0)
    flat = found / scanned.combined_sensitivity(played)

    def likeness(picture: np.ndarray) -> float:
        return float(np.corrcoef(picture.ravel(), density.ravel())[0, 1])

    assert likeness(flat) > 0.9
    assert max(likeness(np.roll(flat, shift, axis)) for shift in (-1, 1) for axis in (0, 1)) < likeness(flat)
    assert max(likeness(flat[::-1]), likeness(flat[:, ::-1])) < 0.75
