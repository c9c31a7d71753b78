"""Thermal noise of receive coils in volt: how much there is at B0 and how channels share it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bloch.receiver.coil_array import CoilArray
from bloch.receiver.conducting_body import ConductingBody, ellipsoid_body, resistance_per_square_frequency
from bloch.receiver.copper import wire_lengths
from bloch.tissue import GYROMAGNETIC_RATIO

BOLTZMANN = 1.380649e-23
"""k in J/K, exact since 2019. Source: SI Brochure, 9th ed."""

BODY_TEMPERATURE = 310.0
"""Of the patient, K. The coil's copper is cooler; what is equal at the crossover field is the noise power."""

CROSSOVER_FIELD = 0.2
"""Field strength at which a head-sized coil hears as much noise from the head as from its own copper, T.

The model's one free parameter. An order of magnitude, not a constant of nature: it depends on the coil, and
:func:`bloch.receiver.expected_crossover_field` has a lower bound for each. Source: Hoult and Lauterbur, J Magn Reson
34:425 (1979); Marques, Simonis and Webb, J Magn Reson Imaging 49:1528 (2019).
"""


def sample_noise_fraction(B0: float, *, crossover_field: float = CROSSOVER_FIELD) -> float:
    """Share of the noise power that comes from the patient rather than from the coil's copper.

        f = ω² / (ω² + c √ω): sample noise grows as ω² (induced currents), copper noise as √ω (skin effect)

    Args:
        B0: field strength, T.
        crossover_field: where the two are equal, T; 0 is a coil without resistance, infinity one far from any body.

    Returns:
        Fraction between 0 and 1; ½ at ``crossover_field``.

    Raises:
        ValueError: a field that is not above 0, or a crossover below 0.

    Source: Hoult and Lauterbur, J Magn Reson 34:425 (1979), eqs. 8–13.
    """
    if not 0 < B0 < math.inf or not 0 <= crossover_field < math.inf:
        raise ValueError(
            f"B0 must be above 0 and the crossover field at least 0, in T, but they are {B0} and {crossover_field}"
        )
    return 1 / (1 + (crossover_field / B0) ** 1.5)


def relative_snr(B0: float, reference: float, *, crossover_field: float = CROSSOVER_FIELD) -> float:
    """SNR at ``B0`` over the SNR at ``reference`` for the same voxel, bandwidth, relaxation and coil geometry.

        SNR ∝ ω² / √(ω² + c √ω): from B0^(7/4) where copper is loudest to B0 where the patient is

    The ratio of two :func:`bloch.receiver.voxel_snr` of a coil with one channel, without its geometry.

    Args:
        B0: field strength, T.
        reference: field strength, T.
        crossover_field: as in :func:`sample_noise_fraction`, T.

    Returns:
        The ratio, dimensionless.

    Source: as in :func:`sample_noise_fraction`.
    """

    def snr(field: float) -> float:
        return field * math.sqrt(sample_noise_fraction(field, crossover_field=crossover_field))  # ω²/√(ω²/f) = ω √f

    return snr(B0) / snr(reference)


def noise_resistance(
    array: CoilArray, B0: float, *, body: ConductingBody | None = None, crossover_field: float = CROSSOVER_FIELD
) -> tuple[Tensor, Tensor]:
    """What makes the noise: the patient's resistance, which channels share, and the copper's, which is each wire's own.

        R_body = ω² W ∫ σ E_i·E_j dV Wᴴ / ω²,   R_coil = c √ω W diag(length) Wᴴ,   W = array.combination

    c is such that the means over the channels of both are equal at the crossover field: wires of one gauge whose
    resistance is proportional to their length. R_coil is in ohms at body temperature: what makes the same noise.

    Args:
        array: the coils.
        B0: field strength, T.
        body: what conducts; a sphere of 9 cm like a head where None.
        crossover_field: T, as in :func:`sample_noise_fraction`.

    Returns:
        R_body and R_coil, Hermitian complex128 ``(coil, coil)``, Ω.

    Raises:
        ValueError: as :func:`sample_noise_fraction`; coils that drive no current in the body.

    Source: Hoult and Richards, J Magn Reson 24:71 (1976); Hoult and Lauterbur, J Magn Reson 34:425 (1979).
    """
    fraction = sample_noise_fraction(B0, crossover_field=crossover_field)
    body = ellipsoid_body() if body is None else body
    W = torch.eye(array.n_coils, dtype=torch.complex128) if array.combination is None else array.combination
    W = W.to("cpu", torch.complex128)
    through_body = W @ resistance_per_square_frequency(array, body).to(W) @ W.mH
    if not float(through_body.diagonal().real.min()) > 0:
        raise ValueError(
            "a channel drives no current in the body, so there is nothing to measure its copper's noise by: the fields "
            "of its conductors cancel (check combination), or the body is far away (positions are in m)"
        )
    R_body = (2 * math.pi * GYROMAGNETIC_RATIO * B0) ** 2 * through_body
    copper = (W * wire_lengths(array).to(W)) @ W.mH
    share = (1 - fraction) / fraction * R_body.diagonal().real.mean() / copper.diagonal().real.mean()
    return R_body, share * copper


