"""The Bloch equations compiled by numba for the CPU: blocks of voxels that stay in the cache.

One block holds ``LANES`` voxels and all their isochromats. Arrays are flat, rows of ``LANES`` numbers, because only
then does the compiler see that rows do not overlap and makes vector instructions of every loop over voxels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import overload

from bloch.magnetisation.plan import WORTH_AN_OPERATOR, Plan

LANES = 64
"""Voxels of a block."""

HELD = 64
"""Samples of a block that are held until they are written together."""

PHASORS_KEPT = 2**20
"""Bytes; beyond the cache a phasor is made as fast as it is fetched."""

# Rows of one isochromat's state, of its phasor, and of the workspace of pulses (float64; voxel rows, then states).
X, Y, Z, XS, YS, STATE = (k * LANES for k in range(6))
RE, IM, PHASOR = (k * LANES for k in range(3))
M0, D1, D2, BR, BI, CY, QX, QY, QZ, QC, VOXEL = (k * LANES for k in range(11))
MOMENT, OPERATOR = 3 * LANES, 12 * LANES


class Body(NamedTuple):
    """Voxels, their number padded to a multiple of ``LANES``.

    Attributes:
        places: terms of the precession, ``(term, isochromat, voxel)``.
        equilibrium: of one isochromat, ``(voxel,)``.
        R1: float64 ``(voxel,)``, 1/s.
        R2: float64 ``(voxel,)``, 1/s.
        transmit: real and imaginary part, float64 ``(2, voxel)``.
        n_voxels: without padding.
    """

    places: np.ndarray
    equilibrium: np.ndarray
    R1: np.ndarray
    R2: np.ndarray
    transmit: np.ndarray
    n_voxels: int


def _series(first: int, n: int) -> list[float]:
    """Coefficients of sin (first = 1) or cos (first = 0) of π x in powers of x²."""
    return [(-1) ** k * math.pi ** (2 * k + first) / math.factorial(2 * k + first) for k in range(n)]


# Up to ±π/2 the first omitted terms are below half a unit in the last place.
S8, C8 = tuple(_series(1, 12)), tuple(_series(0, 12))
S4, C4 = tuple(map(np.float32, _series(1, 7))), tuple(map(np.float32, _series(0, 7)))
E8 = tuple(1 / math.factorial(k) for k in range(14))


@njit(nogil=True, fastmath=True)
def _half_single(x):  # type: ignore[no-untyped-def]
    """sin πx, cos πx for |x| ≤ ½, float32."""
    u = x * x
    s = x * (S4[0] + u * (S4[1] + u * (S4[2] + u * (S4[3] + u * (S4[4] + u * (S4[5] + u * S4[6]))))))
    c = C4[0] + u * (C4[1] + u * (C4[2] + u * (C4[3] + u * (C4[4] + u * (C4[5] + u * C4[6])))))
    return s, c


@njit(nogil=True, fastmath=True)
def _half_double(x: float) -> tuple[float, float]:
    """sin πx, cos πx for |x| ≤ ½, float64."""
    u = x * x
    s = S8[6] + u * (S8[7] + u * (S8[8] + u * (S8[9] + u * (S8[10] + u * S8[11]))))
    c = C8[6] + u * (C8[7] + u * (C8[8] + u * (C8[9] + u * (C8[10] + u * C8[11]))))
    s = S8[0] + u * (S8[1] + u * (S8[2] + u * (S8[3] + u * (S8[4] + u * (S8[5] + u * s)))))
    c = C8[0] + u * (C8[1] + u * (C8[2] + u * (C8[3] + u * (C8[4] + u * (C8[5] + u * c)))))
    return x * s, c


def _half(x: float) -> tuple[float, float]:
    """sin πx and cos πx for |x| ≤ ½ in the precision of x."""
    return math.sin(math.pi * x), math.cos(math.pi * x)


@overload(_half, inline="always")
def _half_compiled(x):  # type: ignore[no-untyped-def]
    if x == types.float32:
        return lambda x: _half_single(x)
    return lambda x: _half_double(x)


@njit(nogil=True, fastmath=True)
def _exp_minus(x: float) -> float:
    """exp(−x) for 0 ≤ x, float64; 2^−k as the bits of a float."""
    y = min(x, 700.0)
    k = np.rint(y * 1.4426950408889634)
    r = k * 0.6931471805599453 - y  # |r| ≤ ln 2 / 2
    p = E8[7] + r * (E8[8] + r * (E8[9] + r * (E8[10] + r * (E8[11] + r * (E8[12] + r * E8[13])))))
    p = E8[0] + r * (E8[1] + r * (E8[2] + r * (E8[3] + r * (E8[4] + r * (E8[5] + r * (E8[6] + r * p))))))
    return p * np.int64(np.int64(1023 - np.int64(k)) << np.int64(52)).view(np.float64)


@njit(nogil=True, fastmath=True)
def _count_cycles(row, places, i, v0, work):  # type: ignore[no-untyped-def]
    """Σ_f row_f place_f of one isochromat of a block, into the workspace."""
    for v in range(LANES):
        work[CY + v] = 0.0
    for f in range(len(row)):
        weight = row[f]
        if weight != 0.0:
            place = places[f, i, v0 : v0 + LANES]
            for v in range(LANES):
                work[CY + v] += weight * place[v]


@njit(nogil=True, fastmath=True)
def _decay(time, body, v0, work):  # type: ignore[no-untyped-def]
    """exp(−t/T1) and exp(−t/T2) of a block, into the workspace."""
    R1, R2 = body.R1[v0 : v0 + LANES], body.R2[v0 : v0 + LANES]
    for v in range(LANES):
        work[D1 + v] = _exp_minus(time * R1[v])
    for v in range(LANES):
        work[D2 + v] = _exp_minus(time * R2[v])


@njit(nogil=True, fastmath=True)
def _phasor(plan, body, r, v0, work, kept, slot):  # type: ignore[no-untyped-def]
    """exp(−t/T2 − 2πi cycles) of a block for row r, and 1 − exp(−t/T1), into a slot."""
    _decay(plan.row_time[r], body, v0, work)
    n = body.places.shape[1]
    real = kept.dtype.type
    one, two = real(1), real(2)
    recovery = kept[slot * (n * PHASOR + LANES) : slot * (n * PHASOR + LANES) + LANES]
    for v in range(LANES):
        recovery[v] = 1.0 - work[D1 + v]
    row = plan.rows[r]
    for i in range(n):
        _count_cycles(row, body.places, i, v0, work)
        at = slot * (n * PHASOR + LANES) + LANES + i * PHASOR
        phasor = kept[at : at + PHASOR]
        for v in range(LANES):
            s, c = _half(real(work[CY + v] - np.rint(work[CY + v])))
            decay = real(work[D2 + v])
            phasor[RE + v] = decay * (one - two * s * s)
            phasor[IM + v] = -decay * two * s * c


@njit(nogil=True, fastmath=True)
def _play(plan, body, p, v0, work):  # type: ignore[no-untyped-def]
    """The steps of pulse p on the states in the workspace, float64; left-handed turns by quaternions."""
    transmit_re, transmit_im = body.transmit[0, v0 : v0 + LANES], body.transmit[1, v0 : v0 + LANES]
    for v in range(LANES):
        work[BR + v] = transmit_re[v]
        work[BI + v] = transmit_im[v]
    for k in range(plan.first_step[p], plan.first_step[p + 1]):
        re, im = plan.turn[k, 0], plan.turn[k, 1]
        _decay(plan.step_time[k] / 2, body, v0, work)
        row = plan.step_rows[k]
        for i in range(body.places.shape[1]):
            _count_cycles(row, body.places, i, v0, work)
            for v in range(LANES):
                wx = -(work[BR + v] * re - work[BI + v] * im)
                wy = -(work[BR + v] * im + work[BI + v] * re)
                wz = -2 * math.pi * work[CY + v]
                angle = math.sqrt(wx * wx + wy * wy + wz * wz + 1e-60)
                turns = angle / (2 * math.pi)
                s, c = _half_double(turns - np.rint(turns))  # an odd whole turn changes the sign of both
                s = s / angle
                work[QX + v], work[QY + v], work[QZ + v], work[QC + v] = wx * s, wy * s, wz * s, c
            o = VOXEL + i * MOMENT
            _turn(work[:VOXEL], work[o : o + MOMENT])


@njit(nogil=True, fastmath=True)
def _turn(work, M):  # type: ignore[no-untyped-def]
    """One step: relax for half of it, turn by the quaternion, relax."""
    for v in range(LANES):
        qx, qy, qz, c = work[QX + v], work[QY + v], work[QZ + v], work[QC + v]
        e1, e2, m0 = work[D1 + v], work[D2 + v], work[M0 + v]
        x, y, z = M[X + v] * e2, M[Y + v] * e2, m0 + (M[Z + v] - m0) * e1
        tx, ty, tz = 2 * (qy * z - qz * y), 2 * (qz * x - qx * z), 2 * (qx * y - qy * x)
        x += c * tx + qy * tz - qz * ty
        y += c * ty + qz * tx - qx * tz
        z += c * tz + qx * ty - qy * tx
        M[X + v], M[Y + v], M[Z + v] = x * e2, y * e2, m0 + (z - m0) * e1


@njit(nogil=True, fastmath=True)
def _copy(source, target):  # type: ignore[no-untyped-def]
    for v in range(len(target)):
        target[v] = source[v]


@njit(nogil=True, fastmath=True)
def _operator(plan, body, p, v0, work, operators, at):  # type: ignore[no-untyped-def]
    """M → A M + b of pulse p on every isochromat of a block, column by column."""
    n = body.places.shape[1]
    for column in range(4):
        work[M0 : M0 + LANES] = 0.0
        if column == 3:
            _copy(body.equilibrium[v0 : v0 + LANES], work[M0 : M0 + LANES])
        for i in range(n):
            for axis in range(3):
                o = VOXEL + i * MOMENT + axis * LANES
                work[o : o + LANES] = 1.0 if axis == column else 0.0
        _play(plan, body, p, v0, work)
        for i in range(n):
            for axis in range(3):
                o, to = VOXEL + i * MOMENT + axis * LANES, at + i * OPERATOR + (4 * axis + column) * LANES
                _copy(work[o : o + LANES], operators[to : to + LANES])


@njit(nogil=True, fastmath=True)
def _play_once(plan, body, p, v0, work, state):  # type: ignore[no-untyped-def]
    """Pulse p on the state, in float64: thousands of short steps would be rounded in float32."""
    n = body.places.shape[1]
    _copy(body.equilibrium[v0 : v0 + LANES], work[M0 : M0 + LANES])
    for i in range(n):
        o = VOXEL + i * MOMENT
        _copy(state[i * STATE : i * STATE + MOMENT], work[o : o + MOMENT])
    _play(plan, body, p, v0, work)
    for i in range(n):
        o = VOXEL + i * MOMENT
        _copy(work[o : o + MOMENT], state[i * STATE : i * STATE + MOMENT])


@njit(nogil=True, fastmath=True)
def _turn_z(state, n, c, s):  # type: ignore[no-untyped-def]
    """Transverse magnetisation times c + i s."""
    for i in range(n):
        M = state[i * STATE : (i + 1) * STATE]
        for v in range(LANES):
            x, y = M[X + v], M[Y + v]
            M[X + v], M[Y + v] = c * x - s * y, s * x + c * y


@njit(nogil=True, fastmath=True)
def _operate(state, n, operators, at):  # type: ignore[no-untyped-def]
    for i in range(n):
        M = state[i * STATE : (i + 1) * STATE]
        A = operators[at + i * OPERATOR : at + (i + 1) * OPERATOR]
        for v in range(LANES):
            x, y, z = M[X + v], M[Y + v], M[Z + v]
            M[X + v] = A[v] * x + A[LANES + v] * y + A[2 * LANES + v] * z + A[3 * LANES + v]
            M[Y + v] = A[4 * LANES + v] * x + A[5 * LANES + v] * y + A[6 * LANES + v] * z + A[7 * LANES + v]
            M[Z + v] = A[8 * LANES + v] * x + A[9 * LANES + v] * y + A[10 * LANES + v] * z + A[11 * LANES + v]


@njit(nogil=True, fastmath=True)
def _precess(state, n, kept, slot, equilibrium):  # type: ignore[no-untyped-def]
    """To the end of a segment; ``equilibrium`` of the block."""
    at = slot * (n * PHASOR + LANES)
    recovery = kept[at : at + LANES]
    for i in range(n):
        M, phasor = state[i * STATE : (i + 1) * STATE], kept[at + LANES + i * PHASOR : at + LANES + (i + 1) * PHASOR]
        for v in range(LANES):
            x, y, z = M[X + v], M[Y + v], M[Z + v]
            c, s = phasor[RE + v], phasor[IM + v]
            M[X + v], M[Y + v] = c * x - s * y, s * x + c * y
            M[Z + v] = z + (equilibrium[v] - z) * recovery[v]


@njit(nogil=True, fastmath=True)
def _sample(state, n, kept, slot, total):  # type: ignore[no-untyped-def]
    """Transverse magnetisation at a sample, from that after the pulse, summed over isochromats."""
    at = slot * (n * PHASOR + LANES) + LANES
    total[:] = 0
    for i in range(n):
        M, phasor = state[i * STATE : (i + 1) * STATE], kept[at + i * PHASOR : at + (i + 1) * PHASOR]
        for v in range(LANES):
            x, y = M[X + v], M[Y + v]
            c, s = phasor[RE + v], phasor[IM + v]
            xs, ys = c * x - s * y, s * x + c * y
            M[XS + v], M[YS + v] = xs, ys
            total[v] += xs
            total[LANES + v] += ys


@njit(nogil=True, fastmath=True)
def _next_sample(state, n, kept, slot, total):  # type: ignore[no-untyped-def]
    """The same from the sample before; a loop of its own, for the compiler must see what overlaps."""
    at = slot * (n * PHASOR + LANES) + LANES
    total[:] = 0
    for i in range(n):
        M, phasor = state[i * STATE : (i + 1) * STATE], kept[at + i * PHASOR : at + (i + 1) * PHASOR]
        for v in range(LANES):
            x, y = M[XS + v], M[YS + v]
            c, s = phasor[RE + v], phasor[IM + v]
            xs, ys = c * x - s * y, s * x + c * y
            M[XS + v], M[YS + v] = xs, ys
            total[v] += xs
            total[LANES + v] += ys


class Slots(NamedTuple):
    """What is kept for a block while its segments play: −1 for what is computed when it is met.

    Attributes:
        row: int64 ``(row,)``.
        pulse: int64 ``(pulse,)``.
        n_rows: slots for rows; two more are scratch, for what leads from the pulse and for a step.
        n_pulses: slots for pulses.
    """

    row: np.ndarray
    pulse: np.ndarray
    n_rows: int
    n_pulses: int


class Coils(NamedTuple):
    """Who listens: ``re`` and ``im`` are ``(state, coil, voxel)``, ``state`` ``(sample,)``; no coil hears all alike.

    ``signal`` is float64 ``(coil, sample, 2)`` and is added to.
    """

    re: np.ndarray
    im: np.ndarray
    state: np.ndarray
    signal: np.ndarray


class Record(NamedTuple):
    """Where every voxel's samples go, ``(voxel, sample, 2)``, or no voxel; ``phasor`` is exp(−i phase), (sample, 2)."""

    phasor: np.ndarray
    found: np.ndarray


