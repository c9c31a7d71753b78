"""Comparison figures: one window, readable files, no global state."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.image
import numpy as np
import pytest
import torch

from pirecon.rawdata.geometry import Geometry
from pirecon.report.figures import comparison_figure


def columns_of(path: Path, n: int) -> list[np.ndarray]:
    picture = matplotlib.image.imread(path)[..., :3]
    return np.array_split(picture, n, axis=1)


def middle(column: np.ndarray) -> np.ndarray:
    """Colour at the middle of a column of one panel, below the title."""
    return np.asarray(column[int(0.6 * column.shape[0]), column.shape[1] // 2])


def test_all_panels_share_one_window(tmp_path: Path) -> None:
    flat = torch.ones(20, 20)
    images = {"a": flat.cfloat() * 1j, "b": 0.5 * flat, "c": 0.25 * flat}
    comparison_figure(images, tmp_path / "figure.png")
    for column, grey in zip(columns_of(tmp_path / "figure.png", 3), (1.0, 0.5, 0.25), strict=True):
        np.testing.assert_allclose(middle(column), grey, atol=0.01)


def test_the_truth_comes_first_and_sets_the_window(tmp_path: Path) -> None:
    flat = torch.ones(2, 1, 20, 20)
    comparison_figure({"bright": 4 * flat, "dark": 0.5 * flat}, tmp_path / "a.png", truth=2 * flat, errors=False)
    picture = matplotlib.image.imread(tmp_path / "a.png")[..., :3]
    colours = [middle(column[column.shape[0] // 2 :]) for column in np.array_split(picture, 3, axis=1)]
    np.testing.assert_allclose(colours, [[1] * 3, [1] * 3, [0.25] * 3], atol=0.01)


def test_error_rows_are_black_for_a_perfect_image(tmp_path: Path) -> None:
    truth = torch.ones(20, 20)
    comparison_figure({"perfect": truth, "off": 0.9 * truth}, tmp_path / "with.png", truth=truth)
    comparison_figure({"perfect": truth, "off": 0.9 * truth}, tmp_path / "without.png", truth=truth, errors=False)
    with_errors = columns_of(tmp_path / "with.png", 3)
    assert with_errors[0].shape[0] > 1.5 * columns_of(tmp_path / "without.png", 3)[0].shape[0]
    below = [column[int(0.8 * column.shape[0]), column.shape[1] // 2] for column in with_errors]
    np.testing.assert_allclose(below[0], 1.0, atol=0.01)  # nothing below the truth
    assert below[1].max() < 0.05
    np.testing.assert_allclose(below[2], matplotlib.colormaps["inferno"](0.5)[:3], atol=0.02)  # 5 · 10 % of white


def test_panels_are_turned_by_the_geometry(tmp_path: Path) -> None:
    image = torch.zeros(1, 20, 20)
    image[0, :5, :5] = 1  # read-out to anterior, lines to the right: this corner is posterior left
    directions = np.array([[0.0, 0, -1], [-1, 0, 0], [0, -1, 0]])
    geometry = Geometry((1, 20, 20), (0.01, 0.002, 0.002), np.zeros((1, 3)), directions)
    comparison_figure({"a": image}, tmp_path / "a.png", geometry=geometry)
    grey = matplotlib.image.imread(tmp_path / "a.png")[..., 0]
    panel = grey[int(0.25 * len(grey)) :]  # without the title
    dark = np.argwhere(panel < 0.1)
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0)
    panel = panel[top : bottom + 1, left : right + 1]
    assert panel[-5, -5] > 0.9
    assert panel[5, -5] < 0.1
    assert panel[-5, 5] < 0.1


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_files_and_global_state(suffix: str, tmp_path: Path) -> None:
    from matplotlib._pylab_helpers import Gcf

    before, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    images = {name: torch.rand(1, 2, 15, 17) for name in ("zero-filled", "unrolled")}
    comparison_figure(images, tmp_path / f"out{suffix}", truth=torch.rand(1, 2, 15, 17), title="S6A, R = 3")
    assert [file.name for file in tmp_path.iterdir()] == [f"out{suffix}"]
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend() == backend
    assert not Gcf.figs


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    for images, truth in [
        ({}, None),
        ({"a": torch.ones(9, 9), "b": torch.ones(9, 8)}, None),
        ({"a": torch.ones(9, 9)}, torch.ones(1, 9, 9)),
        ({"a": torch.ones(9)}, None),
    ]:
        with pytest.raises(ValueError, match="all of one shape"):
            comparison_figure(images, tmp_path / "out.png", truth=truth)
    with pytest.raises(ValueError, match=r"\.png, \.pdf or \.svg"):
        comparison_figure({"a": torch.ones(9, 9)}, tmp_path / "out.jpg")
    assert not list(tmp_path.iterdir())