def noise_covariance_density(
    array: CoilArray,
    B0: float,
    *,
    body: ConductingBody | None = None,
    crossover_field: float = CROSSOVER_FIELD,
    noise_figure: float = 0.5,
    coupling: Tensor | None = None,
) -> Tensor:
    """Covariance of the real parts of the channels' noise for each Hz of receiver bandwidth.

        Ψ = 4 k T F (R_body + R_coil),   half of E[n nᴴ] of a sample is Ψ BW with BW = 1 / dwell time

    Why the real part: a resistor's voltage has the one-sided spectral density 4 k T R (Nyquist), so in the band of
    width BW round the carrier E[V²] = 4 k T R BW. With V = Re[n exp(iωt)] = n' cos ωt − n'' sin ωt and n', n''
    independent and alike, E[V²] = E[n'²] (cos² + sin²) = E[n'²]. On the same scale an MR signal has the amplitude
    |n| = 2 ω |S M| dV (:func:`bloch.receiver.signal_factor`).

    Args:
        array: the coils.
        B0: field strength, T.
        body: what conducts; a sphere of 9 cm like a head where None.
        crossover_field: T, as in :func:`sample_noise_fraction`.
        noise_figure: of the preamplifiers, dB; the noise power is multiplied by F = 10^(figure / 10).
        coupling: correlation of the body's noise between channels if it is known better, from a measurement or a
            full-wave simulation: Hermitian ``(coil, coil)``, ones on its diagonal. The model then gives the
            channels' own resistances only.

    Returns:
        Hermitian positive definite complex128 ``(coil, coil)``, V²/Hz.

    Raises:
        ValueError: as :func:`noise_resistance`; a negative noise figure; a coupling that is no correlation matrix.

    Source: Nyquist, Phys Rev 32:110 (1928); Roemer et al., Magn Reson Med 16:192 (1990), eqs. 20–26.
    """
    if not 0 <= noise_figure < math.inf:
        raise ValueError(f"a noise figure is at least 0 dB, but is {noise_figure}")
    R_body, R_coil = noise_resistance(array, B0, body=body, crossover_field=crossover_field)
    if coupling is not None:
        own = R_body.diagonal().real.sqrt().to(R_body)
        R_body = own.unsqueeze(1) * _correlation(coupling, array.n_coils) * own
    return 4 * BOLTZMANN * BODY_TEMPERATURE * 10 ** (noise_figure / 10) * (R_body + R_coil)


def noise_covariance(
    array: CoilArray, B0: float, *, object_radius: float = 0.09, crossover_field: float = CROSSOVER_FIELD
) -> Tensor:
    """Correlation of the channels' noise: copper noise is each loop's own, the patient's is shared.

    Args:
        array: the coils.
        B0: field strength, T.
        object_radius: of a homogeneous sphere round the origin, m.
        crossover_field: T, as in :func:`sample_noise_fraction`.

    Returns:
        :func:`noise_covariance_density` scaled to a unit diagonal: Hermitian complex128 ``(coil, coil)``.
    """
    body = ellipsoid_body((object_radius,) * 3)
    Psi = noise_covariance_density(array, B0, body=body, crossover_field=crossover_field)
    scale = Psi.diagonal().real.rsqrt()
    return scale.unsqueeze(1) * Psi * scale


def correlated_noise(covariance: Tensor, n_samples: int, *, generator: torch.Generator) -> Tensor:
    """Complex Gaussian noise, white from sample to sample, correlated from channel to channel.

        n = L z with Ψ = L Lᴴ; E[n nᴴ] = 2 Ψ, so a unit diagonal is standard deviation 1 of real and imaginary part

    Args:
        covariance: Ψ, Hermitian positive definite ``(coil, coil)``.
        n_samples: per channel.
        generator: source of randomness, on the CPU.

    Returns:
        Complex128 ``(coil, n_samples)``.
    """
    white = torch.randn(len(covariance), n_samples, 2, dtype=torch.float64, generator=generator)
    L = torch.linalg.cholesky(covariance.to("cpu", torch.complex128))
    return L @ torch.view_as_complex(white)


def _correlation(coupling: Tensor, n_coils: int) -> Tensor:
    K = coupling.to("cpu", torch.complex128)
    if K.shape != (n_coils, n_coils):
        raise ValueError(f"coupling must be ({n_coils}, {n_coils}), a row for each channel, but is {tuple(K.shape)}")
    unit = torch.allclose(K.diagonal(), torch.ones_like(K.diagonal()), atol=1e-6)
    if not (unit and torch.allclose(K, K.mH, atol=1e-6) and float(torch.linalg.eigvalsh(K).min()) > -1e-6):
        raise ValueError(
            "coupling must be a correlation matrix: Hermitian, ones on its diagonal, no negative eigenvalue. A "
            "measured covariance becomes one by division by the roots of its diagonal"
        )
    return K
