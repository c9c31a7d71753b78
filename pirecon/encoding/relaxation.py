"""Relaxation along an echo train as part of E: what a line lost, or kept, because a late, or early, echo read it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pirecon.encoding.evolution import Evolution
from pirecon.encoding.relaxation_dictionary import EchoDictionary, echo_dictionary, echo_signals, temporal_basis
from pirecon.encoding.relaxation_train import RefocusedTrain, refocused_train, signal_to_noise
from pirecon.rawdata import RawData

LARGEST_GAIN = 2.0
"""Without maps no line is raised, or lowered, more than this: noise grows with it."""
AIR = 0.2
"""Share of a slice that gives no signal (bone, cavities, the outside beside skin): edges lie towards it as well."""
LEAST_SHARE, LEAST_SHARE_BLIND, LARGEST_SHARE = 0.2, 1 / 3, 10.0
"""With maps the evolution stays within these: a voxel nearly gone by a late echo says little there but noise and the
misfit of its neighbours, and one nearly gone by the effective echo would explain all that earlier echoes hold.
``BLIND`` where the noise is not known."""
T2_RANGE = (5e-3, 5.0)  # s
T1_RANGE = (0.05, 6.0)  # s
N_T2, N_T1 = 64, 12


def relaxation_evolution(
    raw: RawData,
    *,
    T2: Tensor | None = None,
    T1: Tensor | None = None,
    contrast: int | None = None,
    kspace: Tensor | None = None,
    device: torch.device | None = None,
) -> Evolution | str:
    """What relaxation does along the phase encodings of a raw file, 1 at the line k = 0.

    With it x is the image at the effective echo time, without the blur or the false edges of the train:
    ``Evolving(E, evolution)``.

    Args:
        raw: the raw file.
        T2: map on the reconstruction grid, real ``(z, y, x)``, s; None takes what tissues have at this field.
        T1: likewise, beside a T2 map only.
        contrast: only the lines with this value of the contrast counter.
        kspace: whitened, complex ``(*batch, coil, kz, ky, kx)``, SNR units: lines that are mostly noise then are not
            raised. None raises all alike.
        device: of the result; that of the maps where there are some.

    Returns:
        Evolution whose basis has the shape ``(component, kz, ky, 1)``; or a sentence that says why there is none.

    Raises:
        ValueError: maps that cannot be maps of relaxation times.
    """
    train = refocused_train(raw, contrast=contrast)
    if isinstance(train, str):
        return train
    if T2 is not None:
        return mapped_evolution(train, T2, T1=T1, kspace=kspace)
    if raw.field_strength is None:
        return "the header has no field strength, so the tissues' T2 is not known; give a T2 map"
    return prior_evolution(train, raw.field_strength, kspace=kspace, device=device)


def prior_evolution(
    train: RefocusedTrain, B0: float, *, kspace: Tensor | None = None, device: torch.device | None = None
) -> Evolution:
    """One evolution for all voxels: that of the edges between tissues, without a T2 map.

        e_k = C_kk / C_k0,   C = covariance of the echoes over tissues and air,   echo 0 = effective

    E⁻¹ then is the linear minimum-mean-square-error estimate of a line, were it read by the effective echo, from the
    line as echo k read it: the outer k-space holds edges, whose power is the covariance between tissues. No line's
    gain 1/e leaves [½, 2].

    Args:
        train: which echo read what.
        B0: T.
        kspace: as for :func:`relaxation_evolution`.
        device: of the result.

    Returns:
        Evolution of one component; its ``error`` is what one function leaves out of the dictionary.

    Source: Wiener, Extrapolation, Interpolation, and Smoothing of Stationary Time Series, MIT Press (1949); Busse R. F.
    et al., Magn Reson Med 55:1030 (2006), for modulation along trains.
    """
    dictionary = echo_dictionary(train, B0)
    curve = 1 / _gain(dictionary, train.effective_echo)
    curve = _tempered(curve, train, kspace, power=curve.square())
    gain = 1 / curve
    error = _misfit(dictionary, curve, train.effective_echo)
    basis = _of_lines(train, curve[None])
    said = (
        f"T2 along the echo train: {train.source}; k = 0 at echo {train.effective_echo + 1}; one correction for all "
        f"tissues, since there is no T2 map ({dictionary.source}); lines change by {float(gain.min()):.2g} to "
        f"{float(gain.max()):.2g}; tissues differ from it by {100 * error:.0f} % (root mean square)"
    )
    return Evolution(
        basis.to(device, torch.complex64), torch.ones(1, 1, 1, 1, dtype=torch.complex64, device=device), error, said
    )


def _gain(dictionary: EchoDictionary, effective: int) -> Tensor:
    """C_k0 / C_kk, within its limits, ``(echo,)``."""
    weight = dictionary.weight * (1 - AIR)
    mean = weight @ dictionary.signals
    C = torch.einsum("a,ai,aj->ij", weight, dictionary.signals, dictionary.signals) - torch.outer(mean, mean)
    power = C.diagonal().clamp_min(1e-12 * float(C.diagonal().max()))
    return (C[effective] / power).clamp(1 / LARGEST_GAIN, LARGEST_GAIN)


def _misfit(dictionary: EchoDictionary, curve: Tensor, effective: int) -> float:
    """Root mean square of signal − curve · (signal at the effective echo), relative to the signals."""
    left = dictionary.signals - curve * dictionary.signals[:, effective : effective + 1]
    power = (dictionary.weight @ left.square()).sum() / (dictionary.weight @ dictionary.signals.square()).sum()
    return math.sqrt(float(power))


def mapped_evolution(
    train: RefocusedTrain,
    T2: Tensor,
    *,
    T1: Tensor | None = None,
    kspace: Tensor | None = None,
    tolerance: float = 1e-3,
    least: float | None = None,
) -> Evolution:
    """The evolution of each voxel by its own T2, from maps.

        e(r, k) = S_k(T1, T2) / S_0(T1, T2) ≈ Σ_l b_l(k) c_l(r),   echo 0 = effective

    Edges of T2 inside a voxel, and their ringing, are what it gets wrong: on a grid twice as fine (of maps and E) the
    error left is about half of that on the acquired one, see experiments/echo_train.

    Args:
        train: which echo read what.
        T2: on the reconstruction grid, real ``(z, y, x)``, s; not finite or ≤ 0 where unknown: there the median holds.
        T1: likewise; None for T1 = 4 T2, which matters only where pulses do not refocus by 180°.
        tolerance: of the truncation, relative.
        kspace: as for :func:`relaxation_evolution`.
        least: smallest evolution; noise grows by up to its inverse. 0 leaves relaxation as it is.

    Returns:
        Evolution on the device of ``T2``.

    Raises:
        ValueError: no T2 is known anywhere, or the maps have other shapes.
    """
    T2, T1, said = _checked(T2, T1)
    if least is None:
        least = LEAST_SHARE_BLIND if kspace is None else LEAST_SHARE
    atoms_T2 = _ladder(T2_RANGE, N_T2)
    atoms_T1 = _ladder(T1_RANGE, N_T1)
    signals = echo_signals(train, *torch.broadcast_tensors(atoms_T1[:, None], atoms_T2))  # (T1, T2, echo)
    now = signals[..., train.effective_echo : train.effective_echo + 1]
    curves = (signals / now).clamp(least, LARGEST_SHARE).to(T2.device)
    present = _interpolated(curves, T1, T2).reshape(-1, train.n_echoes)
    present = _tempered(present, train, kspace, power=present.square().mean(0))
    chosen = present[:: max(1, len(present) // 20000)]
    functions, error = temporal_basis(chosen, tolerance=tolerance)
    coefficients = (present @ functions.T).T.reshape(-1, *T2.shape)
    source = (
        f"T2 along the echo train, by maps: {train.source}; k = 0 at echo {train.effective_echo + 1}; "
        f"{len(functions)} components leave out {error:.1e}{said}"
    )
    basis = _of_lines(train, functions.cpu()).to(T2.device)
    return Evolution(basis.to(torch.complex64), coefficients.to(torch.complex64), error, source)


def _tempered(curves: Tensor, train: RefocusedTrain, kspace: Tensor | None, *, power: Tensor) -> Tensor:
    """Lines are raised no more than lowers the error of the image; curves ``(..., echo)``.

        e' = min(1, e + 1 / (e ρ))  where e < 1,   ρ = P / (σ² ⟨e²⟩)

    1/e' lies between 1 and the gain of least error (Wiener), e ρ / (e² ρ + 1), with the power P of the signal in the
    echo's lines, that of the noise, and ⟨e²⟩ (``power``), by which the train changed P.
    """
    if kspace is None:
        return curves
    ratio = (signal_to_noise(train, kspace).to(curves) / power).clamp_min(1e-9)
    return torch.where(curves < 1, (curves + 1 / (curves.clamp_min(1e-3) * ratio)).clamp_max(1), curves)


def _checked(T2: Tensor, T1: Tensor | None) -> tuple[Tensor, Tensor, str]:
    """Maps without holes, float64."""
    if T2.ndim != 3 or (T1 is not None and T1.shape != T2.shape):
        other = "" if T1 is None else f" and T1 of {tuple(T1.shape)}"
        raise ValueError(f"maps of relaxation times need one shape (z, y, x); found T2 of {tuple(T2.shape)}{other}")
    known = torch.isfinite(T2) & (T2 > 0)
    if not bool(known.any()):
        raise ValueError("the T2 map is nowhere positive and finite; is it empty, or masked to nothing? Times are in s")
    median = T2[known].double().median()
    if float(median) > 10:
        raise ValueError(f"the median T2 is {float(median):.3g} s; the map is probably in ms: divide it by 1000")
    filled = torch.where(known, T2.double(), median).clamp(*T2_RANGE)
    share = 1 - float(known.double().mean())
    said = f"; T2 unknown in {100 * share:.0f} % of the voxels, their median {1e3 * float(median):.0f} ms assumed"
    if T1 is None:
        return filled, (4 * filled).clamp(*T1_RANGE), (said if share > 0 else "") + "; no T1 map, 4 T2 assumed"
    T1 = torch.where(torch.isfinite(T1) & (T1 > 0), T1.double(), 4 * filled).clamp(*T1_RANGE)
    return filled, T1, said if share > 0 else ""


def _interpolated(curves: Tensor, T1: Tensor, T2: Tensor) -> Tensor:
    """Between the atoms, linearly in ln T1 and ln T2; curves ``(T1, T2, echo)`` → ``(voxel, echo)``."""
    found = torch.zeros(T2.numel(), curves.shape[-1], dtype=curves.dtype, device=curves.device)
    i, part_i = _place(T1.flatten(), T1_RANGE, N_T1)
    j, part_j = _place(T2.flatten(), T2_RANGE, N_T2)
    for a, weight_i in ((i, 1 - part_i), (i + 1, part_i)):
        for b, weight_j in ((j, 1 - part_j), (j + 1, part_j)):
            found += (weight_i * weight_j)[:, None] * curves[a, b]
    return found


def _ladder(limits: tuple[float, float], n: int) -> Tensor:
    return torch.logspace(math.log10(limits[0]), math.log10(limits[1]), n, dtype=torch.float64)


def _place(values: Tensor, limits: tuple[float, float], n: int) -> tuple[Tensor, Tensor]:
    low, high = (math.log(limit) for limit in limits)
    position = (values.log() - low) / (high - low) * (n - 1)
    index = position.floor().long().clamp(0, n - 2)
    return index, (position - index).clamp(0, 1)


def _of_lines(train: RefocusedTrain, functions: Tensor) -> Tensor:
    """Functions of the echo ``(component, echo)`` → of the lines ``(component, kz, ky, 1)``; unmeasured: effective."""
    lines = torch.einsum("le,ezy->lzy", functions, train.share.to(functions.dtype))
    measured = train.share.sum(0) > 0
    return torch.where(measured, lines, functions[:, train.effective_echo, None, None]).unsqueeze(-1)
