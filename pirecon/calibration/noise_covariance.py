"""Noise of the receive channels: how strong it is and how the channels share it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.special import gammaincinv
from torch import Tensor

from pirecon.algebra.fft import centred_ifft
from pirecon.rawdata.kspace import KSpace
from pirecon.rawdata.trajectory import NonCartesianKSpace

SPECTRUM_LENGTH = 64  # samples a segment of the noise spectrum
AIR_LEVEL = 2.5  # power, over that of the quietest tenth of the columns, up to which a column counts as air
N_BANDS = 16  # bands of phase-encode lines, each with a noise level of its own


@dataclass(frozen=True)
class NoiseCovariance:
    """Covariance of the noise of a single measurement (before averaging).

    Attributes:
        matrix: complex128 ``(coil, coil)``, ½ E[n nᴴ] for the complex noise n of one k-space sample of the imaging
            data, in the raw file's unit squared. The half is there as real and imaginary part share E[|n|²] equally:
            with ``matrix = L Lᴴ`` the noise L⁻¹ n has standard deviation 1 in its real *and* 1 in its imaginary part.
        source: where the matrix comes from and what was assumed, in a sentence.
    """

    matrix: Tensor
    source: str


def covariance_from_noise_scan(
    samples: Tensor, *, bandwidth_ratio: float = 1.0, receiver_noise_bandwidth: float | None = None
) -> NoiseCovariance:
    """½ Σ n nᴴ / (N · bandwidth_ratio · receiver_noise_bandwidth), scaled to the imaging readout.

    White noise has a variance proportional to the sampling bandwidth, that is to 1 / dwell time. A receiver's filter
    rolls off towards the edges of the noise scan's band, so that the mean over the band is below the level in its
    centre, where the image lies: that is the receiver noise bandwidth, 0.793 on the scanners of the source.

    Args:
        samples: complex noise ``(coil, n)``, readout after readout.
        bandwidth_ratio: dwell time of the imaging scan over dwell time of the noise scan (the inverse of
            :func:`pirecon.rawdata.noise_dwell_time_ratio`).
        receiver_noise_bandwidth: mean noise power over noise power in the centre of the band (MRD header:
            ``relativeReceiverNoiseBandwidth``). ``None`` measures it in the spectrum of ``samples``.

    Raises:
        ValueError: too few samples, or factors which are not positive.

    Source: Kellman P., McVeigh E. R., Magn Reson Med 54:1439 (2005), erratum 58:211 (2007);
        the scale factor of ``ismrmrdtools.coils.calculate_prewhitening`` is the product of the two factors here.
    """
    n_coils, n = samples.shape
    if n < 2 * n_coils:
        raise ValueError(
            f"the noise scan has {n} samples for {n_coils} channels, but a covariance needs at least {2 * n_coils}: "
            "leave the noise scan out, and the noise is estimated from the imaging data"
        )
    if bandwidth_ratio <= 0 or (receiver_noise_bandwidth is not None and receiver_noise_bandwidth <= 0):
        raise ValueError(
            f"bandwidth_ratio = {bandwidth_ratio} and receiver_noise_bandwidth = {receiver_noise_bandwidth} must be "
            "positive: the first is imaging dwell time / noise dwell time, the second about 0.8 to 1"
        )
    noise = samples.to(torch.complex128)
    measured = receiver_noise_bandwidth is None
    bandwidth = relative_noise_bandwidth(noise) if receiver_noise_bandwidth is None else receiver_noise_bandwidth
    matrix = noise @ noise.mH / (2 * n * bandwidth_ratio * bandwidth)
    how = "measured in its spectrum" if measured else "given"
    source = (
        f"noise scan of {n} samples a channel, bandwidth ratio {bandwidth_ratio:.4g}, "
        f"receiver noise bandwidth {bandwidth:.3f} ({how})"
    )
    return NoiseCovariance(matrix, source)


def relative_noise_bandwidth(samples: Tensor) -> float:
    """Mean of the noise power spectrum over its mean in the central half of the band; 1 for white noise.

    A ratio that differs from 1 by less than three standard errors is reported as 1: it would only add noise.

    Args:
        samples: complex noise ``(coil, n)``, readout after readout.
    """
    length = min(SPECTRUM_LENGTH, samples.shape[1])
    n_segments = samples.shape[1] // length
    segments = samples[:, : n_segments * length].reshape(samples.shape[0], n_segments, length)
    power = torch.fft.fftshift(torch.fft.fft(segments).abs().square().mean(dim=1), dim=-1)  # (coil, frequency)
    power = power[power.sum(dim=-1) > 0]
    if power.shape[0] == 0:
        return 1.0
    power = power / power.mean(dim=-1, keepdim=True)
    centre = power[:, length // 4 : length // 4 + length // 2].mean()
    standard_error = 1 / math.sqrt(power.shape[0] * n_segments * length)
    return float(1 / centre) if centre - 1 > 3 * standard_error else 1.0


def covariance_from_kspace(kspace: KSpace) -> NoiseCovariance:
    """Estimate the noise from the imaging data itself, where there is no noise scan.

    The readout is sampled in full, so its Fourier transform separates the object from the air beside it, whatever the
    sampling of the phase encoding: the columns with the least power hold noise, and signal at most in the central
    lines. In each of 16 bands of neighbouring lines the median of |n|² (ln 2 of the mean, for one channel) measures
    the level, which signal in a few samples does not change; the mean over the bands, large values cut, is the noise
    power. The channels' correlation is the fixed point of Σ = C/N Σ n nᴴ / (nᴴ Σ⁻¹ n), which does not see the
    samples' size. The corners of k-space alone would not do: low-field data is often filtered before it is stored, and
    the corners of the published 0.055 T brains have half the standard deviation of their images' background.

    Args:
        kspace: not whitened; ``data`` in any unit.

    Raises:
        ValueError: nothing was measured, or too few samples to tell noise from signal.

    Source: Tyler D. E., Ann Statist 15:234 (1987), for the correlation; the mean is over k-space by Parseval's theorem.
    """
    noise, band, n_columns = _air_samples(kspace)  # (sample, coil), (sample,)
    matrix, unevenness = _robust_covariance(noise, band)
    source = (
        f"no noise scan: estimated from {noise.shape[0]} samples of the imaging data, the {n_columns} columns along "
        "the readout with the least signal"
    )
    if unevenness > 2:
        source += (
            f"; the noise power differs {unevenness:.1f}-fold between outer and inner phase-encode lines, so the data "
            "were filtered before they were stored, and one level describes their noise only on average"
        )
    return NoiseCovariance(matrix * kspace.n_averages, source)


def covariance_from_outer_samples(kspace: NonCartesianKSpace) -> NoiseCovariance:
    """Estimate the noise of a non-Cartesian scan without a noise scan from the outermost tenth of its k-space.

    As :func:`covariance_from_kspace`, but signal cannot be told from noise there, so the level is an upper limit.

    Args:
        kspace: not whitened; ``data`` in any unit.

    Raises:
        ValueError: too few samples.
    """
    measured = (kspace.weights > 0).expand(*kspace.data.shape[:-3], 1, *kspace.data.shape[-2:]).squeeze(-3)
    radius = kspace.trajectory.k.norm(dim=-1).expand(measured.shape)
    if not bool(measured.any()):
        raise ValueError("the noise cannot be estimated: no k-space sample was measured (all weights are zero)")
    limit = radius[measured].double().quantile(0.9) if int(measured.sum()) < 2**24 else 0.9 * radius[measured].max()
    noise = kspace.data.movedim(-3, -1)[measured & (radius >= limit)].to(torch.complex128)
    matrix, _ = _robust_covariance(noise, torch.zeros(noise.shape[0], dtype=torch.int64, device=noise.device))
    source = (
        f"no noise scan: estimated from the outermost {noise.shape[0]} samples of k-space, an upper limit, for they "
        "hold fine detail as well"
    )
    return NoiseCovariance(matrix, source)


def _robust_covariance(noise: Tensor, band: Tensor) -> tuple[Tensor, float]:
    """½ E[n nᴴ] of samples ``(sample, coil)``, silent channels zero, and by how much the bands' levels differ."""
    n_coils = noise.shape[1]
    alive = noise.abs().square().median(dim=0).values > 0
    matrix = torch.zeros(n_coils, n_coils, dtype=torch.complex128, device=noise.device)
    noise = noise[:, alive]
    if noise.shape[1] == 0 or noise.shape[0] < 8 * noise.shape[1]:
        raise ValueError(
            f"the noise cannot be estimated from {noise.shape[0]} samples beside the object in {noise.shape[1]} of "
            f"{n_coils} channels that hold data; measure a noise scan, or check that the file holds more than a few "
            "readouts"
        )
    scale = noise.abs().square().median(dim=0).values.sqrt()
    shape = _correlation(noise / scale)
    power, unevenness = _power(noise / scale, shape, band)
    block = shape * scale[:, None] * scale[None, :] * (power / 2)
    index = torch.nonzero(alive).squeeze(1)
    matrix[index[:, None], index[None, :]] = block
    return matrix, unevenness


