"""From tensors to the compiled engine and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation.blocks import LANES, Body, Coils, Record, Slots
from bloch.magnetisation.compiled import run_blocks, slots_of
from bloch.magnetisation.plan import Plan, plan_of
from bloch.magnetisation.precession import place_terms, step_terms
from bloch.magnetisation.spins import Spins, subdivide
from bloch.magnetisation.stretches import Stretches
from bloch.magnetisation.timeline import Timeline
from bloch.receiver.coil_array import Vector

EQUAL_STEPS = {torch.float32: 1e-9, torch.float64: 1e-13}
"""Relative difference of steps below which a row of samples is taken to be even."""


@dataclass(frozen=True, eq=False)
class CompiledScan:
    """A timeline made ready for the spins of any chunk."""

    plan: Plan
    slots: Slots
    timeline: Timeline
    n_isochromats: int
    B0_direction: Vector


def compiled_scan(
    timeline: Timeline,
    parts: Stretches,
    *,
    dtype: torch.dtype,
    n_isochromats: int,
    memory: int,
    field: tuple[float | None, Vector],
) -> CompiledScan:
    """Plan a scan.

    Args:
        timeline: separated.
        parts: its stretches.
        dtype: of the spins.
        n_isochromats: of a voxel.
        memory: bytes for what one thread keeps.
        field: B0 and its direction.

    Returns:
        CompiledScan.
    """
    B0, direction = field
    steps = step_terms(timeline, B0=B0, B0_direction=direction).numpy()
    plan = plan_of(timeline, parts, steps, tolerance=EQUAL_STEPS[dtype])
    return CompiledScan(plan, slots_of(plan, n_isochromats, dtype.itemsize, memory), timeline, n_isochromats, direction)


def heard(scan: CompiledScan, spins: Spins, maps: Tensor | None, state: Tensor | None) -> Tensor:
    """Σ_spins S_c M+ without the receiver's phase.

    Args:
        scan: the plan.
        spins: of a chunk.
        maps: their sensitivities, complex ``(state, coil, spin)``; None for one ideal coil.
        state: of each sample.

    Returns:
        Complex128 ``(coil, sample)``.
    """
    real = _numpy_dtype(spins)
    n_samples = len(scan.plan.sample_row)
    if maps is None or state is None:
        none = np.zeros((1, 0, 0), real)
        coils = Coils(none, none, np.zeros(0, int), np.zeros((1, n_samples, 2)))
    else:
        width = -len(spins) % LANES
        re, im = (np.pad(part.numpy(), ((0, 0), (0, 0), (0, width))).astype(real) for part in (maps.real, maps.imag))
        coils = Coils(re, im, state.numpy(), np.zeros((maps.shape[1], n_samples, 2)))
    run_blocks(scan.plan, scan.slots, _body(scan, spins), coils, Record(np.zeros((0, 2)), np.zeros((0, 0, 2), real)))
    return torch.view_as_complex(torch.from_numpy(coils.signal))


def record(scan: CompiledScan, spins: Spins, phasor: np.ndarray, found: Tensor) -> None:
    """Write the magnetisation of every pool at every sample.

    Args:
        scan: the plan.
        spins: of a chunk.
        phasor: exp(−i receiver phase) as two numbers, float64 ``(sample, 2)``.
        found: complex ``(spin, sample)``, written to.
    """
    real = _numpy_dtype(spins)
    none = np.zeros((1, 0, 0), real)
    coils = Coils(none, none, np.zeros(0, int), np.zeros((0, 0, 2)))
    run_blocks(scan.plan, scan.slots, _body(scan, spins), coils, Record(phasor, torch.view_as_real(found).numpy()))


def bytes_of_voxel(scan: CompiledScan) -> int:
    """What a chunk needs for each of its voxels, besides sensitivities: isochromats thrice while they are made."""
    return scan.n_isochromats * (scan.plan.rows.shape[1] + 12) * 8 * 3 + 256


def _numpy_dtype(spins: Spins) -> np.dtype:
    return np.dtype(np.float32 if spins.T1.dtype == torch.float32 else np.float64)


def _body(scan: CompiledScan, spins: Spins) -> Body:
    n, n_voxels = scan.n_isochromats, len(spins)
    width = -n_voxels % LANES
    points = subdivide(spins, n) if n > 1 else spins
    terms = place_terms(points, scan.timeline, B0_direction=scan.B0_direction).numpy()
    places = np.zeros((terms.shape[1], n, n_voxels + width), _numpy_dtype(spins))
    places[:, :, :n_voxels] = terms.T.reshape(-1, n, n_voxels)

    def padded(values: Tensor, fill: float) -> np.ndarray:
        return np.pad(values.double().numpy(), (0, width), constant_values=fill)

    return Body(
        places=places,
        equilibrium=padded(spins.equilibrium / n, 0.0).astype(places.dtype),
        R1=padded(1 / spins.T1.double(), 1.0),
        R2=padded(1 / spins.T2.double(), 1.0),
        transmit=np.stack([padded(spins.transmit.real, 1.0), padded(spins.transmit.imag, 0.0)]),
        n_voxels=n_voxels,
    )
