"""A head that moves between the trains of a turbo spin echo, played by bloch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bloch.phantom import RigidMotion, random_brain_slice
from bloch.rawfile import write_mrd
from bloch.receiver import helmet_array
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, fully_sampled, turbo_spin_echo
from bloch.sequence.echo_train import TrainDesign
from bloch.sequence.pulses import HARD_PULSE
from bloch.simulate import Conditions, simulate
from pirecon.calibration import covariance_from_noise_scan, estimate_sensitivity_maps, prewhiten
from pirecon.motion import separate_lines, stacked
from pirecon.rawdata import RawData, noise_samples, read_mrd

N, TRAIN, TR = 48, 8, 1.0
N_SHOTS = N // TRAIN


@dataclass(frozen=True)
class Prepared:
    """What the estimation takes."""

    raw: RawData
    kspace: Tensor
    maps: Tensor
    weights: Tensor
    shots: Tensor
    voxel_size: tuple[float, float, float]


def true_poses() -> tuple[np.ndarray, np.ndarray]:
    """Translations (m) and rotations (rad) along x, y, z of every shot, the first at rest; the slice is transaxial."""
    generator = np.random.default_rng(5)
    d, angles = np.zeros((N_SHOTS, 3)), np.zeros((N_SHOTS, 3))
    d[1:, :2] = generator.uniform(-4e-3, 4e-3, (N_SHOTS - 1, 2))
    angles[1:, 2] = generator.uniform(-0.07, 0.07, N_SHOTS - 1)
    return d, angles


def scan(path: Path, *, moving: bool, snr: float = 40.0, n_averages: int = 1) -> Path:
    scanner = Scanner(0.3, helmet_array(8))
    pattern = fully_sampled((1, N))
    encoding = Encoding(
        (1, N, N), (5e-3, 0.25, 0.25), np.zeros((1, 3)), TRANSAXIAL, pattern, oversampling=1, n_averages=n_averages
    )
    sequence = turbo_spin_echo(
        encoding, scanner, echo_time=0.04, repetition_time=TR, echo_train_length=TRAIN, echo_spacing=0.01,
        design=TrainDesign(pulse=HARD_PULSE), n_dummies=1,
    )  # fmt: skip
    d, angles = true_poses()
    times = np.concatenate([[0.0], (np.arange(1, N_SHOTS) + 0.7) * TR])  # between the trains, after the dummy
    motion = RigidMotion(*(torch.from_numpy(v) for v in (times, angles, d)), interpolated=False)
    phantom = random_brain_slice(3, matrix=(96, 96), orientation="transaxial")
    phantom = replace(phantom, motion=motion if moving else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how many isochromats would be better is no matter of motion
        raw_scan = simulate(
            phantom, sequence, scanner, conditions=Conditions(snr=snr, n_isochromats=5, variation=0.0), seed=1
        )
    write_mrd(path, raw_scan)
    return path


def prepared(path: Path) -> Prepared:
    raw = read_mrd(path)
    noise = noise_samples(raw)
    assert noise is not None
    covariance = covariance_from_noise_scan(noise, bandwidth_ratio=1.0, receiver_noise_bandwidth=None)
    lines = separate_lines(raw)
    measurements = tuple(prewhiten(k, covariance) for k in lines.measurements)
    first = measurements[0]
    maps = estimate_sensitivity_maps(first, None, first.geometry.matrix).maps[0]
    kspace, weights = stacked(measurements)
    return Prepared(raw, kspace, maps, weights, lines.shots, first.geometry.voxel_size)


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(scan(tmp_path_factory.mktemp("still") / "raw.h5", moving=False))


@pytest.fixture(scope="session")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(scan(tmp_path_factory.mktemp("moved") / "raw.h5", moving=True))


@pytest.fixture(scope="session")
def true_motion() -> tuple[Tensor, Tensor]:
    """Translations and rotations along z, y, x."""
    d, angles = true_poses()
    return torch.from_numpy(d[:, ::-1].copy()), torch.from_numpy(angles[:, ::-1].copy())


@pytest.fixture(scope="session")
def measured_twice(tmp_path_factory: pytest.TempPathFactory) -> RawData:
    """Two averages of 48 lines in trains of eight."""
    return read_mrd(scan(tmp_path_factory.mktemp("twice") / "raw.h5", moving=False, n_averages=2))
