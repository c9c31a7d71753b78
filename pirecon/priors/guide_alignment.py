"""Does a guide show the same edges as an image, where, and how must it be moved to do so?

Edges are compared by direction, not by height or sign, so that contrast does not matter: with the image's gradient as a
complex number g = g_x + i g_y, the double-angle field

    u = g² / (|g|² + η²)

is the same for an edge from dark to bright and from bright to dark. Re(u_image u_guide*) = cos 2Δθ is 1 on parallel
edges, −1 on crossing ones, and 0 on average where the edges have nothing to do with each other. Its sum over the image
for every shift of the guide is one Fourier correlation.

Source: Haber and Modersitzki, MICCAI, LNCS 4191:726 (2006), normalised gradient fields (the square of their scalar
product, (1 + cos 2Δθ)/2); double angles: Granlund, Comput Graph Image Process 8:155 (1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

EDGE_BLUR = 1.0
"""Voxels: standard deviation of the Gaussian whose derivative finds edges. At 1.5, fewer right guides were told apart
from wrong ones at every SNR (3 to 15) and matrix (64 to 96) that was tried."""

SURROUNDINGS = 4.0
"""Voxels: what lies further from the best place is another place."""

MOST_ROTATION, N_ROTATIONS = math.radians(4), 9

INNER = 1.5
"""Standard deviations of an object from its centre: what lies nearer is inside. A filled ellipse ends at 2."""

INNER_WEIGHT, LEAD_LIMIT = 1.5, 1.5
"""How :attr:`Placement.evidence` weighs what lies inside against the lead (Fisher's discriminant of right and wrong
guides: bloch heads, and patients 6A and 7A at 3 T against each other), and how far the lead alone can go: an unrelated
head of the very same outline has a lead."""


def edge_field(image: Tensor) -> Tensor:
    """Double-angle field u of an image, complex ``(*batch, y, x)``, |u| < 1.

    η² is twice the median of |g|²: that of noise where there is more noise than anatomy. So no unit matters.

    Args:
        image: real ``(*batch, y, x)``.
    """
    g = torch.complex(_derivative(image, -1), _derivative(image, -2))
    power = g.abs().square()
    flat = power.flatten(-2)
    floor = (2 * flat.median(-1).values + 0.02 * flat.mean(-1))[..., None, None]
    return g.square() / (power + floor).clamp_min(torch.finfo(power.dtype).tiny)


def agreement(image_edges: Tensor, guide_edges: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Σ Re(u v*) / √(Σ|u|² Σ|v|²): 1 for the same edges, 0 on average for unrelated ones, −1 for crossing ones.

    Args:
        image_edges: u, complex ``(n, …, y, x)``; the sum goes over all of an entry.
        guide_edges: v, same shape.
        where: 1 for the part of the agreement to count, 0 for the rest; the norms stay those of everything.

    Returns:
        Real ``(n,)``.
    """
    axes = tuple(range(1, image_edges.ndim))
    common = (image_edges * guide_edges.conj()).real
    common = (common if where is None else common * where).sum(axes)
    energy = image_edges.abs().square().sum(axes) * guide_edges.abs().square().sum(axes)
    return torch.where(energy > 0, common / energy.sqrt().clamp_min(1e-6), torch.zeros_like(common))


def local_share(image_edges: Tensor, guide_edges: Tensor, window: float) -> Tensor:
    """Which share of the guide's edges near a voxel the image has, over that of the whole: 1 on average.

        (Σ_w Re(u v*) / Σ_w |v|²) / (Σ Re(u v*) / Σ |v|²),   0 where the guide has no edges near.

    Edges of the image that the guide lacks do not count: they cannot be imported. Noise lowers both ratios alike.

    Args:
        image_edges: u, complex ``(n, slice, y, x)``.
        guide_edges: v, same shape; the whole is all slices of an entry.
        window: standard deviation of the Gaussian window, voxels.
    """
    common, power = (image_edges * guide_edges.conj()).real, guide_edges.abs().square()
    axes = (-3, -2, -1)
    total, all_power = common.sum(axes, keepdim=True), power.sum(axes, keepdim=True)
    near, near_power = blurred(common, window), blurred(power, window)
    usual = near_power > 0.02 * power.mean(axes, keepdim=True)
    known = usual & (total > 0)
    return torch.where(known, near * all_power / (near_power * total).clamp_min(1e-12), torch.zeros_like(near))


