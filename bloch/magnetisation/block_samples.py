"""Compiled: how a block turns, precesses, and is sampled."""

from __future__ import annotations

from numba import njit

from bloch.magnetisation.blocks import IM, LANES, OPERATOR, PHASOR, RE, STATE, XS, YS, X, Y, Z


@njit(nogil=True, fastmath=True)
def turn_z(state, n, c, s):  # type: ignore[no-untyped-def]
    """Transverse magnetisation times c + i s."""
    for i in range(n):
        M = state[i * STATE : (i + 1) * STATE]
        for v in range(LANES):
            x, y = M[X + v], M[Y + v]
            M[X + v], M[Y + v] = c * x - s * y, s * x + c * y


@njit(nogil=True, fastmath=True)
def operate(state, n, operators, at):  # type: ignore[no-untyped-def]
    for i in range(n):
        M = state[i * STATE : (i + 1) * STATE]
        A = operators[at + i * OPERATOR : at + (i + 1) * OPERATOR]
        for v in range(LANES):
            x, y, z = M[X + v], M[Y + v], M[Z + v]
            M[X + v] = A[v] * x + A[LANES + v] * y + A[2 * LANES + v] * z + A[3 * LANES + v]
            M[Y + v] = A[4 * LANES + v] * x + A[5 * LANES + v] * y + A[6 * LANES + v] * z + A[7 * LANES + v]
            M[Z + v] = A[8 * LANES + v] * x + A[9 * LANES + v] * y + A[10 * LANES + v] * z + A[11 * LANES + v]


@njit(nogil=True, fastmath=True)
def precess(state, n, kept, slot, equilibrium):  # type: ignore[no-untyped-def]
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
def sample(state, n, kept, slot, total):  # type: ignore[no-untyped-def]
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
def _step(M, phasor, i, v):  # type: ignore[no-untyped-def]
    x, y = M[i * STATE + XS + v], M[i * STATE + YS + v]
    c, s = phasor[i * PHASOR + RE + v], phasor[i * PHASOR + IM + v]
    xs, ys = c * x - s * y, s * x + c * y
    M[i * STATE + XS + v], M[i * STATE + YS + v] = xs, ys
    return xs, ys


@njit(nogil=True, fastmath=True)
def next_samples(state, n, kept, slot, totals):  # type: ignore[no-untyped-def]
    """The samples that follow by one equal step each, one row of totals for each.

    Four isochromats at a time go through all samples: they stay in the nearest cache, and halve the stores.
    """
    at = slot * (n * PHASOR + LANES) + LANES
    totals[:] = 0
    n_samples = len(totals) // (2 * LANES)
    fours = n // 4 * 4
    for i in range(0, fours, 4):
        M, phasor = state[i * STATE : (i + 4) * STATE], kept[at + i * PHASOR : at + (i + 4) * PHASOR]
        for k in range(n_samples):
            total = totals[k * 2 * LANES : (k + 1) * 2 * LANES]
            for v in range(LANES):
                xa, ya = _step(M, phasor, 0, v)
                xb, yb = _step(M, phasor, 1, v)
                xc, yc = _step(M, phasor, 2, v)
                xd, yd = _step(M, phasor, 3, v)
                total[v] += (xa + xb) + (xc + xd)
                total[LANES + v] += (ya + yb) + (yc + yd)
    for i in range(fours, n):
        M, phasor = state[i * STATE : (i + 1) * STATE], kept[at + i * PHASOR : at + (i + 1) * PHASOR]
        for k in range(n_samples):
            total = totals[k * 2 * LANES : (k + 1) * 2 * LANES]
            for v in range(LANES):
                x, y = _step(M, phasor, 0, v)
                total[v] += x
                total[LANES + v] += y


@njit(nogil=True, fastmath=True)
def hear(total, coils, v0, s):  # type: ignore[no-untyped-def]
    """Add what every coil hears of a block at a sample."""
    re = total.dtype.type(0)
    im = total.dtype.type(0)
    if coils.re.shape[1] == 0:
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
def write(totals, record, v0, m, first, n_samples):  # type: ignore[no-untyped-def]
    """Magnetisation of a block at some samples, voxel by voxel, as the receiver's phase turns it."""
    for k in range(n_samples):
        c, s = totals.dtype.type(record.phasor[first + k, 0]), totals.dtype.type(record.phasor[first + k, 1])
        total = totals[k * 2 * LANES : (k + 1) * 2 * LANES]
        for v in range(LANES):
            x, y = total[v], total[LANES + v]
            total[v], total[LANES + v] = c * x - s * y, s * x + c * y
    for v in range(m):
        found = record.found[v0 + v, first : first + n_samples]
        for k in range(n_samples):
            found[k, 0] = totals[k * 2 * LANES + v]
            found[k, 1] = totals[k * 2 * LANES + LANES + v]
