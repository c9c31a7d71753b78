"""Discs in a field, played by isochromats, written to a raw file and read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import MapPhantom
from bloch.rawfile import write_mrd
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import (
    SINC_PULSE,
    TRANSAXIAL,
    Encoding,
    PulseDesign,
    Sequence,
    TrainDesign,
    fully_sampled,
    ideally_spoiled,
    spin_echo,
    spin_echo_planar,
    spiral_readings,
    turbo_spin_echo,
)
from bloch.simulate import Conditions, simulate
from bloch.tissue import GYROMAGNETIC_RATIO
from pirecon.rawdata import read_mrd
from pirecon.rawdata.raw_data import RawData

MATRIX, FINE = 64, 3
FOV, THICKNESS = 0.2, 5e-3
INSTANT = PulseDesign(duration=0.0, slice_selective=False)
"""What pulses do off resonance is another question."""
HARD = TrainDesign(pulse=INSTANT)
CORONAL = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # slice P, phase L, read S
Field = Callable[[Tensor, Tensor], Tensor]
"""Off-resonance, Hz, of the second and the third axis of the image, m."""


@dataclass(frozen=True)
class Discs:
    """What is scanned.

    Attributes:
        centres: ``(disc, 2)`` along the image's y and x, m.
        radii: ``(disc,)``, m.
    """

    centres: np.ndarray
    radii: np.ndarray


@dataclass(frozen=True)
class Played:
    """A scan as the reconstruction finds it.

    Attributes:
        raw: the file.
        maps: true sensitivities, complex64 ``(coil, z, y, x)``.
        sequence: what was played.
    """

    raw: RawData
    maps: Tensor
    sequence: Sequence


def random_discs(seed: int) -> Discs:
    """Sixteen discs of different size, one in each cell of a grid, anywhere in it."""
    rng = np.random.default_rng(seed)
    cells = (np.arange(4) - 1.5) * 0.04
    middle = np.stack(np.meshgrid(cells, cells, indexing="ij"), axis=-1).reshape(-1, 2)
    return Discs(middle + rng.uniform(-4e-3, 4e-3, middle.shape), rng.uniform(5e-3, 9e-3, len(middle)))


def phantom_of(discs: Discs, field: Field | None, B0: float, *, coronal: bool) -> MapPhantom:
    """On a grid three times as fine as the image; across the slice it goes on."""
    n, voxel = MATRIX * FINE, FOV / (MATRIX * FINE)
    axis = (torch.arange(n, dtype=torch.float64) - n // 2) * voxel
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    density = torch.zeros(n, n, dtype=torch.float64)
    for (cy, cx), radius in zip(discs.centres, discs.radii, strict=True):
        density += (0.5 - (torch.hypot(y - cy, x - cx) - radius) / voxel).clamp(0, 1)
    off = torch.zeros(n, n, dtype=torch.float64) if field is None else field(y, x)
    ppm = off / (GYROMAGNETIC_RATIO * B0) * 1e6
    if coronal:  # image y is the patient's x, image x the patient's z: (z, 1, x)
        density, ppm = (v.mT.unsqueeze(1).expand(-1, 3, -1).contiguous() for v in (density, ppm))
        size = (voxel, THICKNESS / 3, voxel)
    else:
        density, ppm, size = density.unsqueeze(0), ppm.unsqueeze(0), (THICKNESS, voxel, voxel)
    T1, T2 = torch.full_like(density, 0.3), torch.full_like(density, 0.2)
    return MapPhantom(density.float(), T1.float(), T2.float(), size, field_offset=ppm.float())


def encoding_of(*, coronal: bool, offset: float, sample_time: float) -> Encoding:
    """One slice, ``offset`` away from the isocentre towards the head (or, if coronal, towards the back)."""
    centre = np.array([[0.0, 0.0, 0.0 if coronal else offset]])
    return Encoding(
        (1, MATRIX, MATRIX), (THICKNESS, FOV, FOV), centre, CORONAL if coronal else TRANSAXIAL,
        fully_sampled((1, MATRIX)), sample_time=sample_time,
    )  # fmt: skip


def cartesian(encoding: Encoding, scanner: Scanner) -> Sequence:
    """A spin echo, line by line."""
    return ideally_spoiled(spin_echo(encoding, scanner, echo_time=0.016, repetition_time=0.5, design=HARD))


def spiral(encoding: Encoding, scanner: Scanner) -> Sequence:
    """Eight interleaves that leave k = 0 at the spin echo."""
    readings = spiral_readings(encoding, scanner, n_interleaves=8)
    return ideally_spoiled(
        spin_echo(encoding, scanner, echo_time=0.016, repetition_time=0.5, design=HARD, readings=readings)
    )


def epi(encoding: Encoding, scanner: Scanner) -> Sequence:
    """Eight shots of a train that reads k = 0 at the spin echo."""
    return ideally_spoiled(
        spin_echo_planar(encoding, scanner, echo_time=0.03, repetition_time=0.5, n_shots=8, design=HARD)
    )


def echo_train(encoding: Encoding, scanner: Scanner, *, pulse: PulseDesign = INSTANT) -> Sequence:
    """A turbo spin echo, eight echoes; gradients as strong as the scanner has them, but for the readout."""
    return ideally_spoiled(
        turbo_spin_echo(
            encoding, scanner, echo_time=0.04, repetition_time=0.5, echo_train_length=8, echo_spacing=0.01,
            design=TrainDesign(pulse=pulse),
        )
    )  # fmt: skip


def selective_train(encoding: Encoding, scanner: Scanner) -> Sequence:
    """The same with pulses that select the slice."""
    return echo_train(encoding, scanner, pulse=SINC_PULSE)


def play(
    phantom: MapPhantom, sequence: Sequence, scanner: Scanner, *, concomitant: bool = False, snr: float | None = None
) -> Played:
    """Simulate, write the raw file, read it again."""
    conditions = Conditions(noise=snr is not None, snr=snr, variation=0.0, concomitant=concomitant)
    scan = simulate(phantom, sequence, scanner, conditions=conditions, seed=1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scan.h5"
        write_mrd(path, scan)
        raw = read_mrd(path)
    return Played(raw, torch.from_numpy(scan.truth["sensitivity_maps"]).reshape(1, 1, MATRIX, MATRIX), sequence)


def scanner_of(B0: float) -> Scanner:
    """One volume coil, 25 mT/m."""
    return Scanner(B0, volume_coil(), max_gradient=25e-3)
