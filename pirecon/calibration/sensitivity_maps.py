"""Sensitivity maps of the receive coils, from whatever calibration data there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pirecon.calibration.calibration_region import LARGEST_REGION, find_calibration_region, find_peak
from pirecon.calibration.espirit import Espirit, espirit_shared
from pirecon.calibration.joint_estimation import joint_estimation
from pirecon.calibration.low_resolution_maps import low_resolution_maps
from pirecon.rawdata.kspace import KSpace

SMALLEST_REGION = 6  # samples along an axis; with fewer there are hardly any neighbourhoods to learn from
MOST_SHARED = 8  # images that a joint estimate is made of: more only take longer


@dataclass(frozen=True)
class SensitivityMaps:
    """Receive sensitivities, relative to the root-sum-of-squares of all coils.

    Attributes:
        maps: complex ``(*batch, set, coil, z, y, x)``, no unit; batch axes as in the k-space, 1 where shared. The
            root-sum-of-squares over coils is 1 within the object and falls to 0 outside (one coil: 1 everywhere).
        source: how they were found, in a sentence.
    """

    maps: Tensor
    source: str


def estimate_sensitivity_maps(
    kspace: KSpace, calibration: KSpace | None, matrix: Sequence[int], *, settings: Espirit | None = None
) -> SensitivityMaps:
    """ESPIRiT maps from separate or embedded calibration lines; one set of maps a slice.

    One coil: a map of ones, which leaves the coil's phase in the image. Several contrasts, repetitions, phases and
    sets share their maps. Without a fully sampled block the samples of all repetitions are put together; if there is
    none even then, image and sensitivities are estimated together, and where that does not explain the data to the
    noise, the maps are low-resolution images over their root-sum-of-squares.

    Args:
        kspace: prewhitened imaging data.
        calibration: prewhitened separate calibration data over the same field of view, or ``None``.
        matrix: voxels ``(z, y, x)`` of the image; at least the acquired matrix, over the same field of view.
        settings: of ESPIRiT, where the defaults do not do.

    Raises:
        ValueError: the matrix is smaller than the acquired one, or the calibration data do not fit the imaging data.
    """
    matrix = tuple(int(n) for n in matrix)
    _check(kspace, calibration, matrix)
    batch = tuple(n if name == "slice" else 1 for name, n in zip(kspace.batch_axes, kspace.data.shape, strict=False))
    if kspace.data.shape[-4] == 1:
        maps = torch.ones(*batch, 1, 1, *matrix, dtype=kspace.data.dtype, device=kspace.data.device)
        return SensitivityMaps(maps, "one coil: a map of ones; the coil's phase stays in the image")
    candidates = _candidates(kspace, calibration)
    for data, name in candidates:
        region = find_calibration_region(data)
        if region is None:
            continue
        size = [s.stop - s.start for s in region]
        if any(n < min(SMALLEST_REGION, whole) for n, whole in zip(size, data.data.shape[-3:], strict=True)):
            continue
        # Where lines were averaged less often the noise is above 1, which the factor takes back.
        block = data.data[(..., *region)] * data.weights[(..., *region)].amin()
        maps = espirit_shared(block, matrix, settings or Espirit())
        source = f"ESPIRiT from {size[0]} × {size[1]} × {size[2]} (kz, ky, kx) fully sampled {name}"
        silent = [i for i, entry in enumerate(maps) if not bool((entry != 0).any())]
        if silent:
            maps[silent] = _low_resolution(data, silent, matrix)
            source += f"; slices {silent} have no signal above the noise there and got low-resolution images instead"
        return SensitivityMaps(maps.reshape(*batch, *maps.shape[1:]), source)
    maps, source = _without_region(candidates, matrix)
    return SensitivityMaps(maps.reshape(*batch, *maps.shape[1:]), source)


def _without_region(candidates: list[tuple[KSpace, str]], matrix: tuple[int, ...]) -> tuple[Tensor, str]:
    """Joint estimation where it explains the data, which undersampling of the very centre can prevent."""
    found, explained = zip(*(_joint(candidates, i, matrix) for i in range(candidates[0][0].data.shape[0])), strict=True)
    maps = torch.stack(found)
    poor = [i for i, good in enumerate(explained) if not good]
    source = "no calibration region: image and sensitivities were estimated together from the imaging data"
    if not poor:
        return maps, source
    data, name = next(((d, n) for d, n in candidates if n.startswith("separate")), candidates[-1])
    maps[poor] = _low_resolution(data, poor, matrix)
    low = (
        f"low-resolution images of the {name} over their root-sum-of-squares, which are aliased if the centre of "
        f"k-space was undersampled as well; acquire at least {SMALLEST_REGION}, better {LARGEST_REGION} neighbouring "
        "central lines"
    )
    if len(poor) == len(explained):
        return maps, f"no calibration region: {low}"
    return maps, f"{source}; it did not explain the data of slices {poor}, which got {low}"


def _joint(candidates: list[tuple[KSpace, str]], i: int, matrix: tuple[int, ...]) -> tuple[Tensor, bool]:
    """Joint estimate of slice ``i`` from the imaging data and such calibration data as lie on its grid."""
    imaging = next(data for data, name in candidates if name == "central samples")
    several = [data for data, name in candidates if name.startswith("separate")] + [imaging]
    several = [data for data in several if data.data.shape[-4:] == imaging.data.shape[-4:]]
    kspace = torch.cat([data.data[i] for data in several])
    weights = torch.cat([data.weights[i] for data in several])
    every = -(-kspace.shape[0] // MOST_SHARED)
    return joint_estimation(kspace[::every], weights[::every], matrix, peak=find_peak(imaging))


def _low_resolution(kspace: KSpace, slices: Sequence[int], matrix: tuple[int, ...]) -> Tensor:
    peak = find_peak(kspace)
    return torch.stack([low_resolution_maps(kspace.data[i], matrix, peak=peak) for i in slices])


def _candidates(kspace: KSpace, calibration: KSpace | None) -> list[tuple[KSpace, str]]:
    """What maps can be made of, the best first, with batch axes (slice, shared)."""
    imaging = _slices_and_shared(kspace)
    found = [] if calibration is None else [(_slices_and_shared(calibration), "separate calibration samples")]
    found.append((imaging, "central samples"))
    if imaging.data.shape[1] > 1:
        found.append((_put_together(imaging), "central samples of all repetitions and contrasts together"))
    return found


def _slices_and_shared(kspace: KSpace) -> KSpace:
    """The batch axes sorted into slices, each with maps of its own, and all others, which share them."""
    batch = kspace.data.shape[:-4]
    weights = kspace.weights.expand(*batch, 1, *kspace.data.shape[-3:])
    data = kspace.data
    if "slice" in kspace.batch_axes:
        axis = kspace.batch_axes.index("slice")
        data, weights = data.movedim(axis, 0), weights.movedim(axis, 0)
    else:
        data, weights = data.unsqueeze(0), weights.unsqueeze(0)
    shape = (data.shape[0], -1)
    return replace(
        kspace,
        data=data.reshape(*shape, *data.shape[-4:]),
        weights=weights.reshape(*shape, *weights.shape[-4:]),
        batch_axes=("slice", "shared"),
    )


def _put_together(kspace: KSpace) -> KSpace:
    """Weighted mean over the shared axis: interleaved undersampling of a time series fills k-space."""
    weights = kspace.weights.square().sum(dim=1, keepdim=True).sqrt()
    total = (kspace.weights.square() * kspace.data).sum(dim=1, keepdim=True)
    data = total / weights.square().clamp(min=torch.finfo(weights.dtype).tiny)
    return replace(kspace, data=data, weights=weights)


def _check(kspace: KSpace, calibration: KSpace | None, matrix: tuple[int, ...]) -> None:
    acquired = tuple(kspace.data.shape[-3:])
    if len(matrix) != 3 or any(n < a for n, a in zip(matrix, acquired, strict=True)):
        raise ValueError(
            f"the matrix of the maps is {matrix}, but the acquired matrix (z, y, x) is {acquired}: "
            "ask for at least as many voxels on every axis"
        )
    if calibration is None:
        return
    if calibration.data.shape[-4] != kspace.data.shape[-4]:
        raise ValueError(
            f"the calibration data have {calibration.data.shape[-4]} channels, the imaging data "
            f"{kspace.data.shape[-4]}: they must come from the same receive array, compressed with the same matrix"
        )
    slices = [dict(zip(k.batch_axes, k.data.shape, strict=False)).get("slice", 1) for k in (calibration, kspace)]
    if slices[0] != slices[1]:
        raise ValueError(
            f"the calibration data have {slices[0]} slices and the imaging data {slices[1]}: leave the calibration "
            "data out (calibration=None) if it was acquired for other slices"
        )
    extents = [
        [n * v for n, v in zip(k.geometry.matrix, k.geometry.voxel_size, strict=True)] for k in (calibration, kspace)
    ]
    if any(abs(a - b) > 0.02 * b for a, b in zip(extents[0][-2:], extents[1][-2:], strict=True)):
        raise ValueError(
            f"the calibration data cover {extents[0]} m (z, y, x) and the imaging data {extents[1]} m: maps need the "
            "same field of view; leave the calibration data out (calibration=None)"
        )