def _air_samples(kspace: KSpace) -> tuple[Tensor, Tensor, int]:
    """Samples ``(sample, coil)`` of the columns with least signal, each sample's band of lines, number of columns."""
    weights = kspace.weights.expand(*kspace.data.shape[:-4], 1, *kspace.data.shape[-3:])
    filled = (weights > 0).double().mean(dim=-1).squeeze(-3)  # (*batch, kz, ky), fraction of each readout
    if not bool((filled > 0).any()):
        raise ValueError("the noise cannot be estimated: no k-space sample was measured (all weights are zero)")
    white = (weights * kspace.data).to(torch.complex128)
    columns = centred_ifft(white, (-1,)).movedim(-4, -1)  # (*batch, kz, ky, x, coil)
    measured = (filled > 0) & (kspace.data != 0).any(dim=-1).any(dim=-3)  # zeros are no noise
    if int(measured.sum()) < 2:
        raise ValueError("the noise cannot be estimated: fewer than 2 readouts hold any data, all others are zero")
    lines = columns[measured] / filled[measured].sqrt()[:, None, None]  # (line, x, coil)
    ky = torch.arange(filled.shape[-1], device=filled.device).expand(filled.shape)[measured]
    lines, ky = lines[ky.argsort(stable=True)], ky.sort().values
    channel_power = lines.abs().square().mean(dim=(0, 1)).clamp(min=torch.finfo(torch.float64).tiny)
    power = (lines.abs().square() / channel_power).mean(dim=-1)  # (line, x)
    air = _quiet_columns(power.mean(dim=0), power.std(dim=0) / math.sqrt(power.shape[0]))
    n_bands = min(N_BANDS, lines.shape[0])
    band = torch.arange(lines.shape[0], device=ky.device) * n_bands // lines.shape[0]
    n_columns = int(air.sum())
    return lines[:, air].flatten(0, 1), band.repeat_interleave(n_columns), n_columns


