"""Compressed sensing with the isotropic total variation of the complex image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pirecon.algebra.continuation import continuation
from pirecon.algebra.finite_difference import FiniteDifference
from pirecon.algebra.fista import fista
from pirecon.algebra.linear_operator import LinearOperator
from pirecon.algebra.proximal import as_complex, as_planes, total_variation_proximal
from pirecon.classical.scale import step_size, threshold

# Chosen as that of the wavelet: within 0.2 dB of the tuned strength on average, 1 dB at worst.
DEFAULT_STRENGTH = 1.0
# Fewer leave the proximal map too rough for momentum: the objective rises again after some 30 iterations.
DUAL_ITERATIONS = 10
# Share of the iterations in which λ sinks to its value.
SINKING = 0.5


@torch.no_grad()
def total_variation(
    kspace: Tensor,
    E: LinearOperator,
    *,
    strength: float = DEFAULT_STRENGTH,
    n_iterations: int = 50,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """x = argmin ½‖E x − y‖² + λ Σ_r √(Σ_a |(D_a x)(r)|²), FISTA with a warm-started dual inside.

    λ = strength · σ with σ the standard deviation that unit noise has in E.H y. 50 iterations with 10 dual steps each
    leave the objective within 1e-3 of its minimum, mostly within 1e-5.

    Args:
        kspace: y, whitened and weighted samples as E gives them, complex ``(*batch, coil, kz, ky, kx)``, SNR units.
        E: forward operator.
        strength: λ in units of σ, ≥ 0.
        n_iterations: FISTA iterations.
        progress: called with the number of each finished iteration, from 1.

    Returns:
        Complex image ``(*batch, z, y, x)``, SNR units.

    Raises:
        ValueError: the strength is negative.

    Source: Rudin, Osher and Fatemi, Physica D 60:259 (1992); Block, Uecker and Frahm, Magn Reson Med 57:1086 (2007);
    solver: Beck and Teboulle, IEEE Trans Image Process 18:2419 (2009).
    """
    zero_filled = E.adjoint(kspace)
    step = step_size(E, zero_filled)
    weights = continuation(
        threshold(E, zero_filled, strength=strength), zero_filled, n_sinking=round(SINKING * n_iterations)
    )
    difference = FiniteDifference(zero_filled.shape[-3:])
    dual = difference.forward(as_planes(torch.zeros_like(zero_filled)))

    def proximal(image: Tensor) -> Tensor:
        nonlocal dual
        planes, dual = total_variation_proximal(
            as_planes(image), difference, step * next(weights), dual=dual, n_iterations=DUAL_ITERATIONS
        )
        return as_complex(planes)

    return fista(
        lambda x: E.normal(x).sub_(zero_filled),
        proximal,
        zero_filled,
        step=step,
        n_iterations=n_iterations,
        progress=progress,
    )
