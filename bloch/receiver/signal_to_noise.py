"""Signal in volt by reciprocity, and the signal-to-noise ratio of a voxel that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.receiver.noise import BODY_TEMPERATURE, BOLTZMANN
from bloch.tissue import GYROMAGNETIC_RATIO

REDUCED_PLANCK = 1.054571817e-34
"""ħ in J s. Source: CODATA 2018 (exact, rounded)."""

WATER_PROTON_DENSITY = 2 * 993.3 / 18.01528e-3 * 6.02214076e23
"""Protons per m³ of water at 37 °C, 6.64e28: density 993.3 kg/m³, 18.015 g/mol.

Source: Kell, J Chem Eng Data 20:97 (1975), density; CODATA 2018, Avogadro's number.
"""


@dataclass(frozen=True)
class Acquisition:
    """What a measurement does to the SNR, apart from field, coils and tissue.

    Attributes:
        voxel_volume: m³.
        bandwidth: of the receiver, 1 / dwell time, Hz.
        n_samples: k-space samples that make the image, of all phase encodings.
        averages: repeats of each.
    """

    voxel_volume: float
    bandwidth: float
    n_samples: int
    averages: int = 1

    def __post_init__(self) -> None:
        if not min(self.voxel_volume, self.bandwidth, self.n_samples, self.averages) > 0:
            raise ValueError(f"voxel volume (m³), bandwidth (Hz), samples and averages must be above 0, but are {self}")


def equilibrium_magnetisation(B0: float, *, temperature: float = BODY_TEMPERATURE) -> float:
    """Magnetisation of water in equilibrium, by Curie's law. It grows as B0; the induced voltage as B0².

        M0 = ρ γ² ħ² B0 / (4 k T)

    Args:
        B0: field strength, T.
        temperature: K; the density of protons is that at 37 °C.

    Returns:
        M0, A/m.

    Raises:
        ValueError: a field or temperature that is not above 0.

    Source: Abragam, The Principles of Nuclear Magnetism (1961), ch. I; Hoult and Richards, J Magn Reson 24:71 (1976).
    """
    if not (0 < B0 < math.inf and 0 < temperature < math.inf):
        raise ValueError(f"field strength and temperature must be above 0, but are {B0} T and {temperature} K")
    gamma = 2 * math.pi * GYROMAGNETIC_RATIO
    return WATER_PROTON_DENSITY * (gamma * REDUCED_PLANCK) ** 2 * B0 / (4 * BOLTZMANN * temperature)


def signal_factor(B0: float, *, temperature: float = BODY_TEMPERATURE) -> float:
    """What turns sensitivity times magnetisation of images into volt.

        y = 2 ω0 M0 ∫ S m dV

    from V = −d/dt ∫ B·M dV = −d/dt Re[2 ∫ S M+ exp(−iω0 t) dV] and V = Re[y exp(−iω0 t)]; the constant phase i is
    left to the receiver. The amplitude y is the peak voltage over the coil's terminals without load.

    Args:
        B0: field strength, T.
        temperature: K.

    Returns:
        2 ω0 M0, V / (T/A · m³).

    Source: Hoult and Richards, J Magn Reson 24:71 (1976), eq. 2; Hoult, Concepts Magn Reson 12:173 (2000).
    """
    return 4 * math.pi * GYROMAGNETIC_RATIO * B0 * equilibrium_magnetisation(B0, temperature=temperature)


def voxel_snr(
    sensitivity: Tensor,
    covariance_density: Tensor,
    acquisition: Acquisition,
    *,
    B0: float,
    magnetisation: float = 1.0,
) -> Tensor:
    """SNR of a voxel in the optimal combination of the channels, every line measured.

        SNR = |m| 2 ω0 M0 ΔV √(N n_averages / BW) √(Sᴴ Ψ⁻¹ S)

    N samples of amplitude a e^{iφ} and noise of variance Ψ BW add up to N a over √(N Ψ BW); the SNR is signal
    over the standard deviation of the real part, as in images in SNR units. It depends on bandwidth and samples by the
    time of listening N n_averages / BW alone.

    Quasi-static: wavelength effects are left out, which full-wave models of the body find small up to 3 T (exponent of
    B0 0.96 ± 0.07 from 0.55 to 3 T) and large beyond (1.86 ± 0.25 from 5 to 14 T).

    Args:
        sensitivity: S, complex ``(coil, ...)``, T/A, of :func:`bloch.receiver.sensitivities`.
        covariance_density: Ψ, ``(coil, coil)``, V²/Hz, of :func:`bloch.receiver.noise_covariance_density`.
        acquisition: voxel, bandwidth, samples.
        B0: field strength, T.
        magnetisation: transverse, at the echo; equilibrium magnetisation of water = 1.

    Returns:
        Float64 ``(...)``, dimensionless.

    Source: Roemer et al., Magn Reson Med 16:192 (1990), eq. 32; Hoult and Richards, J Magn Reson 24:71 (1976); limits:
    Wang et al., Magn Reson Med (2025), doi 10.1002/mrm.70202, abstract.
    """
    S = sensitivity.to(torch.complex128)
    L = torch.linalg.cholesky(covariance_density.to(S))
    whitened = torch.linalg.solve_triangular(L, S.reshape(len(S), -1), upper=False)
    heard = whitened.abs().square().sum(0).sqrt().reshape(S.shape[1:])
    listening = acquisition.n_samples * acquisition.averages / acquisition.bandwidth
    return abs(magnetisation) * signal_factor(B0) * acquisition.voxel_volume * math.sqrt(listening) * heard
