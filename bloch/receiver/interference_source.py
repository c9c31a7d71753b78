"""Sources of interference: narrow-band lines and broad-band noise, and how channels hear them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class NarrowBand:
    """A line, such as a switched supply's harmonic or a radio carrier, with slow modulation.

    Attributes:
        coupling: complex ``(channel,)``: strength and phase in each channel, receive coils first, then sensing coils;
            in units of the channel's thermal noise (standard deviation of the real part of a sample).
        frequency: above the receiver's centre, Hz; it lands where spins of that off-resonance do.
        phase: at time 0, rad.
        amplitude_modulation: depth, 0 to 1, and frequency, Hz.
        frequency_modulation: largest deviation, Hz, and frequency, Hz.
    """

    coupling: Tensor
    frequency: float
    phase: float = 0.0
    amplitude_modulation: tuple[float, float] = (0.0, 0.0)
    frequency_modulation: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        depth, rate = self.amplitude_modulation
        deviation, wobble = self.frequency_modulation
        if not 0 <= depth <= 1 or (depth > 0 and not rate > 0) or deviation < 0 or (deviation > 0 and not wobble > 0):
            raise ValueError(
                "amplitude modulation needs a depth between 0 and 1, frequency modulation a deviation of at least "
                "0 Hz, and both a frequency above 0 Hz unless they are off, but they are "
                f"{self.amplitude_modulation} and {self.frequency_modulation}"
            )


@dataclass(frozen=True)
class BroadBand:
    """Coloured noise, such as that of motors and gradient amplifiers: Gaussian, with a Lorentzian spectrum.

    Attributes:
        coupling: as in :class:`NarrowBand`.
        frequency: centre of the spectrum above the receiver's, Hz.
        width: full width at half maximum, Hz; above the receiver's bandwidth it is white.
        seed: of the waveform.
        delay: by which each channel hears it late ``(channel,)``, s, or None for all at once. A tuned coil delays by
            2Q/ω0, some µs at low field: enough that one factor between two channels no longer fits the whole band.
    """

    coupling: Tensor
    frequency: float = 0.0
    width: float = 10e3
    seed: int = 0
    delay: Tensor | None = None

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise ValueError(f"the width of a broad-band source must be above 0 Hz, but is {self.width}")
        if self.delay is not None and self.delay.shape != self.coupling.shape:
            raise ValueError(
                f"a delay needs an entry for each channel: {tuple(self.coupling.shape)}, not {tuple(self.delay.shape)}"
            )


Source = NarrowBand | BroadBand


def random_sources(
    generator: torch.Generator,
    *,
    n_narrow: int,
    n_broad: int,
    n_channels: int,
    n_sensing: int,
    strength: float,
    bandwidth: float,
) -> tuple[Source, ...]:
    """Sources with random couplings, lines and spectra.

    Args:
        generator: the same state gives the same sources.
        n_narrow: lines.
        n_broad: broad-band sources.
        n_channels: receive coils.
        n_sensing: sensing coils, which hear each source one to four times as loudly as the receive coils do.
        strength: of all sources together over thermal noise: standard deviations of the real part, root mean square
            over the receive coils and over time.
        bandwidth: of the receiver, Hz: lines lie within its middle 90 %.

    Returns:
        Narrow-band sources, then broad-band ones.

    Raises:
        ValueError: no sources or channels, or a strength or bandwidth that is not above 0.
    """
    n = n_narrow + n_broad
    if min(n_narrow, n_broad, n_sensing) < 0 or n < 1 or n_channels < 1 or not min(strength, bandwidth) > 0:
        raise ValueError(
            "at least one source and one receive coil and a strength and bandwidth above 0 are needed, but got "
            f"{n_narrow} narrow and {n_broad} broad sources, {n_channels} coils, {n_sensing} sensing coils, "
            f"strength {strength}, bandwidth {bandwidth} Hz"
        )
    couplings = _random_couplings(generator, n_sources=n, n_channels=n_channels, n_sensing=n_sensing)
    u = torch.rand(n, 7, dtype=torch.float64, generator=generator).tolist()
    narrow = tuple(
        NarrowBand(
            strength * couplings[i],
            frequency=0.9 * bandwidth * (u[i][0] - 0.5),
            phase=2 * math.pi * u[i][1],
            amplitude_modulation=(0.5 * u[i][2], 0.5 + 10 * u[i][3]),
            frequency_modulation=(2e-3 * bandwidth * u[i][4], 0.5 + 10 * u[i][5]),
        )
        for i in range(n_narrow)
    )
    broad = tuple(
        BroadBand(
            strength * couplings[i],
            frequency=0.6 * bandwidth * (u[i][0] - 0.5),
            width=bandwidth * (0.1 + u[i][1] ** 2),
            seed=int(u[i][6] * 2**53),
        )
        for i in range(n_narrow, n)
    )
    return narrow + broad


def _random_couplings(generator: torch.Generator, *, n_sources: int, n_channels: int, n_sensing: int) -> Tensor:
    """Complex128 (source, channel): over the receive coils the mean of all sources' summed squares is 1."""
    z = torch.randn(n_sources, n_channels + n_sensing, 2, dtype=torch.float64, generator=generator)
    couplings = torch.view_as_complex(z)
    share = torch.rand(n_sources, 1, dtype=torch.float64, generator=generator) + 0.1
    louder = 1 + 3 * torch.rand(n_sensing, dtype=torch.float64, generator=generator)
    receive, sensing = share * couplings[:, :n_channels], share * couplings[:, n_channels:]
    level = receive.abs().square().sum(0).mean().sqrt()
    typical = receive.abs().square().mean(1, keepdim=True).sqrt()
    loudness = sensing.abs().square().mean(1, keepdim=True).sqrt().clamp_min(1e-300)
    return torch.cat((receive, louder * sensing * typical / loudness), dim=1) / level
