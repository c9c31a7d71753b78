"""What a high-field scan would have been at a lower field: less signal, more noise, another contrast, a poorer magnet.

In SNR units (noise of every sample has standard deviation 1) all of it is one factor r and fresh noise n:

    k_low = r k_high + √(1 − r²) n,    r = f · SNR(B_low)/SNR(B_high) / √(BW_low/BW_high)

f is the change of one tissue's signal by relaxation and times, and the second factor is what body and copper
make of the field. With a coil without resistance, SNR ∝ B0, it is the relation of the source.

What it cannot do: a single f for all tissues keeps the contrast between them; coils and transmit field are those of the
high field; T2* within a voxel does not follow the magnet. A scan with more noise than the low field has is refused.

Source: Wu, Chen and Nayak, PLoS ONE 11:e0154711 (2016); noise of Hoult and Lauterbur, J Magn Reson 34:425 (1979).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import tissue_signal
from bloch.receiver.noise import CROSSOVER_FIELD, relative_snr
from bloch.sequence import Protocol
from bloch.tissue import tissues_at
from pirecon.algebra.fft import centred_fft, centred_ifft
from pirecon.calibration import NoiseCovariance
from pirecon.rawdata import RawData


@dataclass(frozen=True)
class LowField:
    """A lower field, and what differs there from the scan at hand.

    Attributes:
        field_strength: B0, T.
        crossover_field: field at which the coils hear the body as loudly as their own copper, T. 0 is body noise alone
            (SNR ∝ B0, the source's assumption); a large one is copper noise alone (SNR ∝ B0^7/4).
        tissue: whose relaxation f follows, a key of ``bloch.tissue.tissues_at``.
        bandwidth_ratio: readout bandwidth at low over that at high field.
    """

    field_strength: float
    crossover_field: float = CROSSOVER_FIELD
    tissue: str = "white_matter"
    bandwidth_ratio: float = 1.0

    def __post_init__(self) -> None:
        if not 0.01 <= self.field_strength <= 7:
            raise ValueError(f"the lower field is {self.field_strength} T; expected 0.01–7 T, in tesla")
        if not 0 < self.bandwidth_ratio < math.inf:
            raise ValueError(f"the ratio of the bandwidths is {self.bandwidth_ratio}; expected a number above 0")


def relaxation_factor(high: Protocol, low: Protocol, fields: tuple[float, float], tissue: str) -> float:
    """f: signal of a tissue at the low field over that at the high one, per unit of equilibrium magnetisation.

    Args:
        high: protocol of the scan.
        low: protocol at the low field.
        fields: B0 of the scan and of the low field, T.
        tissue: a key of ``tissues_at``.

    Raises:
        ValueError: an unknown tissue, or one that gives no signal at the high field.
    """
    signals = []
    for protocol, B0 in zip((high, low), fields, strict=True):
        tissues = tissues_at(B0)
        if tissue not in tissues:
            raise ValueError(f"there is no tissue {tissue!r}; known are {', '.join(sorted(tissues))}")
        signals.append(abs(float(tissue_signal(tissues[tissue], protocol))))
    if not signals[0] > 1e-6:
        raise ValueError(f"{tissue} gives no signal with {high} at {fields[0]} T; choose a tissue that the scan shows")
    return signals[1] / signals[0]


def snr_factor(change: LowField, field_strength: float, *, relaxation: float = 1.0) -> float:
    """r: SNR of the scan at the low field over its SNR now.

    Args:
        change: to which field.
        field_strength: of the scan, T.
        relaxation: f, see :func:`relaxation_factor`.

    Raises:
        ValueError: r is above 1: noise would have to be taken away.
    """
    by_field = relative_snr(change.field_strength, field_strength, crossover_field=change.crossover_field)
    r = relaxation * by_field / math.sqrt(change.bandwidth_ratio)
    if r > 1:
        raise ValueError(
            f"at {change.field_strength} T the scan would have {r:.3g} times the SNR of {field_strength} T: "
            "noise can only be added. Choose a lower field, a larger bandwidth, or times that give less signal"
        )
    return r


def degrade_to_low_field(kspace: Tensor, factor: float, rng: np.random.Generator, *, weights: Tensor) -> Tensor:
    """``r k + √(1 − r²) weights n`` of weighted samples in SNR units.

    Args:
        kspace: weighted samples, complex ``(coil, kz, ky, kx)``.
        factor: r of :func:`snr_factor`.
        rng: draws n.
        weights: ``(1, kz, ky, kx)``, 0 where nothing was measured.

    Returns:
        Weighted samples of the same shape and noise.
    """
    noise = torch.from_numpy(rng.standard_normal((*kspace.shape, 2), dtype=np.float32))
    white = torch.view_as_complex(noise).to(kspace)
    return factor * kspace + math.sqrt(1 - factor**2) * weights * white


def distort_along_readout(kspace: Tensor, off_resonance: Tensor, dwell_time: float) -> Tensor:
    """Samples of a readout that takes its time in an inhomogeneous field.

        y(ky, kx) = Σ_x m(ky, x) exp(−2πi (kx x / N + δf(y, x) t(kx)))/√N,   t = 0 at the echo (kx = 0)

    Written for each row y of the image; phase encoding is not distorted. It shifts, stretches and piles up along x, by
    δf over the bandwidth of a voxel. The outermost samples of a stretched image lie beyond those measured: they wrap.

    Args:
        kspace: fully sampled, complex ``(coil, kz, ky, kx)``.
        off_resonance: ``(z, y, x)``, Hz, on the same grid.
        dwell_time: between samples, s.

    Returns:
        Samples ``(coil, kz, ky, kx)``.
    """
    n = kspace.shape[-1]
    image = centred_ifft(kspace, (-3, -2, -1))
    place = torch.arange(n, dtype=torch.float64, device=kspace.device) - n // 2
    rows = []
    for y in range(kspace.shape[-2]):
        turns = place[:, None] * place / n + off_resonance[:, y].double()[:, None] * place[:, None] * dwell_time
        encode = torch.polar(torch.full_like(turns, n**-0.5), -2 * math.pi * turns).to(kspace)  # (z, kx, x)
        rows.append(torch.einsum("zkx,czx->czk", encode, image[..., y, :]))
    return centred_fft(torch.stack(rows, dim=-2), (-3, -2))


def degrade_raw(
    raw: RawData, factor: float, covariance: NoiseCovariance, rng: np.random.Generator, *, change: LowField
) -> RawData:
    """The same raw data at the lower field: every line but the noise scan's gets ``r k + √(1 − r²) n``.

    The unit of the file stays such that its noise keeps the level that it had, so a noise scan stays right.

    Args:
        raw: the scan.
        factor: r of :func:`snr_factor`.
        covariance: of the scan's noise, ½ E[n nᴴ], in the file's unit squared.
        rng: draws n.
        change: goes to the dwell time and the field strength that the result states.

    Returns:
        Raw data with other samples.
    """
    power, mixing = torch.linalg.eigh(covariance.matrix.to("cpu", torch.complex128))
    root = (mixing * power.clamp_min(0).sqrt()).numpy()  # a silent channel has no Cholesky factor
    samples = raw.samples.copy()
    for line in np.setdiff1d(np.arange(len(raw.readouts)), raw.streams.noise):
        measured = raw.readout(int(line))
        noise = rng.standard_normal((*measured.shape, 2)) @ np.array([1, 1j])
        block = factor * measured + math.sqrt(1 - factor**2) * (root @ noise)
        samples[raw.offsets[line] : raw.offsets[line + 1]] = block.reshape(-1)
    readouts = raw.readouts.copy()
    readouts["sample_time_us"] = readouts["sample_time_us"] / change.bandwidth_ratio
    physics = replace(raw.physics, field_strength=change.field_strength, centre_frequency=None)
    return replace(raw, samples=samples, readouts=readouts, physics=physics)
