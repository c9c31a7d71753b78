"""Water and fat in one voxel: the signal of every echo, with the whole spectrum of fat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.tissue import GYROMAGNETIC_RATIO, fat_spectrum
from pirecon.algebra.linear_operator import LinearOperator


@dataclass(frozen=True)
class FatSpectrum:
    """Lines of fat at a field strength.

    Attributes:
        frequencies: f_p, relative to water, Hz; negative ones precess slower.
        amplitudes: a_p, which add up to 1.
        field_strength: T.
        relaxation_difference: R2* of fat minus R2* of water, 1/s.
    """

    frequencies: tuple[float, ...]
    amplitudes: tuple[float, ...]
    field_strength: float
    relaxation_difference: float = 0.0

    @property
    def main_frequency(self) -> float:
        """Of the strongest line, Hz."""
        return self.frequencies[max(range(len(self.amplitudes)), key=self.amplitudes.__getitem__)]

    def phasor(self, times: Tensor) -> Tensor:
        """b(t) = Σ_p a_p exp(−2πi f_p t − ΔR2* t): fat's signal over that of as much water.

        Args:
            times: after the excitation, s, any shape, float.

        Returns:
            Complex, shape of ``times``.
        """
        frequencies = torch.tensor(self.frequencies, dtype=times.dtype, device=times.device)
        amplitudes = torch.tensor(self.amplitudes, dtype=times.dtype, device=times.device)
        angle = -2 * math.pi * frequencies * times.unsqueeze(-1)
        decay = torch.exp(-self.relaxation_difference * times)
        return (torch.polar(amplitudes.expand_as(angle).contiguous(), angle)).sum(-1) * decay


def fat_spectrum_at(field_strength: float, *, relaxation_difference: float = 0.0) -> FatSpectrum:
    """Six lines of human fat, f_p = δ_p γ/2π B0.

    Args:
        field_strength: B0, T.
        relaxation_difference: R2* of fat minus R2* of water, 1/s, where it is known; one R2* for both by default.

    Returns:
        FatSpectrum.

    Raises:
        ValueError: the field strength is not one of a scanner.

    Source: Hamilton et al., NMR Biomed 24:784 (2011), shifts and amplitudes of liver fat in vivo.
    """
    if not 1e-3 < field_strength < 30:
        raise ValueError(
            f"the field strength is {field_strength} T, from which the frequency of fat follows; expected something "
            "like 0.064 or 1.5. If the number is in mT, divide it by 1000"
        )
    peaks = fat_spectrum()
    hertz_per_ppm = 1e-6 * GYROMAGNETIC_RATIO * field_strength
    return FatSpectrum(
        tuple(peak.shift * hertz_per_ppm for peak in peaks),
        tuple(peak.amplitude for peak in peaks),
        field_strength,
        relaxation_difference,
    )


def evolution_of_water(echo_times: Sequence[float], off_resonance: Tensor, R2_star: Tensor) -> Tensor:
    """d_n = exp(−2πi δf t_n − R2* t_n), complex ``(echo, z, y, x)``, of maps in Hz and 1/s ``(z, y, x)``."""
    times = torch.tensor(echo_times, dtype=off_resonance.dtype, device=off_resonance.device)[:, None, None, None]
    return torch.exp(-torch.complex(R2_star, 2 * math.pi * off_resonance) * times)


class ChemicalShift(LinearOperator):
    """s_n = (W + F b(t_n)) exp(−2πi δf t_n − R2* t_n): images of water and fat → images at the echo times.

    Args:
        echo_times: t_n, s.
        spectrum: of fat, b(t) = Σ_p a_p exp(−2πi f_p t).
        off_resonance: δf, float ``(z, y, x)``, Hz; positive where the field is larger.
        R2_star: float ``(z, y, x)``, 1/s; of the water (and of the fat, unless the spectrum says otherwise).

    Domain ``(species, z, y, x)``, water first; codomain ``(echo, z, y, x)``.

    Raises:
        ValueError: the maps differ in shape.

    Source: Hernando et al., Magn Reson Med 63:79 (2010), equation 1; Yu et al., Magn Reson Med 60:1122 (2008).
    """

    def __init__(
        self, echo_times: Sequence[float], spectrum: FatSpectrum, off_resonance: Tensor, R2_star: Tensor
    ) -> None:
        _check_maps(off_resonance, R2_star)
        grid = off_resonance.shape
        super().__init__((2, *grid), (len(echo_times), *grid))
        self.evolution = evolution_of_water(echo_times, off_resonance, R2_star)
        times = torch.tensor(echo_times, dtype=off_resonance.dtype, device=off_resonance.device)
        self.fat = spectrum.phasor(times)[:, None, None, None] * self.evolution

    def _forward(self, x: Tensor) -> Tensor:
        water, fat = x.unsqueeze(-5).unbind(-4)
        return self.evolution * water + self.fat * fat

    def _adjoint(self, y: Tensor) -> Tensor:
        water = (self.evolution.conj() * y).sum(dim=-4)
        return torch.stack([water, (self.fat.conj() * y).sum(dim=-4)], dim=-4)


class FatWaterEncoding(LinearOperator):
    """y_n = E_n(d_n W) + b(t_n + τ_n) · E_n(d_n F): water and fat → k-space of every echo.

    Fat precesses on while a line is read; the time τ of each sample from the echo is in b, so that fat lands where it
    is instead of displaced along the readout. What δf does within a line belongs into E_n.

    Args:
        encodings: E_n of each echo, image ``(z, y, x)`` → ``(coil, *samples)``, multiplying each sample by a weight
            at most; all of one shape.
        shift: the images at the echo times.
        spectrum: of fat, as in ``shift``.
        sample_times: t_n + τ_n, float ``(echo, *samples)``, s, broadcasting against the samples of one coil: for
            example ``(echo, 1, 1, kx)``.

    Domain ``(species, z, y, x)``, water first; codomain ``(echo, coil, *samples)``.

    Raises:
        ValueError: the encodings do not belong to each other or to the echoes.

    Source: Brodsky et al., Magn Reson Med 59:1151 (2008), equation 5.
    """

    def __init__(
        self, encodings: Sequence[LinearOperator], shift: ChemicalShift, spectrum: FatSpectrum, sample_times: Tensor
    ) -> None:
        kinds = {(E.domain_shape, E.codomain_shape) for E in encodings}
        n_echoes, grid = shift.codomain_shape[0], shift.codomain_shape[1:]
        if len(kinds) != 1 or len(encodings) != n_echoes or len(sample_times) != n_echoes:
            raise ValueError(
                f"{n_echoes} echoes need as many encodings of one shape and as many rows of sample times; found "
                f"{len(encodings)} of {len(kinds)} shapes, and {len(sample_times)} rows"
            )
        if encodings[0].domain_shape != grid:
            raise ValueError(f"the encodings take {encodings[0].domain_shape}, but the maps have {grid}")
        super().__init__(shift.domain_shape, (n_echoes, *encodings[0].codomain_shape))
        self.encodings, self.water = tuple(encodings), shift.evolution
        self.fat = spectrum.phasor(sample_times).unsqueeze(1)  # (echo, coil, *samples)

    def _forward(self, x: Tensor) -> Tensor:
        water, fat = x.unbind(-4)
        echoes = [
            E.forward(d * water) + b * E.forward(d * fat)
            for E, d, b in zip(self.encodings, self.water, self.fat, strict=True)
        ]
        return torch.stack(echoes, dim=-len(self.codomain_shape))

    def _adjoint(self, y: Tensor) -> Tensor:
        echoes = y.unbind(-len(self.codomain_shape))
        parts = [
            torch.stack([d.conj() * E.adjoint(s), d.conj() * E.adjoint(b.conj() * s)], dim=-4)
            for E, d, b, s in zip(self.encodings, self.water, self.fat, echoes, strict=True)
        ]
        return torch.stack(parts).sum(0)


def _check_maps(off_resonance: Tensor, R2_star: Tensor) -> None:
    if off_resonance.ndim != 3 or off_resonance.shape != R2_star.shape:
        raise ValueError(
            f"the field map {tuple(off_resonance.shape)} and the R2* map {tuple(R2_star.shape)} must both be "
            "(z, y, x) on one grid; expand a single number to the grid first"
        )