@dataclass(frozen=True)
class Placement:
    """Where a guide fits best, for each of n entries.

    Attributes:
        rotation: rad, ``(n,)``.
        shift: voxels along y and x, ``(n, 2)``.
        agreement: there, ``(n,)``.
        lead: by how much it exceeds that of any place more than ``SURROUNDINGS`` voxels away, ``(n,)``.
        inner: the part of that agreement that lies inside of the object: an unrelated head fits along the outline.
    """

    rotation: Tensor
    shift: Tensor
    agreement: Tensor
    lead: Tensor
    inner: Tensor

    @property
    def evidence(self) -> Tensor:
        """That the guide shows the image's anatomy, ``(n,)``; noise lowers it.

        min(lead, ``LEAD_LIMIT`` · inner) + ``INNER_WEIGHT`` · inner, 0 where nothing agrees inside.
        """
        inner = self.inner.clamp_min(0)
        return torch.minimum(self.lead, LEAD_LIMIT * inner) + INNER_WEIGHT * inner


def place_guide(image: Tensor, guide: Tensor, *, most_shift: float) -> Placement:
    """Rigid motion in the plane after which a guide's edges agree most with an image's, by trying all of them.

    Args:
        image: real ``(n, slice, y, x)``; all slices of an entry move together.
        guide: real, same shape.
        most_shift: along each axis, voxels; rotations of up to 4° are tried.
    """
    u = edge_field(image)
    surfaces = _surfaces(u, guide, most_shift)  # (n, rotation, shift, shift)
    size = surfaces.shape[-1]
    best = surfaces.flatten(1).argmax(1)
    turn, row, column = best // size**2, best // size % size, best % size
    entries = torch.arange(len(image), device=image.device)
    surface, peak = surfaces[entries, turn], surfaces[entries, turn, row, column]
    shift = torch.stack((row, column), 1).to(image.dtype) - size // 2
    fraction = torch.stack((_vertex(surface.mT, row, column), _vertex(surface, column, row)), 1)
    steps = torch.arange(size, device=image.device)
    away = (steps[:, None] - row[:, None, None]).square() + (steps - column[:, None, None]).square()
    elsewhere = surfaces.masked_fill((away <= SURROUNDINGS**2)[:, None], -1).flatten(1).amax(1)
    place, rotation = shift + fraction, _angles(image)[turn]
    inner = agreement(u, edge_field(moved(guide, rotation, place)), where=interior(image))
    lead = torch.where(peak > 0, peak - elsewhere.clamp_min(0), torch.zeros_like(peak))
    return Placement(rotation, place, peak, lead, inner)


def interior(image: Tensor) -> Tensor:
    """1 well inside of the object, 0 elsewhere: (r − r̄)ᵀ C⁻¹ (r − r̄) < ``INNER``².

    With centre r̄ and covariance C of the object's voxels: those that exceed the mean after a blur of two voxels.

    Args:
        image: real ``(n, slice, y, x)``, at least 0; slice by slice.
    """
    smooth = blurred(image, 2.0)
    weight = (smooth > smooth.mean((-2, -1), keepdim=True)).to(image.dtype).flatten(-2)
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1)
    y, x = (torch.arange(n, dtype=image.dtype, device=image.device) for n in image.shape[-2:])
    places = torch.cartesian_prod(y, x)
    offset = places - (weight @ places)[..., None, :]  # (n, slice, voxel, 2)
    covariance = torch.einsum("...v,...vi,...vj->...ij", weight, offset, offset)
    covariance = covariance + torch.eye(2, dtype=image.dtype, device=image.device)  # of a voxel, or of nothing
    distance = torch.einsum("...vi,...ij,...vj->...v", offset, torch.linalg.inv(covariance), offset)
    return (distance < INNER**2).to(image.dtype).reshape(image.shape)


def _surfaces(u: Tensor, guide: Tensor, most_shift: float) -> Tensor:
    """Agreement for every rotation and whole shift, ``(n, rotation, 2m+1, 2m+1)``."""
    turned = (moved(guide, angle.expand(len(guide)), None) for angle in _angles(guide))
    return torch.stack([_surface(u, edge_field(image), most_shift) for image in turned], 1)


def _angles(like: Tensor) -> Tensor:
    return torch.linspace(-MOST_ROTATION, MOST_ROTATION, N_ROTATIONS, dtype=like.dtype, device=like.device)


