"""Sort, repair, whiten, and estimate what the forward operator is made of."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pirecon.calibration import (
    NoiseCovariance,
    ReadoutNoise,
    compression_matrix,
    covariance_from_kspace,
    covariance_from_noise_scan,
    covariance_from_outer_samples,
    estimate_sensitivity_maps,
    mix_kspace_channels,
    noise_along_readout,
    noise_without_signal,
    prewhiten,
)
from pirecon.calibration.gridded_calibration import gridded_calibration
from pirecon.measurement.choices import Choices
from pirecon.measurement.columns import weigh_columns, whiten_columns
from pirecon.measurement.evolution import evolutions_of
from pirecon.measurement.grid import Matrix, choose_matrix
from pirecon.measurement.measurement import Measurement
from pirecon.measurement.motion import Channels, with_motion
from pirecon.measurement.repair import repair
from pirecon.measurement.trajectory import given_trajectory
from pirecon.rawdata import (
    KSpace,
    NonCartesianKSpace,
    RawData,
    calibration_kspace,
    is_cartesian,
    noise_dwell_time_ratio,
    noise_samples,
    sort_kspace,
    sort_readouts,
)


def calibrate(
    raw: RawData,
    *,
    choices: Choices | None = None,
    matrix: Matrix | None = None,
    voxel: float | None = None,
    n_coils: int | None = None,
    device: torch.device | None = None,
    average: int | None = None,
) -> Measurement:
    """Raw data → Measurement: everything that a reconstruction method needs.

    Args:
        raw: the raw file.
        choices: which physics goes into E; None takes what the file suggests.
        matrix: reconstruction grid (z, y, x) over the same field of view; the acquired matrix by default.
        voxel: instead of ``matrix``: largest in-plane voxel edge (of all edges in 3D), m.
        n_coils: compress to this many virtual coils; None keeps all.
        device: where to compute.
        average: use only this average of Cartesian data; None takes the mean of all.

    Returns:
        Measurement, in SNR units.

    Raises:
        ValueError: the raw data or the arguments cannot be used; the message says why and what to do.
    """
    choices = choices or Choices()
    raw, notes = repair(raw, choices)
    kspace: KSpace | NonCartesianKSpace
    if is_cartesian(raw):
        kspace = sort_kspace(raw, average=average, device=device)
    else:
        given = given_trajectory(raw, choices)
        kspace = sort_readouts(raw, k=given, unit=choices.trajectory_unit, device=device)
        notes["trajectory"] = kspace.trajectory.source
        if given is not None and choices.sequence is not None:
            notes["trajectory"] = f"of the gradients in {choices.sequence.name}"
    covariance = noise_covariance(raw, kspace)
    calibration = calibration_kspace(raw, device=device) if isinstance(kspace, KSpace) else None
    whitened = prewhiten(kspace, covariance)
    if calibration is not None:
        calibration = prewhiten(calibration, covariance)
    compression = None
    if n_coils is not None and n_coils < covariance.matrix.shape[0]:
        compression = compression_matrix(whitened, n_coils)
        whitened = _compressed(whitened, compression)
        calibration = None if calibration is None else mix_kspace_channels(calibration, compression)
    grid = choose_matrix(whitened.geometry, matrix=matrix, voxel=voxel)
    imaging = whitened if isinstance(whitened, KSpace) else gridded_calibration(whitened)
    maps = estimate_sensitivity_maps(imaging, calibration, grid)
    notes |= {"noise": covariance.source, "sensitivities": maps.source}
    scale = math.sqrt(float(covariance.matrix.diagonal().real.mean()) / kspace.n_averages)
    measurement = Measurement(raw, whitened, maps, grid, scale, notes)
    measurement, columns = _with_columns(measurement, covariance, choices)
    measurement = with_motion(measurement, raw, choices, Channels(covariance, compression, columns))
    return evolutions_of(measurement, raw, choices)


def _with_columns(
    measurement: Measurement, covariance: NoiseCovariance, choices: Choices
) -> tuple[Measurement, ReadoutNoise | None]:
    """Believe columns less that hold interference which no sensing coil took away."""
    kspace, notes = measurement.kspace, dict(measurement.notes)
    if not isinstance(kspace, KSpace) or choices.interference is False:
        return measurement, None
    columns = noise_without_signal(measurement.raw, covariance)
    if columns is None and choices.interference:
        # Asked for only: fine detail at the edge of a small k-space looks like interference.
        columns = noise_along_readout(kspace)
    if columns is None or not bool((columns.power > 1).any()):
        if choices.interference and "interference" not in notes:
            notes["interference"] = "no sensing coils, and no columns along the readout noisier than others; kept"
        return replace(measurement, notes=notes), None
    notes["noise of columns"] = columns.source
    kspace, maps = whiten_columns(kspace, columns), weigh_columns(measurement.maps, columns)
    return replace(measurement, kspace=kspace, maps=maps, notes=notes), columns


def _compressed(kspace: KSpace | NonCartesianKSpace, matrix: Tensor) -> KSpace | NonCartesianKSpace:
    if isinstance(kspace, KSpace):
        return mix_kspace_channels(kspace, matrix)
    return mix_kspace_channels(kspace, matrix)


def noise_covariance(raw: RawData, kspace: KSpace | NonCartesianKSpace) -> NoiseCovariance:
    """From the noise scan where there is one, else from the imaging data."""
    samples = noise_samples(raw)
    if samples is None:
        if isinstance(kspace, KSpace):
            return covariance_from_kspace(kspace)
        return covariance_from_outer_samples(kspace)
    ratio = noise_dwell_time_ratio(raw)
    system = raw.header.acquisitionSystemInformation
    return covariance_from_noise_scan(
        samples,
        bandwidth_ratio=1.0 if ratio is None else 1.0 / ratio,
        receiver_noise_bandwidth=None if system is None else system.relativeReceiverNoiseBandwidth,
    )
