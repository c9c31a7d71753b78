"""Any phase Σ_m f_m(r) g_m(t) of a signal, as few functions of time times few maps."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from pirecon.encoding.evolution import Evolution
from pirecon.encoding.phase_nodes import first_nodes, histogram

MOST_COMPONENTS = 128
"""Each costs a transform; a field that needs more folds the image long before."""
MOST_BINS = 1536
"""Of voxels and of samples: the singular value decomposition of so large a matrix takes seconds."""
CHUNK = 2**22
"""Exponentials that are held at once."""


@dataclass(frozen=True)
class TemporalBasis:
    """e(r, t) ≈ Σ_l b_l(t) Σ_k W_lk exp(−2πi Σ_m f_m(r) g_m(t_k)): fixed functions of time, maps free.

    Attributes:
        basis: b_l, complex ``(component, *samples)``.
        mixing: W, complex ``(component, node)``.
        nodes: g_m(t_k), float ``(term, node)``.
        error: of the maps it was made for, relative root mean square over voxels and samples.
        cycles: largest difference of the phase between two voxels over all samples, for which it was made.
    """

    basis: Tensor
    mixing: Tensor
    nodes: Tensor
    error: float
    cycles: float


def phase_evolution(
    maps: Tensor, functions: Tensor, *, source: str, tolerance: float = 1e-3, support: Tensor | None = None
) -> Evolution:
    """The evolution exp(−2πi Σ_m f_m(r) g_m(t)) with the fewest components that reach a stated error.

    Args:
        maps: f_m, ``(term, z, y, x)``; complex for a signal that also decays: f = δf − i R/2π.
        functions: g_m at every sample, float ``(term, *samples)``; f_m g_m is in cycles.
        source: what it is, for the sentence that the evolution carries.
        tolerance: relative root-mean-square error over voxels and samples.
        support: where the object may be, float or bool ``(z, y, x)``, weights of the voxels; None for everywhere.
            Values outside are drawn to the nearest inside, so that air costs no components.

    Returns:
        Evolution, complex64 for float32 maps and complex128 for float64 ones; differentiable with respect to ``maps``
        with the basis held fixed, see :func:`evolve`.

    Raises:
        ValueError: shapes that do not belong together, or values that are not finite.
    """
    with torch.no_grad():
        basis = temporal_basis(maps, functions, tolerance=tolerance, support=support)
        limits = None if support is None else _limits(maps, support)
    evolution = evolve(basis, maps if limits is None else _clamped(maps, *limits), source="")
    n, error = len(basis.basis), basis.error
    text = f"{source}: {basis.cycles:.3g} cycles apart at most, {n} components, error {error:.1e}"
    return Evolution(evolution.basis, evolution.coefficients, error, text)


def evolve(basis: TemporalBasis, maps: Tensor, *, source: str = "a fixed temporal basis") -> Evolution:
    """The coefficients of some maps in a basis that was made before, possibly for others.

        c_l(r) = Σ_k W_lk exp(−2πi Σ_m f_m(r) g_m(t_k)),   ∂c_l/∂f_m exact

    The derivative of Σ b_l c_l approaches −2πi g_m(t) e as the evolution itself does, so that field maps can be
    estimated by gradient descent through the operator; make the basis anew when the maps leave the range that it
    was made for.

    Args:
        basis: from :func:`temporal_basis`.
        maps: f_m, ``(term, z, y, x)``; the gradient flows to them.
        source: sentence for the evolution.

    Returns:
        Evolution; its error is that of the basis for its own maps.
    """
    flat = maps.reshape(len(maps), -1)
    mixing = basis.mixing.to(basis.basis.dtype)
    nodes = basis.nodes.to(flat.real.dtype)
    step = max(1, CHUNK // nodes.shape[1])
    parts = [mixing @ exponentials(nodes, flat[:, i : i + step]) for i in range(0, flat.shape[1], step)]
    coefficients = torch.cat(parts, dim=1).reshape(-1, *maps.shape[1:])
    return Evolution(basis.basis, coefficients, basis.error, source)


def temporal_basis(
    maps: Tensor, functions: Tensor, *, tolerance: float = 1e-3, support: Tensor | None = None
) -> TemporalBasis:
    """The best functions of time for a phase, by a singular value decomposition over histograms.

    Voxels are sorted into bins of equal f and samples into bins of equal g; with the numbers in the bins as weights
    the singular vectors of exp(−2πi f g) are the best basis in the least-squares sense. Each b_l is then fitted at
    every sample, and the error is measured on voxels and samples drawn at random.

    Args:
        maps: f_m, ``(term, z, y, x)``, as in :func:`phase_evolution`.
        functions: g_m, ``(term, *samples)``.
        tolerance: as there.
        support: as there.

    Returns:
        TemporalBasis, without gradients.

    Raises:
        ValueError: shapes that do not belong together, or values that are not finite.

    Warns:
        UserWarning: the tolerance needs too many components; the error that was reached is said.

    Source: Fessler et al., IEEE Trans Signal Process 53:3393 (2005), section III (histograms, optimal bases); Sutton,
    Noll and Fessler, IEEE Trans Med Imaging 22:178 (2003), equation 9 (least-squares interpolators).
    """
    _check(maps, functions, support)
    weight = None if support is None else support.reshape(-1).double()
    inside = maps if support is None else _clamped(maps, *_limits(maps, support))
    f = inside.detach().flatten(1).to(torch.complex128 if maps.is_complex() else torch.float64)
    g = functions.detach().flatten(1).to(f.device, torch.float64)
    cycles = float((_spread(f) * _spread(g)).sum())
    fewest = 96 if len(f) == 1 and not f.is_complex() else 640  # several dimensions are no longer sampled evenly
    n_most = min(MOST_BINS, max(fewest, math.ceil(6 * cycles + 48)))
    bins = _Bins(*histogram(f, _spread(g), n_most=n_most, weight=weight), *histogram(g, _spread(f), n_most=n_most))
    wanted = min(tolerance, 0.9)
    n, V = _singular_functions(bins, 0.7 * wanted)
    most = min(MOST_COMPONENTS, len(V))
    basis, mixing, nodes, error = _fitted(f, g, bins, V[:n])
    while error > wanted and n < most:
        n = min(n + max(1, n // 10), most)
        basis, mixing, nodes, error = _fitted(f, g, bins, V[:n])
    if error > wanted:
        warnings.warn(
            f"an evolution with {cycles:.0f} cycles between voxels needs more than {n} components for an error of "
            f"{wanted:.1e}; the error is {error:.1e}. A shorter readout, a smaller range of the field or a support "
            "that leaves the air out helps; fields that differ by so much fold the image",
            stacklevel=3,
        )
    dtype = torch.complex128 if maps.real.dtype == torch.float64 else torch.complex64
    return TemporalBasis(basis.to(dtype).reshape(-1, *functions.shape[1:]), mixing.to(dtype), nodes.real, error, cycles)


@dataclass(frozen=True)
class _Bins:
    """Values that stand for all voxels ``(term, voxel)`` and all samples ``(term, time)``, with their shares."""

    f: Tensor
    of_f: Tensor
    g: Tensor
    of_g: Tensor


def _singular_functions(bins: _Bins, tolerance: float) -> tuple[int, Tensor]:
    """How many reach the tolerance, and all of them at the samples' bins, ``(component, time)``."""
    matrix = bins.of_f.sqrt().unsqueeze(1) * exponentials(bins.g, bins.f).mT * bins.of_g.sqrt()
    _, singular, V = torch.linalg.svd(matrix, full_matrices=False)
    energy = singular.square().flip(0).cumsum(0).flip(0) / singular.square().sum()
    n = min(MOST_COMPONENTS, max(1, int((energy > tolerance**2).sum())))
    return n, V / bins.of_g.sqrt()