def moved(image: Tensor, rotation: Tensor, shift: Tensor | None) -> Tensor:
    """Image turned about index n // 2, then shifted in the plane; linear interpolation, outside as at the border.

    Args:
        image: real ``(n, slice, y, x)``.
        rotation: rad, ``(n,)``; positive turns +x towards +y.
        shift: voxels along y and x, ``(n, 2)``; None for none.
    """
    n_y, n_x = image.shape[-2:]
    y = torch.arange(n_y, dtype=image.dtype, device=image.device) - n_y // 2
    x = torch.arange(n_x, dtype=image.dtype, device=image.device) - n_x // 2
    y, x = y[None, :, None], x[None, None, :]
    if shift is not None:
        y, x = y - shift[:, 0, None, None], x - shift[:, 1, None, None]
    cosine, sine = rotation.cos()[:, None, None], rotation.sin()[:, None, None]
    from_x, from_y = cosine * x + sine * y, cosine * y - sine * x
    # grid_sample counts from −1 to 1 between the outer edges of the outer voxels.
    grid = torch.stack(((from_x + n_x // 2 + 0.5) * (2 / n_x) - 1, (from_y + n_y // 2 + 0.5) * (2 / n_y) - 1), -1)
    return torch.nn.functional.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)


def blurred(image: Tensor, width: float) -> Tensor:
    """Gaussian blur over the last two axes, real ``(*batch, y, x)``; means over what lies inside of the image."""
    kernel = _gaussian(width, image)
    flat = image.reshape(-1, *image.shape[-2:])
    inside = _along(_along(torch.ones_like(flat[:1]), kernel, -1), kernel, -2)
    return (_along(_along(flat, kernel, -1), kernel, -2) / inside).reshape(image.shape)


def _surface(u: Tensor, v: Tensor, most_shift: float) -> Tensor:
    """Agreement for every whole shift of v up to ``most_shift``, ``(n, 2m+1, 2m+1)``."""
    m = max(1, math.ceil(most_shift))
    n_y, n_x = u.shape[-2:]
    padded = (n_y + m, n_x + m)
    product = torch.fft.fft2(u, padded) * torch.fft.fft2(v, padded).conj()
    common = torch.fft.ifft2(product).real.sum(1)
    rows = torch.arange(-m, m + 1, device=u.device)
    common = common[:, rows[:, None] % padded[0], rows % padded[1]]
    energy = (u.abs().square().sum((1, 2, 3)) * v.abs().square().sum((1, 2, 3))).sqrt()
    return common / energy.clamp_min(1e-6)[:, None, None]


def _vertex(surface: Tensor, place: Tensor, other: Tensor) -> Tensor:
    """Where the parabola through the peak and its neighbours along the last axis is highest, −½ … ½ from the peak."""
    entries = torch.arange(len(surface), device=surface.device)
    line = surface[entries, other]
    inner = place.clamp(1, line.shape[1] - 2)
    left, middle, right = (line[entries, inner + d] for d in (-1, 0, 1))
    curvature = left - 2 * middle + right
    offset = (left - right) / (2 * curvature.clamp_max(-1e-6))
    return torch.where(inner == place, offset.clamp(-0.5, 0.5), torch.zeros_like(offset))


def _derivative(image: Tensor, axis: int) -> Tensor:
    kernel = _gaussian(EDGE_BLUR, image)
    half = len(kernel) // 2
    slope = kernel * torch.arange(-half, half + 1, dtype=kernel.dtype, device=kernel.device)
    along_y, along_x = (slope, kernel) if axis == -2 else (kernel, slope)
    # The frame of the image is no edge.
    padded = torch.nn.functional.pad(image.reshape(-1, 1, *image.shape[-2:]), (half,) * 4, mode="replicate")
    found = torch.nn.functional.conv2d(padded, along_y.reshape(1, 1, -1, 1))
    return torch.nn.functional.conv2d(found, along_x.reshape(1, 1, 1, -1)).reshape(image.shape)


def _along(flat: Tensor, kernel: Tensor, axis: int) -> Tensor:
    shape = (1, 1, -1, 1) if axis == -2 else (1, 1, 1, -1)
    half = len(kernel) // 2
    padding = (half, 0) if axis == -2 else (0, half)
    return torch.nn.functional.conv2d(flat[:, None], kernel.reshape(shape), padding=padding)[:, 0]


def _gaussian(width: float, like: Tensor) -> Tensor:
    radius = math.ceil(2.5 * width)
    offset = torch.arange(-radius, radius + 1, dtype=like.dtype, device=like.device)
    kernel = torch.exp(-0.5 * (offset / width) ** 2)
    return kernel / kernel.sum()
