"""Comparison pictures: methods side by side under one window."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pirecon.image.picture import even_selection, radiological_view, white_level
from pirecon.image.whole_file import whole_file
from pirecon.rawdata.geometry import Geometry
from pirecon.report.metrics import image_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ERROR_GAIN = 5  # error panels show 5 |error| under the images' window
MAX_SLICES = 4
PANEL_INCHES = 2.6


@dataclass(frozen=True)
class _Panel:
    planes: Tensor  # (slice, row, column), magnitude or amplified error, on the picture's grid
    title: str
    colours: str


def comparison_figure(
    images: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    *,
    truth: Tensor | None = None,
    errors: bool = True,
    geometry: Geometry | None = None,
    title: str = "",
) -> None:
    """Draw magnitudes side by side, one column for each image, one row for each slice (four at most, evenly chosen).

    All panels share one window: black is 0, white the 99.8th percentile of the truth, or of all images together where
    there is no truth. With a truth it is the first column, every image's title has its PSNR, SSIM and NRMSE over
    all slices, and below each slice 5 · ||x| − |t|| is drawn under the same window.

    Args:
        images: name → complex or real ``(*batch, y, x)``, all of one shape and unit.
        path: ends in .png, .pdf or .svg; the folder must exist.
        truth: of the same shape, or None.
        errors: draw the error rows (needs a truth).
        geometry: turns the panels as radiologists look at them; otherwise y runs down and x to the right.
        title: above the whole figure.

    Raises:
        ValueError: no images, different shapes, or an unknown ending.
        OSError: the file cannot be written.
    """
    _check(images, truth)
    suffix = _figure_suffix(path)
    chosen = even_selection(_planes(next(iter(images.values())), None).shape[0], at_most=MAX_SLICES)
    columns = _columns(images, truth, geometry, chosen)
    reference = [truth] if truth is not None else list(images.values())
    white = white_level(torch.cat([r.detach().cpu().abs().flatten() for r in reference]))
    figure = _draw(columns, white=white, errors=errors and truth is not None, title=title)
    with whole_file(path, suffix=suffix) as temporary:
        figure.savefig(temporary, dpi=120, format=suffix[1:])


def _columns(
    images: Mapping[str, Tensor], truth: Tensor | None, geometry: Geometry | None, chosen: list[int]
) -> list[list[_Panel]]:
    """For each column the panel of the magnitudes and, where there is a truth, that of the errors."""
    columns = []
    if truth is not None:
        columns.append([_Panel(_planes(truth, geometry)[chosen], "truth", "gray")])
    for name, image in images.items():
        heading = name
        if truth is not None:
            m = image_metrics(image, truth)
            heading += f"\n{m.psnr:.1f} dB · SSIM {m.ssim:.3f} · NRMSE {m.nrmse:.3f}"
        column = [_Panel(_planes(image, geometry)[chosen], heading, "gray")]
        if truth is not None:
            error = ERROR_GAIN * (image.detach().cpu().abs() - truth.detach().cpu().abs())
            column.append(_Panel(_planes(error, geometry)[chosen], f"{ERROR_GAIN} · |error|", "inferno"))
        columns.append(column)
    return columns


def _draw(columns: list[list[_Panel]], *, white: float, errors: bool, title: str) -> Figure:
    # Figure without pyplot: no global figure list, no backend switch, no rcParams.
    from matplotlib.figure import Figure

    n_slices, n_rows, n_columns = columns[0][0].planes.shape
    per_slice = 2 if errors else 1
    height = PANEL_INCHES * n_rows / n_columns * n_slices * per_slice + 0.55 + (0.35 if title else 0)
    figure = Figure(figsize=(PANEL_INCHES * len(columns), height), layout="constrained")
    grid = figure.subplots(n_slices * per_slice, len(columns), squeeze=False)
    for ax in grid.flat:
        ax.set_axis_off()
    for c, column in enumerate(columns):
        for kind, panel in enumerate(column[:per_slice]):
            for s in range(n_slices):
                _show(grid[s * per_slice + kind, c], panel, plane=s, white=white)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _show(ax: Axes, panel: _Panel, *, plane: int, white: float) -> None:
    ax.imshow(panel.planes[plane].numpy(), cmap=panel.colours, vmin=0.0, vmax=white, interpolation="nearest")
    if plane == 0:
        ax.set_title(panel.title, fontsize=8)


def _planes(image: Tensor, geometry: Geometry | None) -> Tensor:
    """Magnitude as ``(plane, row, column)``."""
    magnitude = image.detach().cpu().abs().float()
    planes = magnitude.reshape(-1, *magnitude.shape[-2:])
    return planes if geometry is None else radiological_view(planes, geometry)


def _check(images: Mapping[str, Tensor], truth: Tensor | None) -> None:
    shapes = {name: tuple(image.shape) for name, image in images.items()}
    if truth is not None:
        shapes["truth"] = tuple(truth.shape)
    if not images or len(set(shapes.values())) > 1 or any(len(shape) < 2 for shape in shapes.values()):
        raise ValueError(
            f"a comparison needs at least one image, all of one shape (*batch, y, x), but the shapes are {shapes}; "
            "reconstruct all of them on the same matrix"
        )


def _figure_suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".pdf", ".svg"):
        raise ValueError(f"{path}: figures are written as .png, .pdf or .svg; choose one of these endings")
    return suffix
