"""Several echoes or contrasts of one object: one subspace for all, and maps of T2 from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding.relaxation_dictionary import temporal_basis

N_ATOMS = 200
SHORTEST_T2, LONGEST_T2 = 8e-3, 4.0  # s
LEAST_SNR = 3.0


class ContrastSubspace(LinearOperator):
    """y_t = E(Σ_l b_l(t) α_l): all contrasts of one object share a few coefficient images.

    Args:
        encoding: E; of one contrast, or with a batch axis (contrast) of its own inside (weights, maps), so that each
            contrast may measure other lines.
        basis: b_l(t), real or complex ``(component, contrast)``.

    Source: Tamir J. I. et al., Magn Reson Med 77:180 (2017), equation 5.
    """

    def __init__(self, encoding: LinearOperator, basis: Tensor) -> None:
        n_components, n_contrasts = basis.shape
        super().__init__((n_components, *encoding.domain_shape), (n_contrasts, *encoding.codomain_shape))
        self.encoding, self.basis = encoding, basis

    def contrasts(self, coefficients: Tensor) -> Tensor:
        """Images of all contrasts, complex ``(*batch, contrast, z, y, x)``, from their coefficient images."""
        return torch.einsum("lt,...lzyx->...tzyx", self.basis.to(coefficients), coefficients)

    def _forward(self, x: Tensor) -> Tensor:
        return self.encoding.forward(self.contrasts(x))

    def _adjoint(self, y: Tensor) -> Tensor:
        images = self.encoding.adjoint(y)
        return torch.einsum("lt,...tzyx->...lzyx", self.basis.conj().to(images), images)

    def _normal(self, x: Tensor) -> Tensor:
        images = self.encoding.normal(self.contrasts(x))
        return torch.einsum("lt,...tzyx->...lzyx", self.basis.conj().to(images), images)


def decay_basis(echo_times: Sequence[float], *, tolerance: float = 1e-3) -> tuple[Tensor, float]:
    """Orthonormal functions of the echo times that hold every decay exp(−TE/T2) of tissue.

    Args:
        echo_times: s.
        tolerance: relative error (root mean square) that may be left.

    Returns:
        Basis, float64 ``(component, contrast)``, and the error left.
    """
    curves = _decays(_candidates(), _times(echo_times))
    return temporal_basis(curves / torch.linalg.vector_norm(curves, dim=1, keepdim=True), tolerance=tolerance)


@torch.no_grad()
def subspace_images(
    kspace: Tensor, E: ContrastSubspace, *, regularisation: float = 0.05, n_iterations: int = 30
) -> Tensor:
    """All contrasts at once: α = argmin ½‖E_s α − y‖² + ½ λ‖α‖², then Σ_l b_l(t) α_l.

    Args:
        kspace: y, weighted samples in SNR units, complex ``(*batch, contrast, coil, *samples)``.
        E: the encoding of all contrasts.
        regularisation: λ, in SNR units.
        n_iterations: most iterations of conjugate gradients.

    Returns:
        Complex ``(*batch, contrast, z, y, x)``.
    """
    found = conjugate_gradient(
        E.normal, E.adjoint(kspace), regularisation=regularisation, n_iterations=n_iterations, n_axes=4, tolerance=1e-6
    )
    return E.contrasts(found)


@dataclass(frozen=True)
class RelaxationMap:
    """T2 of every voxel.

    Attributes:
        T2: real ``(z, y, x)``, s; NaN where there is too little signal to tell.
        amplitude: complex ``(z, y, x)``, at echo time 0, unit of the images; 0 where T2 is not known.
        source: how it was found, in a sentence.
    """

    T2: Tensor
    amplitude: Tensor
    source: str


def fit_relaxation(images: Tensor, echo_times: Sequence[float], *, noise_level: float = 1.0) -> RelaxationMap:
    """T2 from spin echoes at several times: the decay that resembles a voxel's signals most.

        max over T2 of |⟨d, x⟩|² / ‖d‖²,   d_t = exp(−TE_t/T2)

    which is least squares with one complex amplitude, so that noise does not become signal as in magnitudes. Between
    two candidates a parabola is laid through the three best.

    Args:
        images: complex ``(contrast, z, y, x)``, one phase for all contrasts.
        echo_times: s, growing, one for each contrast.
        noise_level: of a voxel's real part, unit of the images; 1 for SNR units of fully sampled data.

    Returns:
        RelaxationMap.

    Raises:
        ValueError: fewer than two contrasts, or times that do not match, do not grow, or are not in s.

    Source: Ben-Eliezer N. et al., Magn Reson Med 73:809 (2015), matching to a dictionary; here of pure decays.
    """
    times = _times(echo_times).to(images.device)
    if images.ndim != 4 or len(images) != len(times):
        raise ValueError(
            f"{len(times)} echo times for images of shape {tuple(images.shape)}; expected images (contrast, z, y, x)"
        )
    candidates = _candidates().to(images.device)
    decays = _decays(candidates, times)
    norms = torch.linalg.vector_norm(decays, dim=1)
    x = images.to(torch.complex128 if images.dtype == torch.complex128 else torch.complex64)
    match = ((decays / norms[:, None]).to(x) @ x.flatten(1)).abs().double()  # (atom, voxel)
    best = match.argmax(0)
    step = float(torch.log(candidates[1] / candidates[0]))
    log_T2 = candidates.log()[best] + step * _vertex(match, best)
    T2 = log_T2.exp().reshape(images.shape[1:])
    enough = (match.amax(0) > LEAST_SNR * noise_level).reshape(T2.shape)
    fitted = _decays(T2.flatten(), times)
    amplitude = (fitted.T.to(x) * x.flatten(1)).sum(0) / fitted.square().sum(1).to(x)
    part = float(enough.double().mean())
    return RelaxationMap(
        torch.where(enough, T2, math.nan).to(images.real.dtype),
        torch.where(enough, amplitude.reshape(T2.shape), 0).to(images.dtype),
        f"T2 from {len(times)} spin echoes from {1e3 * float(times[0]):.4g} to {1e3 * float(times[-1]):.4g} ms, "
        f"known in {100 * part:.0f} % of the voxels; perfect refocusing assumed",
    )


def _vertex(match: Tensor, best: Tensor) -> Tensor:
    """Where a parabola through the best and its neighbours peaks, in steps from the best; 0 at the ends."""
    inner = best.clamp(1, len(match) - 2)
    left, middle, right = (match.gather(0, (inner + d)[None])[0] for d in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = torch.where(curvature < 0, (left - right) / (2 * curvature.clamp_max(-1e-300)), 0.0)
    return torch.where(inner == best, shift.clamp(-0.5, 0.5), 0.0)


def _candidates() -> Tensor:
    return torch.logspace(math.log10(SHORTEST_T2), math.log10(LONGEST_T2), N_ATOMS, dtype=torch.float64)


def _decays(T2: Tensor, times: Tensor) -> Tensor:
    return torch.exp(-times / T2[:, None])


def _times(echo_times: Sequence[float]) -> Tensor:
    times = torch.as_tensor(echo_times, dtype=torch.float64)
    if len(times) < 2 or bool((times.diff() <= 0).any()) or float(times[0]) < 0 or float(times[-1]) > 5:
        raise ValueError(
            f"T2 needs at least two growing echo times, in s; found {[float(t) for t in times]}. Are they in ms?"
        )
    return times
