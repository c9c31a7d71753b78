"""Scans of a head at rest and in motion."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import RigidMotion, random_brain_slice
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import helmet_array
from bloch.scanner import Scanner
from bloch.sequence import TRANSAXIAL, Encoding, Sequence, fully_sampled, gradient_echo, turbo_spin_echo
from bloch.sequence.echo_train import TrainDesign
from bloch.sequence.pulses import HARD_PULSE
from bloch.sequence.readings import cartesian_readings
from bloch.simulate import Conditions, simulate
from pirecon.calibration import covariance_from_noise_scan, estimate_sensitivity_maps, prewhiten
from pirecon.calibration.prewhitening import whitening_matrix
from pirecon.motion import separate_lines, stacked
from pirecon.rawdata import noise_samples, read_mrd

N, B0, SNR = 64, 0.3, 30.0
ROTATION, TRANSLATION = math.radians(10), 10e-3  # between any two shots, at most
GRE_TR, GRE_DUMMIES, GRE_LINES = 0.05, 40, 8


@dataclass(frozen=True)
class Protocol:
    """A sequence and when the head moves.

    Attributes:
        name: for the table.
        build: the sequence.
        moments: when a new pose begins, from the second on, s.
    """

    name: str
    build: Callable[[Encoding, Scanner], Sequence]
    moments: np.ndarray


@dataclass(frozen=True)
class Measured:
    """A scan, ready for the estimation.

    Attributes:
        kspace, maps, weights, shots: as ``estimate_motion`` takes them.
        voxel_size: m.
        noise_scale: noise of a sample in the unit of the file.
        truth: |image of an ideal coil| times the root sum of squares of the sensitivities, ``(z, y, x)``.
        true_maps: the simulator's, prewhitened and with a root sum of squares of 1, ``(coil, z, y, x)``.
        true_strength: their root sum of squares before, ``(z, y, x)``.
    """

    kspace: Tensor
    maps: Tensor
    weights: Tensor
    shots: Tensor
    voxel_size: tuple[float, float, float]
    noise_scale: float
    truth: Tensor
    true_maps: Tensor
    true_strength: Tensor


def tse(length: int) -> Protocol:
    """Trains 2 s apart, after one that is not read; the head moves half-way between them."""

    def build(encoding: Encoding, scanner: Scanner) -> Sequence:
        return turbo_spin_echo(
            encoding, scanner, echo_time=0.04, repetition_time=2.0, echo_train_length=length, echo_spacing=0.01,
            design=TrainDesign(pulse=HARD_PULSE), n_dummies=1,
        )  # fmt: skip

    return Protocol(f"TSE, trains of {length}", build, 2.0 * (np.arange(1, N // length) + 0.6))


def gre(interleaves: int) -> Protocol:
    """Every ``interleaves``-th line in turn."""

    def build(encoding: Encoding, scanner: Scanner) -> Sequence:
        readings = cartesian_readings(encoding, scanner)
        order = [i for start in range(interleaves) for i in range(start, N, interleaves)]
        readings = replace(readings, readings=tuple(readings.readings[i] for i in order))
        return gradient_echo(
            encoding, scanner, echo_time=8e-3, repetition_time=GRE_TR, flip_angle=math.radians(30), pulse=HARD_PULSE,
            n_dummies=GRE_DUMMIES, readings=readings,
        )  # fmt: skip

    name = "GRE, interleaved" if interleaves > 1 else "GRE, in order"
    return Protocol(name, build, GRE_TR * (GRE_DUMMIES + GRE_LINES * np.arange(1, N // GRE_LINES) - 0.3))


def random_poses(protocol: Protocol, seed: int) -> RigidMotion:
    """Uniform in the plane, the first at rest; any two lie within the largest motion."""
    draws = np.random.default_rng(seed).uniform(-0.5, 0.5, (len(protocol.moments), 3))
    d, angles = np.zeros((2, len(protocol.moments) + 1, 3))
    # Uniform in a disc, so that it is the distance of two shots that has the limit, and not each axis.
    radius, turn = TRANSLATION / 2 * np.sqrt(draws[:, 1] + 0.5), 2 * np.pi * draws[:, 2]
    d[1:, 0], d[1:, 1] = radius * np.cos(turn), radius * np.sin(turn)
    angles[1:, 2] = ROTATION * draws[:, 0]
    times = np.concatenate([[0.0], protocol.moments])
    return RigidMotion(*(torch.from_numpy(v) for v in (times, angles, d)), interpolated=False)


def scan(protocol: Protocol, seed: int, motion: RigidMotion | None) -> RawScan:
    """Play it."""
    scanner = Scanner(B0, helmet_array(8))
    pattern = fully_sampled((1, N))
    encoding = Encoding((1, N, N), (5e-3, 0.25, 0.25), np.zeros((1, 3)), TRANSAXIAL, pattern)
    phantom = replace(random_brain_slice(seed, matrix=(2 * N, 2 * N), orientation="transaxial"), motion=motion)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # more isochromats would change the contrast a little, and not the motion
        conditions = Conditions(snr=SNR, n_isochromats=17)
        return simulate(phantom, protocol.build(encoding, scanner), scanner, conditions=conditions, seed=seed)


def measured(raw_scan: RawScan, folder: Path) -> Measured:
    """Through the raw file, as pirecon reads it."""
    path = folder / "raw.h5"
    write_mrd(path, raw_scan)
    raw = read_mrd(path)
    noise = noise_samples(raw)
    assert noise is not None
    covariance = covariance_from_noise_scan(noise, bandwidth_ratio=1.0, receiver_noise_bandwidth=None)
    lines = separate_lines(raw)
    measurements = tuple(prewhiten(k, covariance) for k in lines.measurements)
    maps = estimate_sensitivity_maps(measurements[0], None, (1, N, N)).maps[0]
    kspace, weights = stacked(measurements)
    true_maps = torch.from_numpy(raw_scan.truth["sensitivity_maps"][0])
    white = torch.einsum("dc,czyx->dzyx", whitening_matrix(covariance).to(true_maps.dtype), true_maps)
    strength = white.abs().square().sum(0).sqrt()
    truth = torch.from_numpy(raw_scan.truth["image"][0]).abs() * strength
    scale = math.sqrt(float(covariance.matrix.diagonal().real.mean()))
    voxel_size = measurements[0].geometry.voxel_size
    true_maps, strength = (white / strength).to(maps.dtype), strength.float()
    return Measured(kspace, maps, weights, lines.shots, voxel_size, scale, truth, true_maps, strength)
