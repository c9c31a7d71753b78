"""A field map from images at several echo times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor

from pirecon.calibration.field_map.field_map import FieldMap
from pirecon.calibration.field_map.phase_unwrapping import unwrap_phase
from pirecon.calibration.field_map.smooth_fit import choose_resolution, smooth_fit
from pirecon.rawdata.geometry import Geometry

LEAST_SIGNAL = 4.0  # standard deviations of the smoothed products of two echoes; noise alone passes once in 10⁶
LEAST_COHERENCE = 0.5  # |mean| / mean |·| of the products around a voxel: 1/3 for noise in a plane, 1 for signal
FEWEST_VOXELS = 10  # of an island with signal
FEWEST_NOISY = 50
RAYLEIGH_MEDIAN = 0.833  # of |n| for complex noise n with E |n|² = 1
MOST_TURNS = 8
REFINEMENTS = 2  # once all echoes are used


def field_map_from_echoes(
    images: Tensor, echo_times: Sequence[float], *, geometry: Geometry, resolution: float | None = None
) -> FieldMap:
    """The smooth field that explains the phase between echoes best.

        Ψ(δf) = 1/L Σ_r Σ_{m<n} |Σ_c y_mc* y_nc| (1 − cos(∠(Σ_c y_mc* y_nc) + 2π δf (t_n − t_m))) + ½ β ‖Δ δf‖²

    In SNR units the first term is the negative log-likelihood with the image unknown, so weak voxels count little. The
    shortest echo difference is unwrapped through space; longer ones are taken up in turn, the wraps resolved by the
    field found so far. Echoes at even distances ΔTE leave the whole field open by a multiple of 1/ΔTE, and the one
    nearest to 0 is given; of uneven ones 1/ΔTE belongs to their greatest common divisor. Voxels without signal are
    filled in from around, with reliability 0.

    Args:
        images: complex ``(*batch, echo, coil, z, y, x)`` in SNR units (only the threshold for signal depends on it);
            coil is 1 for combined images. All echoes must be read in the same direction.
        echo_times: of each, s, in any order.
        geometry: of the images.
        resolution: of the map, full width at half maximum where all voxels are alike, m; None finds the one that
            predicts left-out voxels best.

    Returns:
        FieldMap ``(*batch, z, y, x)``; float, of the images' precision. Places are those of the images: along the
        readout they are displaced by the field itself, see :func:`undistort_field_map`.

    Raises:
        ValueError: the shapes do not fit, or all echoes have one time.

    Source: Funai A. K. et al., IEEE Trans Med Imaging 27:1484 (2008), equations 5 to 9; several coils: Lin C. Y.,
        Fessler J. A., IEEE Trans Comput Imaging 6:1451 (2020), equation 2.
    """
    _check(images, echo_times)
    batch, flat = images.shape[:-5], images.reshape(-1, *images.shape[-5:])
    found = [_one_map(y, echo_times, geometry.voxel_size, resolution) for y in flat]
    fields, reliabilities, widths = zip(*found, strict=True)
    shape = (*batch, *images.shape[-3:])
    times = ", ".join(f"{1e3 * t:.4g}" for t in echo_times)
    source = (
        f"field map from {len(echo_times)} echoes at {times} ms, smoothed to {1e3 * min(widths):.2g} mm"
        f"{'' if min(widths) == max(widths) else f' to {1e3 * max(widths):.2g} mm'}"
        f"{'' if resolution is not None else ' (by cross-validation)'}"
    )
    if not bool(torch.stack(reliabilities).any()):
        source += "; no voxel stands out of the noise, so it is zero"
    real = images.real.dtype
    return FieldMap(
        torch.stack(fields).reshape(shape).to(real),
        torch.stack(reliabilities).reshape(shape).to(real),
        geometry,
        source,
    )


@dataclass(frozen=True)
class _Pair:
    """Two echoes: their product ``(z, y, x)``, its share in the likelihood, and the time between them."""

    product: Tensor
    share: float
    time: float


def _one_map(
    images: Tensor, echo_times: Sequence[float], voxel_size: Sequence[float], resolution: float | None
) -> tuple[Tensor, Tensor, float]:
    order = sorted(range(len(echo_times)), key=lambda i: echo_times[i])
    pairs = []
    for m, n in combinations(order, 2):
        if echo_times[n] > echo_times[m]:
            product = (images[m].conj().to(torch.complex128) * images[n]).sum(dim=0)
            pairs.append(_Pair(product, 1 / len(order), echo_times[n] - echo_times[m]))
    pairs.sort(key=lambda pair: pair.time)
    # Neighbours much farther away than the nearest ones see another field.
    near = [
        3 if s < 2 * min(voxel_size[1:]) and n > 1 else 1 for s, n in zip(voxel_size, images.shape[-3:], strict=True)
    ]
    smoothed = _mean_of_neighbours(pairs[0].product, near)
    reliability = _reliability(smoothed, pairs[0].product, near, n_coils=images.shape[1])
    field = _unwrapped_field(pairs[0], smoothed, reliability)
    if not bool(reliability.any()):
        return torch.zeros_like(field), reliability, resolution or max(voxel_size)
    gate = reliability > 0
    width = resolution
    for number in range(len(pairs) + REFINEMENTS):
        used = pairs[: number + 1]
        values, weights = _surrogate(used, field, gate)
        if resolution is None and number in (0, len(pairs) - 1):
            width = choose_resolution(values, weights, voxel_size=voxel_size)
        assert width is not None
        field = smooth_fit(values, weights, voxel_size=voxel_size, resolution=width)
        if number == 0:
            field = field + _whole_turns(pairs, field, gate)
    assert width is not None
    return field, reliability, width


def _surrogate(pairs: Sequence[_Pair], field: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
    """The parabola above the likelihood that touches it at ``field``: its lowest point and curvature.

    1 − cos s lies below the parabola with the curvature sin(s)/s at s (Huber's), the flattest there is.
    """
    slope, curvature = torch.zeros_like(field), torch.zeros_like(field)
    for pair in pairs:
        rate = 2 * math.pi * pair.time
        s = torch.remainder(pair.product.angle() + rate * field + math.pi, 2 * math.pi) - math.pi
        weight = pair.share * pair.product.abs()
        slope += weight * rate * s.sin()
        curvature += weight * rate**2 * torch.sinc(s / math.pi)
    lowest = field - slope / curvature.clamp(min=torch.finfo(field.dtype).tiny)
    return torch.where(gate & (curvature > 0), lowest, field), curvature * gate


def _whole_turns(pairs: Sequence[_Pair], field: Tensor, gate: Tensor) -> float:
    """The multiple of 1/ΔTE of the shortest pair, to be added everywhere, with which the longer pairs agree best."""
    step = 1 / pairs[0].time
    costs = {}
    for turns in range(-MOST_TURNS, MOST_TURNS + 1):
        costs[turns] = 0.0
        for pair in pairs[1:]:
            s = pair.product.angle() + 2 * math.pi * pair.time * (field + turns * step)
            costs[turns] -= float((pair.product.abs() * s.cos() * gate).sum())
    least = min(costs.values())
    # Echoes whose distances have a common divisor cannot tell all: then the field nearest to 0 is taken.
    equal = [turns for turns, cost in costs.items() if cost <= least + 1e-6 * abs(least)]
    middle = float(field[gate].median())
    return step * min(equal, key=lambda turns: abs(middle + turns * step))


def _unwrapped_field(pair: _Pair, smoothed: Tensor, reliability: Tensor) -> Tensor:
    """The field in each voxel from one pair of echoes; the turns are those of the neighbourhood's mean."""
    quality = (smoothed.abs() * (reliability > 0)).cpu().numpy()
    phase = torch.from_numpy(unwrap_phase(smoothed.angle().cpu().numpy(), quality)).to(pair.product.device)
    return -phase / (2 * math.pi * pair.time)


def _reliability(smoothed: Tensor, product: Tensor, near: Sequence[int], *, n_coils: int) -> Tensor:
    """0 where the product of two echoes is no more than noise, towards 1 with its SNR.

    In SNR units E |y_m* y_n|² is 4 a coil for noise alone. A noise that was underestimated, and interference, show in
    the voxels whose neighbours disagree: the larger of both counts.
    """
    amplitude = smoothed.abs()
    around = _mean_of_neighbours(product.abs().to(product.dtype), near).abs()
    noisy = amplitude < LEAST_COHERENCE * around
    n_neighbours = math.prod(near)
    noise = 2 * math.sqrt(n_coils / n_neighbours)
    if int(noisy.sum()) > FEWEST_NOISY:
        noise = max(noise, float(amplitude[noisy].median()) / RAYLEIGH_MEDIAN)
    signal = _without_specks((amplitude > LEAST_SIGNAL * noise) & ~noisy)
    return torch.where(signal, amplitude / (amplitude + math.sqrt(n_neighbours) * noise), torch.zeros_like(amplitude))


def _without_specks(signal: Tensor) -> Tensor:
    """Leave out islands of few voxels: among many thousand voxels of air some pass any threshold."""
    islands, _ = label(signal.cpu().numpy())
    sizes = np.bincount(islands.ravel())
    sizes[0] = 0
    return torch.from_numpy(sizes[islands] >= FEWEST_VOXELS).to(signal.device)


def _mean_of_neighbours(x: Tensor, size: Sequence[int]) -> Tensor:
    """Mean over a box of ``size`` voxels around each; those beyond the border count as zero."""
    padding = [n // 2 for n in size]
    parts = torch.stack([x.real, x.imag]).unsqueeze(1)
    real, imaginary = torch.nn.functional.avg_pool3d(parts, list(size), stride=1, padding=padding).squeeze(1)
    return torch.complex(real, imaginary)


def _check(images: Tensor, echo_times: Sequence[float]) -> None:
    if images.ndim < 5 or not images.is_complex() or images.shape[-5] != len(echo_times):
        raise ValueError(
            f"a field map needs complex images (*batch, echo, coil, z, y, x) and a time for each echo; found shape "
            f"{tuple(images.shape)}, {images.dtype} and {len(echo_times)} times. A combined image has coil = 1"
        )
    if max(echo_times) == min(echo_times):
        raise ValueError(
            f"all {len(echo_times)} echoes have the time {1e3 * echo_times[0]:.4g} ms, but the field shows in the "
            "phase between two times; is the header's TE the same for all contrasts?"
        )
    if max(echo_times) - min(echo_times) > 1:
        raise ValueError(f"the echo times {list(echo_times)} span more than a second: they have to be in s, not ms")
