"""Extended phase graph: the magnetisation of a voxel as a Fourier series over its dephasing angle.

A gradient dephases the spins of a voxel by an angle θ which fills whole turns. Then::

    M+(θ) = Mx + iMy = Σ_k F_k exp(ikθ)        Mz(θ) = Σ_k Z_k exp(ikθ)

and a sequence is four steps: a pulse mixes ``F_k``, ``conj(F_−k)`` and ``Z_k`` of one order, relaxation and
diffusion scale them, a gradient shifts ``F_k`` to ``F_k+1``. The signal is the mean over θ, ``F_0``.

Orders lie on the *first* axis, so that a coefficient of every voxel multiplies contiguous rows.

Source: Hennig, J Magn Reson 78:397 (1988) and Concepts Magn Reson 3:125 (1991); Weigel, J Magn Reson Imaging
41:266 (2015). Pulses here turn left-handed (docs/conventions.md), Weigel's right-handed: his α is our −α.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PhaseGraph:
    """Configuration states of many voxels.

    Row n holds order n (or n + 1/2, for states that lie halfway; see ``shift_half_orders``). Negative orders
    of Z need no storage because Mz is real: ``Z_−k = conj(Z_k)``.

    Attributes:
        F_plus: F_k, complex ``(order, voxel)``, in units of the equilibrium magnetisation.
        F_minus: conj(F_−k), complex ``(order, voxel)``; its row of order 0 is conj(F_0).
        Z: Z_k, complex ``(order, voxel)``.
    """

    F_plus: Tensor
    F_minus: Tensor
    Z: Tensor


@dataclass(frozen=True, eq=False)
class Interval:
    """What free evolution between two pulses does to every state; ``order`` is 1 where all orders fare alike.

    Attributes:
        plus: factor of F_plus, complex ``(order, voxel)``.
        minus: factor of F_minus, complex ``(order, voxel)``.
        longitudinal: factor of Z, complex ``(order, voxel)``.
        recovery: 1 − exp(−t/T1), added to Z_0, ``(voxel,)``.
    """

    plus: Tensor
    minus: Tensor
    longitudinal: Tensor
    recovery: Tensor


def rotate(states: PhaseGraph, flip_angle: Tensor, phase: Tensor) -> PhaseGraph:
    """A pulse of flip angle a and phase p: a left-handed rotation by a about (cos p, sin p, 0).

    ``F+' = cos²(a/2) F+ + e^{2ip} sin²(a/2) F− + i e^{ip} sin a Z``
    ``F−' = e^{−2ip} sin²(a/2) F+ + cos²(a/2) F− − i e^{−ip} sin a Z``
    ``Z'  = (i/2) sin a (e^{−ip} F+ − e^{ip} F−) + cos a Z``

    Computed by its change: what lies along the axis of the pulse stays, the rest turns in one plane with Z.

    Args:
        states: before the pulse.
        flip_angle: a, ``(voxel,)``, rad.
        phase: p, a scalar tensor, rad.

    Returns:
        PhaseGraph after the pulse.

    Source: Weigel, J Magn Reson Imaging 41:266 (2015), equations 15 and 18, with the sign of α changed.
    """
    turn = 1j * torch.exp(1j * phase).to(states.Z.dtype)
    cosine, sine = torch.cos(flip_angle).to(turn.dtype), torch.sin(flip_angle).to(turn.dtype)
    across = torch.addcmul(turn.conj() * states.F_plus, turn, states.F_minus)
    change = torch.addcmul((cosine - 1) / 2 * across, sine, states.Z)
    return PhaseGraph(
        torch.addcmul(states.F_plus, turn, change),
        torch.addcmul(states.F_minus, turn.conj(), change),
        torch.addcmul(cosine * states.Z, -sine / 2, across),
    )


def relax(states: PhaseGraph, interval: Interval) -> PhaseGraph:
    """Relaxation, recovery, precession and diffusion during an interval, before the shift of its gradient.

    Args:
        states: orders 0, 1, 2, …, because order 0 alone recovers.
        interval: of at least as many orders, or of one for all.

    Returns:
        PhaseGraph.

    Source: Weigel, J Magn Reson Imaging 41:266 (2015).
    """
    decayed = decay(states, interval)
    return PhaseGraph(decayed.F_plus, decayed.F_minus, torch.cat([decayed.Z[:1] + interval.recovery, decayed.Z[1:]]))


def decay(states: PhaseGraph, interval: Interval) -> PhaseGraph:
    """``relax`` without recovery: for half-integer orders, none of which recovers."""
    n = len(states.Z)
    return PhaseGraph(
        states.F_plus * interval.plus[:n], states.F_minus * interval.minus[:n], states.Z * interval.longitudinal[:n]
    )


def shift(states: PhaseGraph, n_orders: int) -> PhaseGraph:
    """A gradient that dephases by one unit: F_k becomes F_k+1; orders 0, 1, …, n_orders − 1 are kept.

    Args:
        states: orders 0, 1, 2, ….
        n_orders: to keep; orders above are lost as if their spins never came together again.

    Returns:
        PhaseGraph of at most ``n_orders`` orders.
    """
    F_minus = _resized(states.F_minus[1:], min(n_orders, len(states.Z) + 1))
    # Order −1 has become order 0, which both rows of transverse states hold.
    return PhaseGraph(
        torch.cat([F_minus[:1].conj(), states.F_plus[: len(F_minus) - 1]]), F_minus, _resized(states.Z, len(F_minus))
    )


def shift_half_orders(states: PhaseGraph, n_orders: int) -> PhaseGraph:
    """``shift`` of orders 1/2, 3/2, …: order −1/2 becomes order 1/2.

    Half orders are the states of an echo train as its refocusing pulses see them, in units of the dephasing between
    two pulses; whole orders never meet an echo, so an echo train needs no others.

    Args:
        states: orders 1/2, 3/2, ….
        n_orders: to keep.

    Returns:
        PhaseGraph of at most ``n_orders`` orders.
    """
    F_minus = _resized(states.F_minus[1:], min(n_orders, len(states.Z) + 1))
    return PhaseGraph(
        torch.cat([states.F_minus[:1].conj(), states.F_plus[: len(F_minus) - 1]]),
        F_minus,
        _resized(states.Z, len(F_minus)),
    )


def interval_of(T1: Tensor, T2: Tensor, *, duration: float, off_resonance: Tensor | None = None) -> Interval:
    """Relaxation and precession during a time, alike for all orders.

    ``E1 = exp(−t/T1)``, ``E2 = exp(−t/T2 − 2πi δf t)``

    Args:
        T1: ``(voxel,)``, s.
        T2: ``(voxel,)``, s.
        duration: t, s.
        off_resonance: δf, ``(voxel,)``, Hz, or None for 0.

    Returns:
        Interval of one row.
    """
    E1, exponent = torch.exp(-duration / T1), -duration / T2
    phase = torch.zeros_like(T2) if off_resonance is None else -2 * math.pi * duration * off_resonance
    E2 = torch.exp(torch.complex(exponent, phase))[None]
    return Interval(E2, E2.conj(), E1.to(E2.dtype)[None], 1 - E1)


def diffuse(interval: Interval, coefficient: Tensor, *, b_unit: float, first_order: float, n_orders: int) -> Interval:
    """An interval with the attenuation by free diffusion under its constant gradient, which shifts by one order.

    ``F_k: exp(−(k² + k + 1/3) K² t D)``, for positive and negative k; ``Z_k: exp(−k² K² t D)``

    Args:
        interval: without diffusion, one row.
        coefficient: D, ``(voxel,)``, m²/s.
        b_unit: K² t: squared dephasing per order (rad/m)² times duration, s/m².
        first_order: 0, or 1/2 for half orders.
        n_orders: number of rows to make.

    Returns:
        Interval of ``n_orders`` rows.

    Source: Weigel et al., J Magn Reson 205:276 (2010): b of a state whose wave number runs from k K to (k + 1) K.
    """
    k = first_order + torch.arange(n_orders, dtype=coefficient.dtype, device=coefficient.device)[:, None]
    b_per_voxel = b_unit * coefficient
    return Interval(
        interval.plus * torch.exp(-(k**2 + k + 1 / 3) * b_per_voxel),
        interval.minus * torch.exp(-(k**2 - k + 1 / 3) * b_per_voxel),
        interval.longitudinal * torch.exp(-(k**2) * b_per_voxel),
        interval.recovery,
    )


def _resized(rows: Tensor, n: int) -> Tensor:
    if len(rows) >= n:
        return rows[:n]
    return torch.cat([rows, rows.new_zeros(n - len(rows), *rows.shape[1:])])