def _fitted(f: Tensor, g: Tensor, bins: _Bins, V: Tensor) -> tuple[Tensor, Tensor, Tensor, float]:
    """Basis at all samples, mixing, nodes, and the error as measured."""
    at = first_nodes(V, 2 * len(V) + 2)
    nodes, mixing = bins.g[:, at], torch.linalg.pinv(V[:, at].mT)
    root = bins.of_f.sqrt()
    solve = torch.linalg.pinv((mixing @ exponentials(nodes, bins.f) * root).mT)  # (component, voxel)
    step = max(1, CHUNK // len(root))
    parts = [solve @ (exponentials(part, bins.f) * root).mT for part in g.split(step, dim=1)]
    basis = torch.cat(parts, dim=1)
    generator = torch.Generator().manual_seed(0)
    voxels, samples = (
        torch.randint(n, (min(n, 1024),), generator=generator).to(f.device) for n in (f.shape[1], g.shape[1])
    )
    errors = []
    for tested, weight in ((f[:, voxels], torch.ones_like(root[:1])), (bins.f, root)):
        exact = exponentials(g[:, samples], tested) * weight
        found = basis[:, samples].mT @ (mixing @ exponentials(nodes, tested)) * weight
        errors.append(float((found - exact).norm() / exact.norm()))
    return basis, mixing, nodes, max(errors)


def exponentials(g: Tensor, f: Tensor) -> Tensor:
    """exp(−2πi Σ_m f_m g_m), complex ``(time, voxel)``, of g ``(term, time)`` and f ``(term, voxel)``."""
    turns = g.mT.to(f.dtype) @ f
    if not turns.is_complex():
        return torch.polar(torch.ones_like(turns), -2 * math.pi * torch.remainder(turns, 1.0))
    decay = torch.exp(2 * math.pi * turns.imag)
    return torch.polar(decay, -2 * math.pi * torch.remainder(turns.real, 1.0))


def _spread(values: Tensor) -> Tensor:
    """How far each term reaches, ``(term,)``: the largest distance of real and imaginary part from end to end."""
    if values.is_complex():
        return torch.maximum(_spread(values.real), _spread(values.imag))
    return values.amax(1) - values.amin(1)


def _limits(maps: Tensor, support: Tensor) -> tuple[Tensor, Tensor]:
    inside = maps[:, support > 0]
    if inside.shape[1] == 0:
        inside = torch.zeros_like(maps[:, :1, 0, 0])
    parts = torch.view_as_real(inside) if inside.is_complex() else inside
    return parts.amin(1), parts.amax(1)


def _clamped(maps: Tensor, low: Tensor, high: Tensor) -> Tensor:
    if maps.is_complex():
        shape = (len(maps), 1, 1, 1, 2)
        return torch.view_as_complex(torch.view_as_real(maps).clamp(low.reshape(shape), high.reshape(shape)))
    return maps.clamp(low.reshape(-1, 1, 1, 1), high.reshape(-1, 1, 1, 1))


def _check(maps: Tensor, functions: Tensor, support: Tensor | None) -> None:
    if maps.ndim != 4 or functions.ndim < 2 or len(maps) != len(functions) or functions.is_complex():
        raise ValueError(
            f"a phase is a sum of maps (term, z, y, x) times real functions (term, *samples); found shapes "
            f"{tuple(maps.shape)} and {tuple(functions.shape)}"
        )
    if support is not None and support.shape != maps.shape[1:]:
        raise ValueError(f"the support has the shape {tuple(support.shape)}, the maps {tuple(maps.shape[1:])}")
    for name, values in (("maps", maps), ("functions", functions)):
        if not bool(torch.isfinite(torch.view_as_real(values) if values.is_complex() else values).all()):
            raise ValueError(
                f"the {name} hold infinite or undefined values; fill unknown voxels of a field map from around "
                "(FieldMap does), and times that the file does not give with 0"
            )
