"""The whole way from a raw file to an image. Read this first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from pirecon.calibration import (
    NoiseCovariance,
    SensitivityMaps,
    compression_matrix,
    covariance_from_kspace,
    covariance_from_noise_scan,
    estimate_sensitivity_maps,
    mix_kspace_channels,
    prewhiten,
)
from pirecon.encoding import CartesianSense
from pirecon.image.image import Image
from pirecon.methods import Method, choose_method
from pirecon.rawdata import (
    KSpace,
    RawData,
    audit,
    calibration_kspace,
    noise_dwell_time_ratio,
    noise_samples,
    read_mrd,
    sort_kspace,
)

Matrix = tuple[int, int, int]


@dataclass(frozen=True)
class Measurement:
    """Everything a reconstruction method needs, in SNR units.

    Attributes:
        kspace: prewhitened k-space.
        maps: sensitivities on the reconstruction grid.
        matrix: reconstruction grid (z, y, x).
        noise_scale: noise standard deviation of the averaged data in the raw file's unit.
        notes: what was estimated or assumed, by station.
    """

    kspace: KSpace
    maps: SensitivityMaps
    matrix: Matrix
    noise_scale: float
    notes: dict[str, str]

    def encoding(self, index: int) -> tuple[Tensor, CartesianSense]:
        """Weighted samples ``(coil, kz, ky, kx)`` and E of one entry of the flattened batch axes."""
        batch = self.kspace.data.shape[:-4]
        maps = self.maps.maps[..., 0, :, :, :, :]  # the first ESPIRiT set
        weights = _entry(self.kspace.weights, batch, index)
        return weights * _entry(self.kspace.data, batch, index), CartesianSense(_entry(maps, batch, index), weights)


def _entry(values: Tensor, batch: tuple[int, ...], index: int) -> Tensor:
    """Entry ``index`` of the flattened batch axes of ``values``, which broadcast to ``batch``."""
    return values.expand(*batch, *values.shape[-4:])[tuple(np.unravel_index(index, batch))] if batch else values


def reconstruct(  # noqa: PLR0913 - the one call with everything a user can wish for
    source: str | Path | RawData,
    method: str = "unrolled",
    *,
    checkpoint: str | Path = "default",
    matrix: Matrix | None = None,
    voxel: float | None = None,
    n_coils: int | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Image:
    """Raw file → image.

    Args:
        source: path of an MRD (or fastMRI/M4Raw HDF5) file, or what ``read_mrd`` gave.
        method: ``adjoint``, ``cg-sense``, ``wavelet``, ``tv`` or ``unrolled``.
        checkpoint: of the unrolled network: a shipped name or a file.
        matrix: reconstruction grid (z, y, x) over the same field of view; the acquired matrix by default.
        voxel: instead of ``matrix``: largest in-plane voxel edge (of all edges in 3D), m.
        n_coils: compress to this many virtual coils; None keeps all.
        device: where to compute, for example "cuda".
        progress: called with (done, total) after each slice or volume.

    Returns:
        Image in SNR units, complex64 ``(*batch, z, y, x)``, on the CPU.

    Raises:
        FileNotFoundError: no such raw file or checkpoint.
        ValueError: the raw data or the arguments cannot be used; the message says why and what to do.
    """
    raw = source if isinstance(source, RawData) else read_mrd(source)
    solve = choose_method(method, checkpoint=checkpoint, device=torch.device(device), field_strength=raw.field_strength)
    measurement = calibrate(raw, matrix=matrix, voxel=voxel, n_coils=n_coils, device=torch.device(device))
    image = solve_all(measurement, solve, progress=progress)
    metadata: dict[str, object] = {
        "method": method,
        "field_strength": raw.field_strength,
        "echo_time": raw.echo_time,
        "repetition_time": raw.repetition_time,
        **measurement.notes,
        "audit": [f"{f.name}: {f.found}; {f.done}" for f in audit(raw)],
    }
    return Image(
        data=image.cpu(),
        geometry=measurement.kspace.geometry.with_matrix(measurement.matrix),
        batch_axes=measurement.kspace.batch_axes,
        noise_scale=measurement.noise_scale,
        metadata=metadata,
    )


def calibrate(
    raw: RawData,
    *,
    matrix: Matrix | None = None,
    voxel: float | None = None,
    n_coils: int | None = None,
    device: torch.device | None = None,
    average: int | None = None,
) -> Measurement:
    """Sort, whiten and estimate sensitivities: raw data → Measurement.

    Args:
        raw: the raw file.
        matrix, voxel: reconstruction grid, as in :func:`reconstruct`.
        n_coils: compress to this many virtual coils; None keeps all.
        device: where to compute.
        average: use only this average; None takes the mean of all.
    """
    kspace = sort_kspace(raw, average=average, device=device)
    covariance = noise_covariance(raw, kspace)
    whitened = prewhiten(kspace, covariance)
    calibration = calibration_kspace(raw, device=device)
    if calibration is not None:
        calibration = prewhiten(calibration, covariance)
    if n_coils is not None and n_coils < whitened.data.shape[-4]:
        compression = compression_matrix(whitened, n_coils)
        whitened = mix_kspace_channels(whitened, compression)
        calibration = None if calibration is None else mix_kspace_channels(calibration, compression)
    grid = choose_matrix(whitened, matrix=matrix, voxel=voxel)
    maps = estimate_sensitivity_maps(whitened, calibration, grid)
    scale = math.sqrt(float(covariance.matrix.diagonal().real.mean()) / kspace.n_averages)
    return Measurement(whitened, maps, grid, scale, {"noise": covariance.source, "sensitivities": maps.source})


def noise_covariance(raw: RawData, kspace: KSpace) -> NoiseCovariance:
    """From the noise scan where there is one, else from the imaging data."""
    samples = noise_samples(raw)
    if samples is None:
        return covariance_from_kspace(kspace)
    ratio = noise_dwell_time_ratio(raw)
    system = raw.header.acquisitionSystemInformation
    return covariance_from_noise_scan(
        samples,
        bandwidth_ratio=1.0 if ratio is None else 1.0 / ratio,
        receiver_noise_bandwidth=None if system is None else system.relativeReceiverNoiseBandwidth,
    )


def choose_matrix(kspace: KSpace, *, matrix: Matrix | None, voxel: float | None) -> Matrix:
    """The reconstruction grid: given, or from the voxel size, or as acquired.

    Raises:
        ValueError: both or a nonsensical one given, or coarser than acquired.
    """
    geometry = kspace.geometry
    if matrix is not None and voxel is not None:
        raise ValueError("give the matrix or the voxel size of the reconstruction, not both")
    if voxel is not None:
        if not 0 < voxel < 1:
            raise ValueError(f"the voxel size is {voxel} m; expected something like 0.001 (1 mm)")
        sides = [n * s for n, s in zip(geometry.matrix, geometry.voxel_size, strict=True)]
        finer = (1 if n == 1 else math.ceil(s / voxel - 1e-6) for n, s in zip(geometry.matrix, sides, strict=True))
        matrix = cast(Matrix, tuple(finer))
    if matrix is None:
        return geometry.matrix
    if any(new < old for new, old in zip(matrix, geometry.matrix, strict=True)):
        edges = " × ".join(f"{1e3 * s:.2f}" for s in geometry.voxel_size)
        raise ValueError(
            f"a reconstruction matrix of {matrix} (z, y, x) is coarser than the acquired {geometry.matrix} "
            f"(voxels of {edges} mm): measured samples would be thrown away; ask for at least the acquired matrix"
        )
    if matrix[0] > 1 and geometry.matrix[0] == 1:
        raise ValueError(f"these are 2D slices: the reconstruction matrix must have z = 1, found {matrix}")
    return matrix


def solve_all(measurement: Measurement, solve: Method, *, progress: Callable[[int, int], None] | None = None) -> Tensor:
    """Reconstruct every slice (contrast, repetition, …) in turn, complex ``(*batch, z, y, x)``: the memory of one."""
    batch = measurement.kspace.data.shape[:-4]
    total = math.prod(batch)
    images = []
    for index in range(total):
        images.append(solve(*measurement.encoding(index)))
        if progress is not None:
            progress(index + 1, total)
    return torch.stack(images).reshape(*batch, *measurement.matrix)