def _quiet_columns(level: Tensor, standard_error: Tensor) -> Tensor:
    """Which columns count as air, from their mean power and its standard error, both ``(x,)``."""
    quiet, loud = level.quantile(0.1), level.quantile(0.9)
    # A third of the way (in decibels) to the object: at low SNR its columns are little louder than air.
    limit = torch.minimum(AIR_LEVEL * quiet, quiet ** (2 / 3) * loud ** (1 / 3))
    # Columns that differ by chance all belong: the quiet half of pure noise would be too quiet.
    spread = standard_error[level <= quiet].median().nan_to_num()
    return level <= torch.maximum(limit, quiet + 4.5 * spread)


def _correlation(noise: Tensor, iterations: int = 30) -> Tensor:
    """Tyler's fixed point for samples ``(sample, coil)``, with diagonal mean 1."""
    n_coils = noise.shape[1]
    eye = torch.eye(n_coils, dtype=noise.dtype, device=noise.device)
    unit = noise / noise.norm(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    shape = eye
    for _ in range(iterations if n_coils > 1 else 0):
        loaded = shape + 1e-9 * eye  # two channels that are copies of each other leave the shape without an inverse
        distance = (unit.conj() * torch.linalg.solve(loaded, unit.T).T).sum(dim=1).real
        weighted = unit / distance.clamp(min=torch.finfo(torch.float64).tiny)[:, None]
        shape = weighted.T @ unit.conj()
        shape = shape * (n_coils / shape.diagonal().sum().real)
    return shape


def _power(noise: Tensor, shape: Tensor, band: Tensor) -> tuple[float, float]:
    """E[nᴴ Σ⁻¹ n] / C of samples ``(sample, coil)`` from the bands' medians, and the largest over the smallest."""
    n_coils = noise.shape[1]
    loaded = shape + 1e-9 * torch.eye(n_coils, dtype=shape.dtype, device=shape.device)
    distance = (noise.conj() * torch.linalg.solve(loaded, noise.T).T).sum(dim=1).real
    # Whitened complex noise of C channels has a gamma-distributed squared norm with shape C and mean C.
    median_of_gamma = float(gammaincinv(n_coils, 0.5))
    levels = torch.stack([distance[band == b].median() for b in band.unique()]) / median_of_gamma
    cut = levels.clamp(max=3 * float(levels.median()))
    return float(cut.mean()), float(cut.max() / cut.min().clamp(min=torch.finfo(torch.float64).tiny))
