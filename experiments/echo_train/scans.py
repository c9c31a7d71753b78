"""Turbo spin echoes of heads, played by isochromats, and the image that every line read at one echo would give."""

from __future__ import annotations

import math
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch.excitation_window import spins_of_slice
from bloch.magnetisation.spins import Spins
from bloch.magnetisation.spins_of_phantom import spins_of
from bloch.phantom import Lesion, MapPhantom, Phantom, lesion_mask, random_brain_slice
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import (
    TRANSAXIAL,
    Encoding,
    PulseDesign,
    Sequence,
    TrainDesign,
    centric_order,
    fully_sampled,
    linear_order,
    turbo_spin_echo,
)
from bloch.sequence.readings import Readings, cartesian_readings
from bloch.sequence.spoiling import ideally_spoiled
from bloch.sequence.view_order import ViewOrder
from bloch.simulate import Conditions, simulate
from pirecon.encoding import RefocusedTrain, refocused_train
from pirecon.rawdata import read_mrd, sort_kspace

N, FIELD_OF_VIEW = 96, 0.24
DUMMIES = 10  # CSF needs as many to be steady
N_CONTRASTS = 8  # of the multi-echo scan that gives T2 maps


@dataclass(frozen=True)
class Case:
    """A protocol and a head."""

    B0: float
    seed: int
    n_echoes: int
    echo_spacing: float
    effective: int
    repetition_time: float
    order: ViewOrder = linear_order
    angle: float = 180.0
    lesion: Lesion | None = None

    @property
    def name(self) -> str:
        """For tables."""
        order = "centric" if self.order is centric_order else "linear"
        what = "" if self.lesion is None else f", {self.lesion}"
        return (
            f"{self.B0} T, {self.n_echoes} echoes × {1e3 * self.echo_spacing:.0f} ms, k = 0 at {self.effective}, "
            f"{order}, {self.angle:.0f}°, TR {self.repetition_time} s, head {self.seed}{what}"
        )


@dataclass(frozen=True)
class Scan:
    """What was played and what is true. Images, weighted with the coil's sensitivity, have a mean of 1 over the object.

    Attributes:
        kspace: as pirecon sorted it, complex128 ``(ky, kx)``.
        truth: every line at the effective echo, played as well, complex128 ``(y, x)``.
        contrasts: images of a multi-echo spin echo, complex128 ``(contrast, y, x)``.
        echo_times: of the contrasts, s.
        train: as pirecon found it in the raw file.
        decays: of the spins in each voxel of a grid twice as fine, at the echo times, ``(contrast, 2 y, 2 x)``.
        lesion: mask ``(y, x)``.
    """

    kspace: Tensor
    truth: Tensor
    contrasts: Tensor
    echo_times: list[float]
    train: RefocusedTrain
    decays: Tensor
    lesion: Tensor


CASES = (
    Case(0.05, 5, 16, 12e-3, 10, 2.0, lesion="tumour"),
    Case(0.064, 12, 16, 12e-3, 8, 3.0, lesion="stroke"),
    Case(0.1, 3, 16, 10e-3, 8, 2.0),
    Case(0.1, 9, 16, 10e-3, 8, 2.0, angle=150.0, lesion="plaques"),
    Case(0.3, 7, 16, 10e-3, 2, 0.8, order=centric_order, lesion="stroke"),
    Case(0.3, 13, 16, 8e-3, 1, 1.5, order=centric_order, lesion="plaques"),
    Case(0.3, 6, 32, 8e-3, 8, 3.0),
)


def play(case: Case, phantom: Phantom | MapPhantom | None = None) -> Scan:
    """Play, write the raw file and read it; play once more for the truth.

    Args:
        case: what is scanned.
        phantom: instead of the case's head.
    """
    encoding = Encoding(
        (1, N, N), (5e-3, FIELD_OF_VIEW, FIELD_OF_VIEW), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, N)),
        oversampling=1, sample_time=41.7e-6, noise_readouts=0,
    )  # fmt: skip
    scanner = Scanner(case.B0, volume_coil(), max_gradient=6e-3)
    readings = cartesian_readings(encoding, scanner)
    conditions = Conditions(noise=False, concomitant=False, n_isochromats=5 if case.angle == 180 else 17)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tissues whose T1 at this field is extrapolated
        phantom = _head(case) if phantom is None else phantom
        played, ideal = (
            simulate(phantom, _sequence(case, encoding, scanner, r), scanner, conditions=conditions, seed=case.seed)
            for r in (readings, _alone(readings))
        )
        spins = spins_of(phantom, case.B0, generator=torch.Generator().manual_seed(case.seed))
    spins = spins_of_slice(spins, encoding, 0, selective=False, is_cylinder=True)
    with tempfile.TemporaryDirectory() as folder:
        write_mrd(Path(folder) / "raw.h5", played)
        raw = read_mrd(Path(folder) / "raw.h5")
    train = refocused_train(raw)
    assert isinstance(train, RefocusedTrain), train
    image = _image(_lines(ideal))
    unit = image.abs()[image.abs() > 0.1 * image.abs().max()].mean()
    times, echoes = _multi_echo(case, spins)
    contrasts = torch.stack([_image(_closed_form(spins, encoding, echo)) for echo in echoes.T])
    contrasts = contrasts * (image.abs().sum() / contrasts[0].abs().sum())  # as bright as the scan
    lesion = lesion_mask(phantom)[0, ::2, ::2] if isinstance(phantom, Phantom) else torch.zeros(N, N, dtype=torch.bool)
    return Scan(
        kspace=sort_kspace(raw).data[0, 0].to(torch.complex128) / unit,
        truth=image / unit,
        contrasts=contrasts / unit,
        echo_times=times,
        train=train,
        decays=_binned(spins, echoes),
        lesion=lesion,
    )


