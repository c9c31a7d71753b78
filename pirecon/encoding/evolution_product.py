"""Two evolutions at once, with few components."""

from __future__ import annotations

import torch
from torch import Tensor

from pirecon.encoding.evolution import Evolution

CHUNK = 2**22
"""Values of the products that are held at once."""


def product(first: Evolution, second: Evolution, *, tolerance: float = 1e-3) -> Evolution:
    """Relaxation and off-resonance, off-resonance and Maxwell terms: e₁ e₂, compressed again.

        Σ_lm (b_l b'_m)(t) (c_l c'_m)(r) = Σ_lm B_lm C_lm ≈ Σ_n b_n c_n

    by the singular value decomposition of B Cᵀ, taken through the Gram matrices of both factors.

    Args:
        first, second: evolutions of one k-space and one grid.
        tolerance: relative root-mean-square error of the compression; not below 1e-6.

    Returns:
        Evolution; its error is the sum of both and of what the compression left out, and its sentence names both.

    Raises:
        ValueError: the samples or the grids do not belong together.
    """
    B, samples = _pairs(first.basis, second.basis)
    C, grid = _pairs(first.coefficients, second.coefficients)
    with torch.no_grad():
        into_time, into_space, left_out = _compression(_gram(*B), _gram(*C), max(tolerance, 1e-6))
    basis = _combined(*B, into_time).reshape(-1, *samples)
    coefficients = _combined(*C, into_space).reshape(-1, *grid)
    error = first.error + second.error + left_out
    source = f"{first.source}; and {second.source}; together {len(basis)} components"
    return Evolution(basis, coefficients, error, source)


def mixture(first: Evolution, second: Evolution, share: Tensor, *, tolerance: float = 1e-3) -> Evolution:
    """Signal that came two ways: share · e₁ + (1 − share) · e₂, compressed.

    Args:
        first, second: evolutions of one k-space and one grid.
        share: of the first, float ``(*samples)``.
        tolerance: relative root-mean-square error of the compression.

    Returns:
        Evolution with the sentence of the first.
    """
    basis = torch.cat([share * first.basis, (1 - share) * second.basis])
    coefficients = torch.cat([first.coefficients, second.coefficients])
    both = Evolution(basis, coefficients, max(first.error, second.error), first.source)
    one = torch.ones_like(basis[:1].reshape(1, -1)[:, :1]).reshape(1, *(1 for _ in share.shape))
    nothing = Evolution(one, torch.ones_like(coefficients[:1, :1, :1, :1]), 0.0, "")
    small = product(both, nothing, tolerance=tolerance)
    return Evolution(small.basis, small.coefficients, small.error, f"{first.source}, {len(small.basis)} in all")


def _pairs(a: Tensor, b: Tensor) -> tuple[tuple[Tensor, Tensor], torch.Size]:
    """Both as ``(component, item)`` on their common shape."""
    try:
        shape = torch.broadcast_shapes(a.shape[1:], b.shape[1:])
    except RuntimeError:
        raise ValueError(
            f"two evolutions of different samples or grids: {tuple(a.shape[1:])} and {tuple(b.shape[1:])}; make both "
            "for the same k-space and the same image"
        ) from None
    dtype = torch.promote_types(a.dtype, b.dtype)
    return tuple(v.to(dtype).expand(-1, *shape).reshape(len(v), -1) for v in (a, b)), shape  # type: ignore[return-value]


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Every pair, ``(pair, item)``."""
    return (a.unsqueeze(1) * b.unsqueeze(0)).flatten(0, 1)


def _steps(a: Tensor, b: Tensor) -> range:
    return range(0, a.shape[1], max(1, CHUNK // (len(a) * len(b))))


def _gram(a: Tensor, b: Tensor) -> Tensor:
    """Mean over all items of the outer product of the pairs, complex128 ``(pair, pair)``."""
    steps, n = _steps(a, b), len(a) * len(b)
    total = torch.zeros(n, n, dtype=torch.complex128, device=a.device)
    for i in steps:
        part = _products(a[:, i : i + steps.step], b[:, i : i + steps.step]).to(torch.complex128)
        total += part @ part.mH
    return total / a.shape[1]


def _combined(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    steps = _steps(a, b)
    weights = weights.to(a.dtype)
    return torch.cat([weights @ _products(a[:, i : i + steps.step], b[:, i : i + steps.step]) for i in steps], dim=1)


def _compression(in_time: Tensor, in_space: Tensor, tolerance: float) -> tuple[Tensor, Tensor, float]:
    """Matrices that turn the pairs' functions and maps into those of the components, and what is left out.

    With G_B = L Lᴴ and G_C = M Mᴴ for the factors' rows, the middle of B Cᵀ is Lᵀ M, whose singular vectors are wanted.
    """
    L, L_inverse = _root(in_time)
    M, M_inverse = _root(in_space)
    U, singular, Vh = torch.linalg.svd(L.mT @ M)
    energy = singular.square().flip(0).cumsum(0).flip(0) / singular.square().sum().clamp_min(1e-300)
    n = max(1, int((energy > tolerance**2).sum()))
    left_out = float(energy[n].sqrt()) if n < len(energy) else 0.0
    # B = L Q with orthonormal rows Q; Q = L⁻¹ B. e = Bᵀ C = Qᵀ (Lᵀ M) R.
    into_time = (U[:, :n] * singular[:n]).mT @ L_inverse
    return into_time, Vh[:n] @ M_inverse, left_out


def _root(gram: Tensor) -> tuple[Tensor, Tensor]:
    """L with L Lᴴ = G, and its pseudo-inverse; directions below 1e-7 of the largest count as none."""
    values, vectors = torch.linalg.eigh(gram)
    keep = values > 1e-14 * values[-1].clamp_min(1e-300)
    roots, vectors = values[keep].sqrt(), vectors[:, keep]
    return vectors * roots, (vectors / roots).mH
