"""ESPIRiT: sensitivity maps as eigenvectors of the calibration data's k-space neighbourhoods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.calibration.interpolation import coarse_positions, interpolate_grid
from pirecon.calibration.phase_reference import dominant_coil, refer_phase

EDGE_MARGIN = 1.15  # windows that share samples spread the singular values a little past the edge
LARGEST_WINDOW = 1200  # coils × samples; the time of the eigenvalue problem grows with the cube
POINTS_PER_KERNEL_SAMPLE = 4  # of the coarse grid; eigenvectors vary as slowly as the kernels' transform


def espirit(
    calibration: Tensor,
    matrix: Sequence[int],
    *,
    kernel_width: int = 6,
    threshold: float = 0.005,
    n_sets: int = 1,
    crop: float | None = None,
) -> Tensor:
    """Maps S with G(r) S(r) = S(r), where G projects on what a k-space neighbourhood of these coils can hold.

    All windows x of ``kernel_width`` samples (over all coils) of the calibration region span a subspace
    Σ x xᴴ = U s² Uᴴ. Noise of standard deviation σ = 1 alone gives singular values up to e = √2 (√windows + √window
    size), the Marchenko–Pastur edge (here with a margin of 15 %), so each vector counts with the weight
    max(0, 1 − e²/s²): nothing needs tuning at any SNR. Averaging the weighted projector U w Uᴴ over the positions in
    the window makes it a convolution, and the Fourier transform of that is one Hermitian coil × coil matrix G a voxel,
    with an eigenvalue near 1 where there is signal. It is computed on a grid of 4 points a kernel sample and
    interpolated, which changes nothing that matters: G has no higher frequencies than the kernel.

    Args:
        calibration: complex ``(*batch, coil, kz, ky, kx)``, fully sampled, in SNR units. The k-space step is that of
            the image; where the region lies in k-space does not matter. Each batch entry gets maps of its own.
        matrix: voxels ``(z, y, x)`` of the maps, over the same field of view.
        kernel_width: samples of the window on each axis; at most half of the region, and fewer for many coils in 3D.
        threshold: least singular value, relative to the largest; matters only at very high SNR.
        n_sets: 1, or 2 where a second object is folded into the field of view.
        crop: maps are zero where 1 − eigenvalue is more than twice (second set: six times) 1 − crop. ``None`` takes
            it from the SNR: 1 − 2.2 e / s_max. 0 crops nothing. :class:`Espirit` has a soft crop, too.

    Returns:
        Complex ``(*batch, n_sets, coil, z, y, x)``, root-sum-of-squares 1 within the object, zero where no signal
        stands out of the noise. The phase is relative to a virtual coil, the combination of coils with most energy.

    Raises:
        ValueError: the shapes do not fit, or ``n_sets`` is not between 1 and the number of coils.

    Source: Uecker M. et al., Magn Reson Med 71:990 (2014); weights in place of a threshold as in Iyer S. et al., Magn
        Reson Med 84:3423 (2020); edge of a noise matrix's singular values: Marchenko V. A., Pastur L. A.,
        Math USSR Sb 1:457 (1967).
    """
    _check(calibration, matrix, n_sets)
    return espirit_shared(calibration.unsqueeze(-5), matrix, Espirit(kernel_width, threshold, n_sets, crop))


@dataclass(frozen=True)
class Espirit:
    """Settings of :func:`espirit`.

    Attributes:
        soft: let the maps fade to zero between ``crop`` and twice its distance from 1, in place of a hard edge there.
    """

    kernel_width: int = 6
    threshold: float = 0.005
    n_sets: int = 1
    crop: float | None = None
    soft: bool = False


def espirit_shared(calibration: Tensor, matrix: Sequence[int], settings: Espirit) -> Tensor:
    """:func:`espirit` of several calibration regions seen by the same coils, ``(*batch, shared, coil, kz, ky, kx)``.

    Their windows are put together, so contrasts of opposite phase do not cancel.
    """
    _check(calibration, matrix, settings.n_sets)
    batch, n_coils, region = calibration.shape[:-5], calibration.shape[-4], calibration.shape[-3:]
    flat = calibration.reshape(-1, *calibration.shape[-5:])
    width = _window(region, n_coils, settings.kernel_width)
    maps = flat.new_zeros(flat.shape[0], settings.n_sets, n_coils, *matrix)
    for i, entry in enumerate(flat):  # a batch of large eigenvalue problems is no faster, and takes more memory
        kernel, noise_to_signal = _projector_kernel(entry, width, settings.threshold)
        if noise_to_signal >= 1:
            continue
        crop = 1 - min(1.0, 2.2 * noise_to_signal) if settings.crop is None else settings.crop
        most = [POINTS_PER_KERNEL_SAMPLE * (2 * w - 1) for w in width]
        coarse = [coarse_positions(n, m) for n, m in zip(matrix, most, strict=True)]
        vectors, values = _eigenvectors(kernel, coarse, settings.n_sets)
        vectors = refer_phase(vectors, dominant_coil(entry))
        vectors = interpolate_grid(vectors, coarse, matrix)
        weight = _crop(interpolate_grid(values, coarse, matrix), crop, soft=settings.soft, region=entry.shape[-3:])
        norm = vectors.abs().square().sum(dim=1, keepdim=True).sqrt().clamp(min=torch.finfo(values.dtype).tiny)
        maps[i] = vectors * (weight.unsqueeze(1) / norm)
    return maps.reshape(*batch, *maps.shape[1:])


def _window(region: Sequence[int], n_coils: int, kernel_width: int) -> tuple[int, ...]:
    """Samples of the window on each axis: at most half of the region, and narrower for many coils in 3D."""
    width = [min(kernel_width, (n + 1) // 2) for n in region]
    while n_coils * math.prod(width) > LARGEST_WINDOW and max(width) > 2:
        width[width.index(max(width))] -= 1
    return tuple(width)


def _projector_kernel(calibration: Tensor, width: tuple[int, ...], threshold: float) -> tuple[Tensor, float]:
    """The projector as a convolution H ``(coil, coil, 2w−1, 2w−1, 2w−1)``, and edge / largest singular value.

    For windows at k and l: y_c[q] = Σ_{d,m} H_cd[m] y_d[q − m] with H_cd[m] = 1/K Σ_{k−l=m} (U w Uᴴ)_(c,k),(d,l).
    """
    n_coils = calibration.shape[1]
    windows = calibration
    for axis, w in enumerate(width, start=2):  # each unfold appends the window's axis at the end
        windows = windows.unfold(axis, w, 1)
    windows = windows.movedim(1, 4).flatten(4).flatten(0, 3)  # (window, coil · window size)
    n_windows, size = windows.shape
    eigenvalues, vectors = torch.linalg.eigh(windows.T @ windows.conj())
    singular = eigenvalues.clamp(min=0).sqrt()
    noise_edge = EDGE_MARGIN * math.sqrt(2) * (math.sqrt(n_windows) + math.sqrt(size))
    edge = torch.clamp(threshold * singular[-1], min=noise_edge)
    weights = (1 - (edge / singular.clamp(min=torch.finfo(singular.dtype).tiny)).square()).clamp(min=0)
    kept = weights > 0
    vectors = vectors[:, kept]
    projector = (vectors * weights[kept]) @ vectors.mH
    noise_to_signal = float(edge / singular[-1].clamp(min=torch.finfo(edge.dtype).tiny))
    return _sum_over_positions(projector, n_coils, width), noise_to_signal


def _sum_over_positions(projector: Tensor, n_coils: int, width: tuple[int, ...]) -> Tensor:
    """1/K Σ over all pairs of window positions with the same difference."""
    count = math.prod(width)
    span = tuple(2 * w - 1 for w in width)
    grids = torch.meshgrid(*(torch.arange(w, device=projector.device) for w in width), indexing="ij")
    place = torch.stack(grids).flatten(1)  # (axis, window size)
    index = torch.zeros(count, count, dtype=torch.long, device=projector.device)
    for p, w, n in zip(place, width, span, strict=True):
        index = index * n + (p[:, None] - p[None, :] + w - 1)
    pairs = projector.reshape(n_coils, count, n_coils, count).transpose(1, 2).reshape(n_coils**2, count**2)
    kernel = pairs.new_zeros(n_coils**2, math.prod(span)).index_add_(1, index.flatten(), pairs) / count
    return kernel.reshape(n_coils, n_coils, *span)


def _eigenvectors(kernel: Tensor, grid: list[Tensor], n_sets: int) -> tuple[Tensor, Tensor]:
    """Leading eigenvectors ``(set, coil, z, y, x)`` and eigenvalues ``(set, z, y, x)`` of G(r) = Σ_m H[m] exp(2πi m·r).

    Args:
        kernel: H, complex ``(coil, coil, 2w−1, 2w−1, 2w−1)``.
        grid: positions r on the axes z, y, x, in fields of view.
        n_sets: number of eigenvectors a voxel.
    """
    phases = []
    for r, n in zip(grid, kernel.shape[2:], strict=True):
        m = torch.arange(n, device=kernel.device) - n // 2
        turns = torch.outer(r.to(kernel.device), m.double())
        phases.append(torch.polar(torch.ones_like(turns), 2 * math.pi * turns).to(kernel.dtype))
    planes = torch.einsum("cdlmn,ym,xn->cdlyx", kernel, phases[1], phases[2])
    vectors, values = [], []
    for row in phases[0]:  # plane after plane: bounded memory in 3D
        g = torch.einsum("l,cdlyx->yxcd", row, planes)
        value, vector = torch.linalg.eigh(g)
        values.append(value[..., -n_sets:].flip(-1))
        vectors.append(vector[..., -n_sets:].flip(-1))
    return torch.stack(vectors).permute(4, 3, 0, 1, 2), torch.stack(values).permute(3, 0, 1, 2)


def _crop(values: Tensor, crop: float, *, soft: bool, region: Sequence[int]) -> Tensor:
    """Weight of the maps ``(set, z, y, x)`` from their eigenvalues.

    Soft: 1 from eigenvalue ``crop``, smoothly down to 0 at 1 − 2 (1 − crop). Else 1 wherever that is above 0, and
    half a voxel of the calibration data around it: maps that fade to 0 would brighten an image by as much, and skin
    or skull at the very edge of the support may not be lost. Further sets hold the weaker of two signals and may be
    three times as far from 1.
    """
    distance = torch.full_like(values, max(1 - crop, 1e-6))
    distance[1:] *= 3
    ramp = (2 - (1 - values) / distance).clamp(0, 1)
    if soft:
        return ramp * ramp * (3 - 2 * ramp)
    inside = (ramp > 0).to(values.dtype).unsqueeze(1)  # (set, 1, z, y, x)
    margin = [math.ceil(0.5 * n / m) if n > 1 else 0 for n, m in zip(values.shape[-3:], region, strict=True)]
    size = [2 * n + 1 for n in margin]
    return torch.nn.functional.max_pool3d(inside, size, stride=1, padding=margin).squeeze(1)


def _check(calibration: Tensor, matrix: Sequence[int], n_sets: int) -> None:
    if calibration.ndim < 4 or not calibration.is_complex() or len(tuple(matrix)) != 3:
        raise ValueError(
            f"ESPIRiT takes complex calibration data (*batch, coil, kz, ky, kx) and a matrix (z, y, x), but was given "
            f"shape {tuple(calibration.shape)}, {calibration.dtype} and {tuple(matrix)}; a 2D slice has kz = 1"
        )
    if not 1 <= n_sets <= calibration.shape[-4]:
        raise ValueError(
            f"{n_sets} sets of maps were asked for with {calibration.shape[-4]} coils: ask for 1, or 2 where the "
            "object is larger than the field of view"
        )
