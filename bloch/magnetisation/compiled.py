"""The Bloch equations compiled by numba for the CPU: a plan is played to block after block of voxels."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from numba import njit

from bloch.magnetisation import block_pulses, block_samples, blocks, vector_arithmetic
from bloch.magnetisation.block_pulses import copy, operator, phasor, play_once
from bloch.magnetisation.block_samples import hear, next_samples, operate, precess, sample, turn_z, write
from bloch.magnetisation.blocks import (
    HELD,
    LANES,
    MOMENT,
    OPERATOR,
    PHASOR,
    STATE,
    VOXEL,
    Body,
    Coils,
    Record,
    Slots,
    Z,
)
from bloch.magnetisation.plan import WORTH_AN_OPERATOR, Plan

PHASORS_KEPT = 2**20
"""Bytes; beyond the cache a phasor is made as fast as it is fetched."""


@njit(nogil=True, fastmath=True, forceinline=True)
def _take_samples(run, buffers, g, v0, held):  # type: ignore[no-untyped-def]
    """All samples of a segment; returns how many wait in ``totals`` to be written."""
    plan, slots, body, coils, record = run
    state, kept, _, work, totals = buffers
    n = body.places.shape[1]
    keeps = record.found.shape[0] > 0
    in_step_slot = -1
    j, last = plan.first_sample[g], plan.first_sample[g + 1]
    while j < last:
        r = plan.sample_row[j]
        step = plan.is_step[j]
        slot = slots.row[r]
        if slot < 0:
            slot = slots.n_rows + step
            if not (step and in_step_slot == r):
                phasor(plan, body, r, v0, work, kept, slot)
                in_step_slot = r if step else in_step_slot
        end = j + 1
        if step:
            while end < last and plan.is_step[end] and plan.sample_row[end] == r and end - j < HELD - held:
                end += 1
        rows = totals[held * 2 * LANES : (held + end - j) * 2 * LANES]
        if step:
            next_samples(state, n, kept, slot, rows)
        else:
            sample(state, n, kept, slot, rows)
        if keeps:
            held += end - j
            if held == HELD:
                write(totals, record, v0, min(LANES, body.n_voxels - v0), end - held, held)
                held = 0
        else:
            for k in range(end - j):
                hear(rows[k * 2 * LANES : (k + 1) * 2 * LANES], coils, v0, j + k)
        j = end
    return held


@njit(nogil=True, fastmath=True)
def _block(run, buffers, v0):  # type: ignore[no-untyped-def]
    plan, slots, body, _, record = run
    state, kept, operators, work, totals = buffers
    n = body.places.shape[1]
    real = state.dtype.type
    for r in range(len(slots.row)):
        if slots.row[r] >= 0:
            phasor(plan, body, r, v0, work, kept, slots.row[r])
    for p in range(len(slots.pulse)):
        if slots.pulse[p] >= 0:
            operator(plan, body, p, v0, work, operators, slots.pulse[p] * n * OPERATOR)
    equilibrium = body.equilibrium[v0 : v0 + LANES]
    state[:] = 0
    for i in range(n):
        copy(equilibrium, state[i * STATE + Z : i * STATE + Z + LANES])
    held = 0
    for g in range(len(plan.pulse)):
        p = plan.pulse[g]
        if p >= 0:
            c, s = real(plan.pulse_phase[g, 0]), real(plan.pulse_phase[g, 1])
            turn_z(state, n, c, -s)
            if slots.pulse[p] >= 0:
                operate(state, n, operators, slots.pulse[p] * n * OPERATOR)
            else:
                play_once(plan, body, p, v0, work, state)
            turn_z(state, n, c, s)
        held = _take_samples(run, buffers, g, v0, held)
        r = plan.update[g]
        if r >= 0:
            slot = slots.row[r]
            if slot < 0:
                slot = slots.n_rows
                phasor(plan, body, r, v0, work, kept, slot)
            precess(state, n, kept, slot, equilibrium)
    if held > 0:
        write(totals, record, v0, min(LANES, body.n_voxels - v0), len(plan.sample_row) - held, held)


def _compiled_from(sources: str) -> Callable:
    """The loop over blocks. numba's cache looks at this file alone, so the others are part of what it closes over."""

    @njit(nogil=True, fastmath=True, cache=True)
    def simulate(plan, slots, body, coils, record):  # type: ignore[no-untyped-def]
        if len(sources) == 0:
            return
        n = body.places.shape[1]
        like = body.equilibrium
        buffers = (
            np.empty(n * STATE, like.dtype),
            np.empty((slots.n_rows + 2) * (n * PHASOR + LANES), like.dtype),
            np.empty(slots.n_pulses * n * OPERATOR, like.dtype),
            np.empty(VOXEL + n * MOMENT, np.float64),
            np.empty(HELD * 2 * LANES, like.dtype),
        )
        for v0 in range(0, body.n_voxels, LANES):
            _block((plan, slots, body, coils, record), buffers, v0)

    return simulate


def _sources() -> str:
    files = (Path(module.__file__ or "") for module in (blocks, block_pulses, block_samples, vector_arithmetic))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


_simulate = _compiled_from(_sources())


def run_blocks(plan: Plan, slots: Slots, body: Body, coils: Coils, record: Record) -> None:
    """Play a plan to all voxels of a body, block by block; other threads run meanwhile."""
    _simulate(plan, slots, body, coils, record)


def slots_of(plan: Plan, n_isochromats: int, itemsize: int, memory: int) -> Slots:
    """What is worth keeping in a memory of some bytes: pulses first, then the rows that are used most."""
    row_bytes = (PHASOR * n_isochromats + LANES) * itemsize
    pulse_bytes = OPERATOR * n_isochromats * itemsize
    pulse = _most_used(plan.pulse_uses, WORTH_AN_OPERATOR, memory // pulse_bytes)
    left = memory - int((pulse >= 0).sum()) * pulse_bytes
    row = _most_used(plan.row_uses, 2, min(left, PHASORS_KEPT) // row_bytes)
    return Slots(row, pulse, int((row >= 0).sum()), int((pulse >= 0).sum()))


def _most_used(uses: np.ndarray, least: int, n: int) -> np.ndarray:
    order = np.argsort(-uses, kind="stable")
    order = order[uses[order] >= least][:n]
    slots = np.full(len(uses), -1)
    slots[order] = np.arange(len(order))
    return slots
