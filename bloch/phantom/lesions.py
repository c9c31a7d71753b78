"""Tumour, oedema, stroke, plaques and haemorrhage inside the brain."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from bloch.phantom.canvas import Canvas
from bloch.phantom.placement import Placement
from bloch.phantom.random_field import smooth_field, uniform

Lesion = Literal["tumour", "stroke", "plaques", "hyperintensities", "haemorrhage"]


def paint_lesions(
    canvas: Canvas, placement: Placement, brain: Tensor, generator: torch.Generator, *, kind: Lesion | None = None
) -> None:
    """Paint one kind of lesion, the wanted one or one drawn at random.

    Haemorrhage is only painted when asked for: a fifth kind to draw from would change every head made so far.

    Args:
        canvas: with the healthy brain.
        placement: of the voxels.
        brain: coverage by grey and white matter, ``(z, y, x)``; lesions stay inside.
        generator: source of randomness.
        kind: of the lesion; None draws a tumour, a stroke, plaques or hyperintensities.

    Raises:
        ValueError: the kind is unknown.
    """
    painters: dict[str, Callable[[Canvas, Placement, Tensor, torch.Generator], None]] = {
        "tumour": _tumour,
        "stroke": _stroke,
        "plaques": _plaques,
        "hyperintensities": _hyperintensities,
        "haemorrhage": _haemorrhage,
    }
    check_lesion(kind)
    if float(brain.sum()) < 50:
        if kind is not None:
            warnings.warn(f"No {kind} is painted: the grid holds hardly any brain.", stacklevel=2)
        return
    brain = torch.minimum(brain, canvas.layer("grey_matter") + canvas.layer("white_matter"))
    if kind is None:
        kind = get_args(Lesion)[int(torch.randint(len(painters) - 1, (), generator=generator))]
    painters[kind](canvas, placement, brain, generator)


def check_lesion(kind: str | None) -> None:
    """Refuse a kind of lesion that nobody can paint.

    Raises:
        ValueError: the kind is unknown.
    """
    if kind is not None and kind not in get_args(Lesion):
        raise ValueError(f"Nobody can paint the lesion {kind!r}; known are {', '.join(get_args(Lesion))}.")


def _tumour(canvas: Canvas, placement: Placement, brain: Tensor, generator: torch.Generator) -> None:
    """Oedema around a tumour around a necrotic core, each one optional but the tumour."""
    radius = uniform(generator, 4, 24)
    distance = _blob(placement, _centre(placement, brain, generator), radius, generator)
    inside = (brain > 0).float()
    whole = ("grey_matter", "white_matter", "oedema", "tumour")
    if uniform(generator, 0, 1) < 0.6:
        swelling = _blob(placement, _mass_centre(placement, distance), radius * uniform(generator, 1.2, 2), generator)
        canvas.convert("oedema", canvas.inside(swelling) * inside, ("white_matter",))
    canvas.convert("tumour", canvas.inside(distance) * inside, whole)
    if uniform(generator, 0, 1) < 0.4:
        core = distance + radius * uniform(generator, 0.25, 0.6)
        canvas.convert("necrosis", canvas.inside(core) * inside, whole)


def _stroke(canvas: Canvas, placement: Placement, brain: Tensor, generator: torch.Generator) -> None:
    """A wedge or blob of infarcted tissue, acute or chronic."""
    radius = uniform(generator, 4, 30)
    distance = _blob(placement, _centre(placement, brain, generator), radius, generator)
    tissue = "acute_stroke" if uniform(generator, 0, 1) < 0.6 else "chronic_stroke"
    canvas.convert(tissue, canvas.inside(distance) * (brain > 0), ("grey_matter", "white_matter"))


def _plaques(canvas: Canvas, placement: Placement, brain: Tensor, generator: torch.Generator) -> None:
    """Several small plaques in white matter."""
    white = canvas.layer("white_matter") * brain
    if float(white.sum()) < 20:
        return
    for _ in range(int(torch.randint(2, 9, (), generator=generator))):
        distance = _blob(placement, _centre(placement, white, generator), uniform(generator, 1.5, 6), generator)
        canvas.convert("ms_plaque", canvas.inside(distance) * (brain > 0), ("white_matter",))


def _hyperintensities(canvas: Canvas, placement: Placement, brain: Tensor, generator: torch.Generator) -> None:
    """Patches of gliotic white matter along the lateral ventricles, as in the elderly."""
    points = placement.points
    texture = smooth_field(generator, placement.shape, placement.in_voxels(6))[0]
    x, y, z = points[..., 0].abs() - 22, (points[..., 1] + 20) / 3, (points[..., 2] - 22) / 1.3
    distance = (x**2 + y**2 + z**2).sqrt() - uniform(generator, 5, 10) + 3.5 * texture
    canvas.convert("ms_plaque", canvas.inside(distance) * (brain > 0), ("white_matter",))


def _haemorrhage(canvas: Canvas, placement: Placement, brain: Tensor, generator: torch.Generator) -> None:
    """A fresh haematoma with a rim of oedema."""
    radius = uniform(generator, 5, 25)
    distance = _blob(placement, _centre(placement, brain, generator), radius, generator)
    inside = (brain > 0).float()
    rim = distance - uniform(generator, 2, 6)
    canvas.convert("oedema", canvas.inside(rim) * inside, ("white_matter",))
    canvas.convert("haemorrhage", canvas.inside(distance) * inside, ("grey_matter", "white_matter", "oedema"))


def _blob(placement: Placement, centre: Tensor, radius: float, generator: torch.Generator) -> Tensor:
    """Distance to an irregular, stretched sphere, mm, negative inside."""
    axes = torch.tensor([uniform(generator, 0.75, 1.35) for _ in range(3)])
    distance = ((placement.points - centre) / axes).norm(dim=-1)
    ripple = smooth_field(generator, placement.shape, placement.in_voxels(max(0.6 * radius, 2.0)))[0]
    return distance - radius * (1 + uniform(generator, 0.05, 0.3) * ripple)


def _centre(placement: Placement, weight: Tensor, generator: torch.Generator) -> Tensor:
    """A voxel drawn with the given weight, as MNI coordinate."""
    cumulative = weight.flatten().double().cumsum(0)
    drawn = torch.rand(1, generator=generator, dtype=torch.float64) * cumulative[-1]
    index = int(torch.searchsorted(cumulative, drawn).clamp_max(cumulative.numel() - 1))
    return placement.points.reshape(-1, 3)[index]


def _mass_centre(placement: Placement, distance: Tensor) -> Tensor:
    return placement.points.reshape(-1, 3)[int(distance.argmin())]
