"""Electromagnetic interference: what an unshielded scanner hears besides the patient and thermal noise."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from bloch.receiver.interference_source import BroadBand, NarrowBand, Source


def interference_at(sources: tuple[Source, ...], times: Tensor) -> Tensor:
    """What all sources together induce in every channel.

        y_c(t) = Σ_s coupling_sc w_s(t),   E|w_s|² = 2: real and imaginary part of unit variance, as thermal noise has

    A source has one waveform, so channels hear it coherently, and it runs on between readouts: its phase at the start
    of a readout follows from the time. A broad-band waveform is a random process sampled at ``times``: the same seed
    and times give the same samples, so ask for the noise scan and all readouts in one call.

    The receiver's own phase (RF spoiling) is not in it: multiply readouts by exp(−iφ) as those of the signal.

    Args:
        sources: at least one.
        times: of every sample since the start of the scan ``(readout, sample)``, s, in any order.

    Returns:
        Complex128 ``(channel, readout, sample)`` on the device of ``times``.

    Raises:
        ValueError: no sources, sources of different numbers of channels, or times that are not two axes.

    Warns:
        UserWarning: a line outside the receiver's band, which a scanner's filter would remove.

    Source: setting: Srinivas et al., Magn Reson Med 87:614 (2022); Liu et al., Nat Commun 12:7238 (2021).
    """
    channels = {len(source.coupling) for source in sources}
    if len(channels) != 1 or times.ndim != 2:
        raise ValueError(
            "interference needs sources that couple to the same number of channels, and times (readout, sample), but "
            f"got couplings to {sorted(channels)} channels and times of shape {tuple(times.shape)}"
        )
    t = times.to(torch.float64)
    _warn_of_aliases(sources, t)
    total = torch.zeros(channels.pop(), *t.shape, dtype=torch.complex128, device=t.device)
    for source in sources:
        wave = _line(source, t) if isinstance(source, NarrowBand) else _coloured_noise(source, _heard_at(source, t))
        total += source.coupling.to(total).reshape(-1, 1, 1) * wave
    return total


def add_interference(
    samples: Tensor, sources: tuple[Source, ...], times: Tensor, *, noise_level: Tensor, generator: torch.Generator
) -> Tensor:
    """Receive channels with interference on them, and sensing channels beside them that hear nothing else.

    Sensing coils stand off the patient: no MR signal, the interference by their own coupling, and thermal noise of
    their own (unit variance of the real and imaginary part).

    Args:
        samples: of the receive coils, noise included, complex ``(coil, readout, sample)``.
        sources: their couplings hold the receive coils first; further channels are sensing coils.
        times: as in :func:`interference_at`.
        noise_level: thermal standard deviation of the real part of each receive coil's samples ``(coil,)``.
        generator: of the sensing coils' thermal noise, on the CPU.

    Returns:
        Complex128 ``(coil + sensing, readout, sample)``.

    Raises:
        ValueError: couplings to fewer channels than receive coils, or shapes that do not fit.
    """
    heard = interference_at(sources, times.to(samples.device))
    n_coils, n_sensing = len(samples), len(heard) - len(samples)
    if n_sensing < 0 or samples.shape[1:] != heard.shape[1:] or noise_level.shape != (n_coils,):
        raise ValueError(
            f"samples {tuple(samples.shape)}, interference {tuple(heard.shape)} and noise levels "
            f"{tuple(noise_level.shape)} do not fit: an entry for each receive coil and the same readouts are needed"
        )
    level = noise_level.to(heard.real).reshape(-1, 1, 1)
    receive = samples.to(torch.complex128) + level * heard[:n_coils]
    noise = torch.randn(n_sensing, *times.shape, 2, dtype=torch.float64, generator=generator)
    return torch.cat((receive, heard[n_coils:] + torch.view_as_complex(noise).to(heard)))


def _line(source: NarrowBand, t: Tensor) -> Tensor:
    """√2 (1 + d cos 2πf_a t) / √(1 + d²/2) exp(−i phase), the phase the integral of the frequency."""
    depth, rate = source.amplitude_modulation
    deviation, wobble = source.frequency_modulation
    turns = source.frequency * t
    if deviation > 0:
        turns = turns + deviation / (2 * math.pi * wobble) * (2 * math.pi * wobble * t).sin()
    envelope = math.sqrt(2 / (1 + 0.5 * depth**2)) * (1 + depth * (2 * math.pi * rate * t).cos())
    return torch.polar(envelope, -2 * math.pi * turns - source.phase)


def _heard_at(source: BroadBand, t: Tensor) -> Tensor:
    """When what a channel hears at t was sent: (1 or channel, readout, sample)."""
    return t.unsqueeze(0) if source.delay is None else t - source.delay.to(t).reshape(-1, 1, 1)


def _coloured_noise(source: BroadBand, t: Tensor) -> Tensor:
    """A first-order autoregression in continuous time (Ornstein–Uhlenbeck), exact at any spacing of the samples.

        w(t + τ) = a w(t) + √(1 − a²) n,   a = exp(−π width τ),   then turned by exp(−2πi f t)

    Source: Uhlenbeck and Ornstein, Phys Rev 36:823 (1930); Gillespie, Phys Rev E 54:2084 (1996), exact update.
    """
    in_time, order = t.flatten().sort()
    generator = torch.Generator().manual_seed(source.seed)
    drive = torch.randn(len(in_time), 2, dtype=torch.float64, generator=generator)
    decay = torch.zeros_like(in_time)  # 0 at the first sample: it starts in the stationary state
    decay[1:] = torch.exp(-math.pi * source.width * in_time.diff())
    w = _recursion(decay, (1 - decay**2).sqrt() * torch.view_as_complex(drive).to(t.device))
    wave = torch.empty_like(w)
    wave[order] = w
    return wave.reshape(t.shape) * torch.polar(torch.ones_like(t), -2 * math.pi * source.frequency * t)


def _recursion(decay: Tensor, drive: Tensor) -> Tensor:
    """x_j = decay_j x_{j−1} + drive_j for all j at once, in log2(n) steps.

    Source: Hillis and Steele, Commun ACM 29:1170 (1986).
    """
    step = 1
    while step < len(drive) and float(decay.max()) > 0:  # short memory underflows early
        drive = torch.cat((drive[:step], drive[step:] + decay[step:] * drive[:-step]))
        decay = torch.cat((decay[:step], decay[step:] * decay[:-step]))
        step *= 2
    return drive


def _warn_of_aliases(sources: tuple[Source, ...], t: Tensor) -> None:
    if t.shape[1] < 2:
        return
    band = 0.5 / float(t[0].diff().abs().median())
    outside = [s.frequency for s in sources if isinstance(s, NarrowBand) and abs(s.frequency) > band]
    if outside:
        warnings.warn(
            f"lines at {outside} Hz lie outside the receiver's band of ±{band:.6g} Hz: a scanner's filter removes "
            "them, but samples fold them in. Leave them out, or choose frequencies within the band.",
            stacklevel=3,
        )