def _head(case: Case) -> Phantom:
    return random_brain_slice(
        case.seed, matrix=(2 * N, 2 * N), field_of_view=FIELD_OF_VIEW, orientation="transaxial",
        lesions=case.lesion is not None, lesion=case.lesion,
    )  # fmt: skip


def _alone(readings: Readings) -> Readings:
    """A train for each line, which is read by the effective echo: every line stands for an average of its own."""
    own = [replace(reading, line=replace(reading.line, average=n)) for n, reading in enumerate(readings.readings)]
    return replace(readings, readings=tuple(own))


def _sequence(case: Case, encoding: Encoding, scanner: Scanner, readings: Readings) -> Sequence:
    return ideally_spoiled(
        turbo_spin_echo(
            encoding, scanner, echo_time=case.effective * case.echo_spacing, repetition_time=case.repetition_time,
            echo_train_length=case.n_echoes, echo_spacing=case.echo_spacing, order=case.order,
            refocusing_angles=math.radians(case.angle), n_dummies=DUMMIES, readings=readings,
            design=TrainDesign(pulse=PulseDesign(duration=0.0, slice_selective=False)),
        )
    )  # fmt: skip


def _lines(scan: RawScan) -> Tensor:
    """k-space of the one coil, complex128 ``(ky, kx)``."""
    kspace = torch.zeros(N, N, dtype=torch.complex128)
    kspace[[line.ky for line in scan.lines]] = torch.from_numpy(scan.samples[:, 0]).to(torch.complex128)
    return kspace


def _multi_echo(case: Case, spins: Spins) -> tuple[list[float], Tensor]:
    """Echo times, and what perfect refocusing leaves of each spin, ``(spin, contrast)``."""
    times = [case.echo_spacing * (n + 1) for n in range(0, 2 * N_CONTRASTS, 2)]
    decays = torch.exp(-torch.tensor(times, dtype=torch.float64) / spins.T2.double()[:, None])
    return times, decays * (1 - torch.exp(-case.repetition_time / spins.T1.double()))[:, None]


def _closed_form(spins: Spins, encoding: Encoding, echo: Tensor) -> Tensor:
    """k-space ``(ky, kx)`` of an ideal coil, all of it at one echo; echo ``(spin,)``."""
    k = (torch.arange(N, dtype=torch.float64) - N // 2) / FIELD_OF_VIEW
    t = (torch.arange(N, dtype=torch.float64) - N // 2) * encoding.sample_time
    total = torch.zeros(N, N, dtype=torch.complex128)
    for part in torch.arange(len(spins)).split(20000):
        x, y, _ = spins.position[part].double().unbind(1)
        rate = 2j * math.pi * spins.off_resonance[part].double() + 1 / spins.T2[part].double()
        along_x = torch.exp(-2j * math.pi * x[:, None] * k - rate[:, None] * t)
        along_x = along_x * torch.exp(-spins.R2_prime[part].double()[:, None] * t.abs())
        along_y = torch.exp(-2j * math.pi * y[:, None] * k)
        total += (along_y * (echo[part] * spins.equilibrium[part].double())[:, None]).T @ along_x
    return total / (math.prod(encoding.voxel_size) * N)


def _binned(spins: Spins, signals: Tensor) -> Tensor:
    """Sums over the spins in each voxel of the phantom's grid, ``(contrast, 2N, 2N)``, the largest of them 1."""
    place = torch.floor(spins.position.double() / (FIELD_OF_VIEW / (2 * N)) + 0.5 + 1e-4).long() + N
    index = place[:, 1].clamp(0, 2 * N - 1) * 2 * N + place[:, 0].clamp(0, 2 * N - 1)
    sums = [torch.bincount(index, spins.equilibrium.double() * s, minlength=4 * N * N) for s in signals.T]
    found = torch.stack(sums).reshape(-1, 2 * N, 2 * N)
    return found / found.max()


def _image(kspace: Tensor) -> Tensor:
    return torch.fft.fftshift(torch.fft.ifft2(torch.fft.ifftshift(kspace), norm="ortho"))


def disc(*, T2: tuple[float, float] = (0.1, 1.5), T1: tuple[float, float] = (0.35, 4.3)) -> MapPhantom:
    """A disc of fluid in a disc of brain, 2N × 2N; both with one density."""
    y, x = torch.meshgrid(*[(torch.arange(2 * N) - N) / N] * 2, indexing="ij")
    inner, outer = (y**2 + x**2) < 0.3**2, (y**2 + x**2) < 0.7**2
    maps = [torch.where(inner, b, a)[None] for a, b in (T1, T2)]
    size = FIELD_OF_VIEW / (2 * N)
    return MapPhantom(outer.float()[None], maps[0], maps[1], (5e-3, size, size))
