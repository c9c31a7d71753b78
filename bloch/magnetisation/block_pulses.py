"""Compiled: what rows of a plan and pulses do to the isochromats of a block."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from bloch.magnetisation.blocks import (
    BI,
    BR,
    CY,
    D1,
    D2,
    IM,
    LANES,
    M0,
    MOMENT,
    OPERATOR,
    PHASOR,
    QC,
    QX,
    QY,
    QZ,
    RE,
    STATE,
    VOXEL,
    X,
    Y,
    Z,
)
from bloch.magnetisation.vector_arithmetic import exp_minus, half, half_double


@njit(nogil=True, fastmath=True)
def count_cycles(row, places, i, v0, work):  # type: ignore[no-untyped-def]
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
def relaxation(time, body, v0, work):  # type: ignore[no-untyped-def]
    """exp(−t/T1) and exp(−t/T2) of a block, into the workspace."""
    R1, R2 = body.R1[v0 : v0 + LANES], body.R2[v0 : v0 + LANES]
    for v in range(LANES):
        work[D1 + v] = exp_minus(time * R1[v])
    for v in range(LANES):
        work[D2 + v] = exp_minus(time * R2[v])


@njit(nogil=True, fastmath=True)
def phasor(plan, body, r, v0, work, kept, slot):  # type: ignore[no-untyped-def]
    """exp(−t/T2 − 2πi cycles) of a block for row r (0 after a spoiler), and 1 − exp(−t/T1), into a slot."""
    relaxation(plan.row_time[r], body, v0, work)
    if plan.row_spoils[r] > 0:
        work[D2 : D2 + LANES] = 0.0
    n = body.places.shape[1]
    real = kept.dtype.type
    one, two = real(1), real(2)
    recovery = kept[slot * (n * PHASOR + LANES) : slot * (n * PHASOR + LANES) + LANES]
    for v in range(LANES):
        recovery[v] = 1.0 - work[D1 + v]
    row = plan.rows[r]
    for i in range(n):
        count_cycles(row, body.places, i, v0, work)
        at = slot * (n * PHASOR + LANES) + LANES + i * PHASOR
        phasor = kept[at : at + PHASOR]
        for v in range(LANES):
            s, c = half(real(work[CY + v] - np.rint(work[CY + v])))
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
        relaxation(plan.step_time[k] / 2, body, v0, work)
        row = plan.step_rows[k]
        for i in range(body.places.shape[1]):
            count_cycles(row, body.places, i, v0, work)
            for v in range(LANES):
                wx = -(work[BR + v] * re - work[BI + v] * im)
                wy = -(work[BR + v] * im + work[BI + v] * re)
                wz = -2 * math.pi * work[CY + v]
                angle = math.sqrt(wx * wx + wy * wy + wz * wz + 1e-60)
                turns = angle / (2 * math.pi)
                s, c = half_double(turns - np.rint(turns))  # an odd whole turn changes the sign of both
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
def copy(source, target):  # type: ignore[no-untyped-def]
    for v in range(len(target)):
        target[v] = source[v]


@njit(nogil=True, fastmath=True)
def operator(plan, body, p, v0, work, operators, at):  # type: ignore[no-untyped-def]
    """M → A M + b of pulse p on every isochromat of a block, column by column."""
    n = body.places.shape[1]
    for column in range(4):
        work[M0 : M0 + LANES] = 0.0
        if column == 3:
            copy(body.equilibrium[v0 : v0 + LANES], work[M0 : M0 + LANES])
        for i in range(n):
            for axis in range(3):
                o = VOXEL + i * MOMENT + axis * LANES
                work[o : o + LANES] = 1.0 if axis == column else 0.0
        _play(plan, body, p, v0, work)
        for i in range(n):
            for axis in range(3):
                o, to = VOXEL + i * MOMENT + axis * LANES, at + i * OPERATOR + (4 * axis + column) * LANES
                copy(work[o : o + LANES], operators[to : to + LANES])


@njit(nogil=True, fastmath=True)
def play_once(plan, body, p, v0, work, state):  # type: ignore[no-untyped-def]
    """Pulse p on the state, in float64: thousands of short steps would be rounded in float32."""
    n = body.places.shape[1]
    copy(body.equilibrium[v0 : v0 + LANES], work[M0 : M0 + LANES])
    for i in range(n):
        o = VOXEL + i * MOMENT
        copy(state[i * STATE : i * STATE + MOMENT], work[o : o + MOMENT])
    _play(plan, body, p, v0, work)
    for i in range(n):
        o = VOXEL + i * MOMENT
        copy(work[o : o + MOMENT], state[i * STATE : i * STATE + MOMENT])