@njit(nogil=True, fastmath=True)
def _hear(total, coils, v0, s):  # type: ignore[no-untyped-def]
    if coils.re.shape[1] == 0:
        re = total.dtype.type(0)
        im = total.dtype.type(0)
        for v in range(LANES):
            re += total[v]
            im += total[LANES + v]
        coils.signal[0, s, 0] += re
        coils.signal[0, s, 1] += im
    for c in range(coils.re.shape[1]):
        state = coils.state[s]
        a, b = coils.re[state, c, v0 : v0 + LANES], coils.im[state, c, v0 : v0 + LANES]
        re = total.dtype.type(0)
        im = total.dtype.type(0)
        for v in range(LANES):
            re += a[v] * total[v] - b[v] * total[LANES + v]
            im += a[v] * total[LANES + v] + b[v] * total[v]
        coils.signal[c, s, 0] += re
        coils.signal[c, s, 1] += im


@njit(nogil=True, fastmath=True)
def _write(held, record, v0, m, first, last):  # type: ignore[no-untyped-def]
    for v in range(m):
        for s in range(first, last):
            at = (s - first) * 2 * LANES + v
            record.found[v0 + v, s, 0] = held[at]
            record.found[v0 + v, s, 1] = held[at + LANES]


@njit(nogil=True, fastmath=True)
def _block(plan, slots, body, v0, buffers, coils, record):  # type: ignore[no-untyped-def]
    state, kept, operators, work, total, held = buffers
    n = body.places.shape[1]
    m = min(LANES, body.n_voxels - v0)
    keeps = record.found.shape[0] > 0
    real = state.dtype.type
    for r in range(len(slots.row)):
        if slots.row[r] >= 0:
            _phasor(plan, body, r, v0, work, kept, slots.row[r])
    for p in range(len(slots.pulse)):
        if slots.pulse[p] >= 0:
            _operator(plan, body, p, v0, work, operators, slots.pulse[p] * n * OPERATOR)
    equilibrium = body.equilibrium[v0 : v0 + LANES]
    state[:] = 0
    for i in range(n):
        _copy(equilibrium, state[i * STATE + Z : i * STATE + Z + LANES])
    written = 0
    step_held = -1  # row in the scratch slot of steps
    for g in range(len(plan.pulse)):
        p = plan.pulse[g]
        if p >= 0:
            c, s = real(plan.pulse_phase[g, 0]), real(plan.pulse_phase[g, 1])
            _turn_z(state, n, c, -s)
            if slots.pulse[p] >= 0:
                _operate(state, n, operators, slots.pulse[p] * n * OPERATOR)
            else:
                _play_once(plan, body, p, v0, work, state)
            _turn_z(state, n, c, s)
        for j in range(plan.first_sample[g], plan.first_sample[g + 1]):
            r = plan.sample_row[j]
            slot = slots.row[r]
            if slot < 0:
                slot = slots.n_rows + plan.is_step[j]
                if not (plan.is_step[j] and step_held == r):
                    _phasor(plan, body, r, v0, work, kept, slot)
                    step_held = r if plan.is_step[j] else step_held
            if plan.is_step[j]:
                _next_sample(state, n, kept, slot, total)
            else:
                _sample(state, n, kept, slot, total)
            if keeps:
                c, s = real(record.phasor[j, 0]), real(record.phasor[j, 1])
                row = held[(j - written) * 2 * LANES : (j - written + 1) * 2 * LANES]
                for v in range(LANES):
                    row[v] = c * total[v] - s * total[LANES + v]
                    row[LANES + v] = s * total[v] + c * total[LANES + v]
                if j - written == HELD - 1:
                    _write(held, record, v0, m, written, j + 1)
                    written = j + 1
            else:
                _hear(total, coils, v0, j)
        r = plan.update[g]
        if r >= 0:
            slot = slots.row[r]
            if slot < 0:
                slot = slots.n_rows
                _phasor(plan, body, r, v0, work, kept, slot)
            _precess(state, n, kept, slot, equilibrium)
    if keeps:
        _write(held, record, v0, m, written, len(plan.sample_row))


@njit(nogil=True, fastmath=True, cache=True)
def _simulate(plan, slots, body, coils, record):  # type: ignore[no-untyped-def]
    n = body.places.shape[1]
    like = body.equilibrium
    buffers = (
        np.empty(n * STATE, like.dtype),
        np.empty((slots.n_rows + 2) * (n * PHASOR + LANES), like.dtype),
        np.empty(slots.n_pulses * n * OPERATOR, like.dtype),
        np.empty(VOXEL + n * 3 * LANES, np.float64),
        np.empty(2 * LANES, like.dtype),
        np.empty(HELD * 2 * LANES, like.dtype),
    )
    for v0 in range(0, body.n_voxels, LANES):
        _block(plan, slots, body, v0, buffers, coils, record)


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
