"""What the trains of extended phase graphs share: voxels, pulses, and the loop over pulses.

Voxels are taken in groups, so that memory is bounded: the states of a group fill a few MB on the CPU (its cache),
some hundred elsewhere. Autograd keeps every step, so with gradients memory grows with the number of voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from bloch.magnetisation.extended_phase_graph import PhaseGraph, rotate

Number = Tensor | float
BYTES_PER_GROUP = {"cpu": 4_000_000, "cuda": 256_000_000}


@dataclass(frozen=True, eq=False)
class Diffusion:
    """Free diffusion along a gradient that is constant from pulse to pulse.

    Attributes:
        coefficient: D, broadcasts with T1, m²/s.
        dephasing: γ G t from pulse to pulse (an echo spacing, a repetition time), rad/m.
    """

    coefficient: Number
    dephasing: float


@dataclass(frozen=True, eq=False)
class Voxels:
    """What belongs to a voxel, all ``(voxel,)`` and of one dtype.

    Attributes:
        T1: s.
        T2: s.
        B1: actual over nominal flip angle.
        longitudinal: Mz at the start, in units of equilibrium.
        coefficient: of diffusion, m²/s.
        off_resonance: Hz.
    """

    T1: Tensor
    T2: Tensor
    B1: Tensor
    longitudinal: Tensor
    coefficient: Tensor
    off_resonance: Tensor


@dataclass(frozen=True, eq=False)
class Pulses:
    """Flip angles and phases, both ``(pulse,)``, rad, in the dtype of the voxels."""

    flip_angles: Tensor
    phases: Tensor


def after_each_pulse(
    start: PhaseGraph,
    pulses: Pulses,
    B1: Tensor,
    advance: Callable[[PhaseGraph, int], PhaseGraph],
    orders: int,
) -> Iterator[PhaseGraph]:
    """States right after each pulse; ``advance(states, n_orders)`` is what happens until the next one."""
    states, n_pulses = start, len(pulses.flip_angles)
    for n in range(n_pulses):
        states = rotate(states, pulses.flip_angles[n] * B1, pulses.phases[n])
        yield states
        # An order comes down by one per interval: with r intervals left, orders beyond r reach no later signal.
        if n + 1 < n_pulses:
            states = advance(states, min(orders, n_pulses - n - 1))


def in_groups(function: Callable[[Voxels], Tensor], voxels: Voxels, orders: int) -> Tensor:
    """``function`` of all voxels, called on groups whose states fit into ``BYTES_PER_GROUP``, and joined."""
    bytes_per_voxel = 3 * 2 * voxels.T1.element_size() * max(orders, 8) // 2
    budget = BYTES_PER_GROUP.get(voxels.T1.device.type, BYTES_PER_GROUP["cuda"])
    size = max(1, budget // bytes_per_voxel)
    split = [getattr(voxels, field.name).split(size) for field in fields(voxels)]
    return torch.cat([function(Voxels(*group)) for group in zip(*split, strict=True)])


def like(value: Number, target: Tensor) -> Tensor:
    """A number or tensor in the dtype and on the device of another; a number loses no digits on its way."""
    return torch.as_tensor(value, dtype=target.dtype, device=target.device)


def voxels_of(
    T1: Number,
    T2: Number,
    *,
    flip_angles: Tensor,
    B1: Number,
    longitudinal: Number,
    diffusion: Diffusion | None = None,
    off_resonance: Number = 0.0,
) -> tuple[Voxels, torch.Size]:
    """Voxels from numbers and tensors that broadcast, and their shape; refuses impossible tissue."""
    given = next((t for t in (T1, T2, flip_angles) if isinstance(t, Tensor) and t.is_floating_point()), None)
    target = torch.empty(0, dtype=torch.float64) if given is None else given
    D = 0.0 if diffusion is None else diffusion.coefficient
    tensors = [like(t, target) for t in (T1, T2, B1, longitudinal, D, off_resonance)]
    _check_relaxation(tensors[0], tensors[1])
    if not bool((tensors[4] >= 0).all()):
        raise ValueError(f"A diffusion coefficient of {float(tensors[4].min())} m²/s is below 0.")
    tensors = torch.broadcast_tensors(*tensors)
    return Voxels(*(t.reshape(-1) for t in tensors)), tensors[0].shape


def pulses_of(flip_angles: Tensor, phases: Number, voxels: Voxels) -> Pulses:
    """Pulses in the voxels' dtype and device; refuses lengths that do not match."""
    angles, turns = like(flip_angles, voxels.T1), like(phases, voxels.T1)
    if angles.ndim != 1 or len(angles) == 0 or (turns.ndim > 0 and turns.shape != angles.shape):
        raise ValueError(
            f"Flip angles of shape {tuple(angles.shape)} and phases of shape {tuple(turns.shape)} do not match: "
            "one flip angle per pulse is needed, and one phase per pulse or one for all."
        )
    return Pulses(angles, turns.expand(angles.shape))


def orders_needed(pulses: Pulses, max_orders: int | None) -> int:
    """Orders that reach a signal of the train, or the fewer that the caller allows."""
    if max_orders is not None and max_orders < 1:
        raise ValueError(f"max_orders is {max_orders}: at least order 0 must be followed, so 1 or more (None: exact).")
    exact = (len(pulses.flip_angles) + 1) // 2  # as many orders as can go up and come down again
    return exact if max_orders is None else min(exact, max_orders)


def _check_relaxation(T1: Tensor, T2: Tensor) -> None:
    for name, value in (("T1", T1), ("T2", T2)):
        if not bool((value > 0).all()):
            raise ValueError(
                f"{name} must be positive everywhere, in s; the smallest is {float(value.min())}. "
                "Background voxels without tissue? Leave them out."
            )
    if not bool((T2 <= 2 * T1).all()):
        raise ValueError(
            f"T2 > 2 T1 somewhere (T2 up to {float(T2.max())} s, T1 down to {float(T1.min())} s), which no "
            "magnetisation can do. Are T1 and T2 swapped, or one in ms?"
        )
