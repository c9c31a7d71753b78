"""Archimedean spirals from k = 0 outwards, as fast as the gradients allow."""

from __future__ import annotations

import cmath
import math
from dataclasses import replace

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.encoding import Encoding, Line
from bloch.sequence.events import Block, Gradient, Readout
from bloch.sequence.gradients import along_z, on_raster
from bloch.sequence.radial import check_isotropic
from bloch.sequence.readings import Reading, Readings, phase_encoding
from bloch.tissue import GYROMAGNETIC_RATIO

SUBSTEPS = 8
"""Integration steps in one step of the gradient raster."""
HEADROOM = 0.99
"""Of the slew rate that the design uses; the rest is for the rotation between raster points."""


def spiral_readings(encoding: Encoding, scanner: Scanner, *, n_interleaves: int) -> Readings:
    """Interleaved spirals in the plane; of a slab a stack of spirals.

        k(θ) = n_interleaves θ / (2π FOV) exp(i(θ + 2πj / n_interleaves)),   |k| ≤ n / (2 FOV)

    Neighbouring turns lie 1/FOV apart, neighbouring samples along a turn at most as far.

    Args:
        encoding: square in the plane; its measured kz are the partitions, its lines along y count for nothing.
        scanner: limits.
        n_interleaves: number.

    Returns:
        Readings of slice 0; the label's ``ky`` is the interleaf.

    Raises:
        ValueError: the plane is not square, or there are no interleaves.
    """
    check_isotropic(encoding, axes=(1, 2), n_lines=n_interleaves)
    raster = scanner.gradient_raster
    waveform, n_ramp = archimedean_spiral(encoding, scanner, n_interleaves=n_interleaves)
    wait = on_raster(scanner.adc_dead_time, raster)
    times = wait + raster * np.arange(len(waveform))
    n_samples = math.floor((len(waveform) - 1 - n_ramp) * raster / encoding.sample_time + 1e-6)
    readout = Readout(n_samples, encoding.sample_time, wait)
    duration = on_raster(max(float(times[-1]), readout.end + scanner.adc_dead_time), raster)
    found = []
    for average in range(encoding.n_averages):
        for j in range(n_interleaves):
            turned = waveform * np.exp(2j * math.pi * j / n_interleaves)
            gx, gy = Gradient(times, turned.real), Gradient(times, turned.imag)
            end = np.array([gx.moment, gy.moment, 0.0])
            for kz in np.flatnonzero(encoding.sampling.imaging.any(axis=1)).tolist():
                line = Line(kz, j, 0, average)
                start = along_z(float(phase_encoding(line, encoding)[2]))
                block = Block(duration, gx=gx, gy=gy, readout=replace(readout, label=line))
                found.append(Reading(line, (block,), start, start + end, wait))
    return Readings(tuple(found), "spiral")


def archimedean_spiral(encoding: Encoding, scanner: Scanner, *, n_interleaves: int) -> tuple[np.ndarray, int]:
    """The gradient of one interleaf on the gradient raster, from 0 to 0.

    With λ = n_interleaves / (2π FOV), k = λθ exp(iθ) and ω = dθ/dt,

        |d²k/dt²|² = λ² [(1 + θ²) ω'² + 2θω²ω' + (θ² + 4) ω⁴] = (γ/2π max_slew)²

    is solved for ω' and integrated, and ω is held where |dk/dt| = λω √(1 + θ²) reaches γ/2π max_gradient or one
    1/FOV in each sample time. Behind k_max the gradient is ramped down in a straight line.

    Args:
        encoding: matrix, field of view, sample time.
        scanner: limits.
        n_interleaves: number.

    Returns:
        Gradient, complex128 ``(raster step,)``, x + iy, T/m, and how many of its last steps are the ramp.

    Source: after Glover, Magn Reson Med 42:412 (1999), whose two limiting regimes are joined numerically here.
    """
    fov, raster = encoding.field_of_view[2], scanner.gradient_raster
    pitch = n_interleaves / (2 * math.pi * fov)  # λ
    slew = HEADROOM * GYROMAGNETIC_RATIO * scanner.max_slew / pitch
    speed = min(GYROMAGNETIC_RATIO * scanner.max_gradient, 1 / (fov * encoding.sample_time)) / pitch
    last = encoding.matrix[2] / (2 * fov) / pitch
    theta, omega, found = 0.0, 0.0, [0j]
    while theta < last:
        for _ in range(SUBSTEPS):
            root = (theta * omega**2) ** 2 - (1 + theta**2) * ((theta**2 + 4) * omega**4 - slew**2)
            change = (math.sqrt(max(root, 0.0)) - theta * omega**2) / (1 + theta**2)
            theta += raster / SUBSTEPS * omega
            omega = min(omega + raster / SUBSTEPS * change, speed / math.sqrt(1 + theta**2))
        found.append(pitch * omega * (1 + 1j * theta) * cmath.exp(1j * theta) / GYROMAGNETIC_RATIO)
    n_ramp = math.ceil(abs(found[-1]) / (scanner.max_slew * raster))
    ramp = found[-1] * np.arange(n_ramp - 1, -1, -1) / n_ramp
    return np.concatenate([found, ramp]), n_ramp
