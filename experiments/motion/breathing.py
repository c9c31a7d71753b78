"""A liver that breathes, measured along golden-angle spokes."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import RespiratoryMotion
from bloch.phantom.abdomen import abdomen, breathing_motion
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import loop_array
from bloch.scanner import Scanner
from bloch.sequence import Encoding, fully_sampled, gradient_echo, ideally_spoiled
from bloch.sequence.pulses import HARD_PULSE
from bloch.sequence.radial import GOLDEN_ANGLE, radial_readings
from bloch.simulate import Conditions, simulate
from pirecon.calibration.noise_covariance import NoiseCovariance
from pirecon.calibration.prewhitening import whitening_matrix
from pirecon.classical import cg_sense
from pirecon.encoding import NonCartesianSense, grid_points
from pirecon.motion import breathing_during, gated_weights
from pirecon.rawdata import read_mrd
from pirecon.rawdata.non_cartesian import sort_readouts

N, FOV, N_SPOKES, TR, B0, SNR = 48, 0.4, 400, 0.04, 0.3, 30.0
MATRIX, VOXEL = (72, 1, 72), (5.6e-3, 10e-3, 5.6e-3)
CORONAL = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])  # y runs to inferior, x to the left
PERIODS = {1: 4.0, 2: 3.2}  # s, of each seed
COLUMNS = (
    "seed", "breath, s: true", "found", "correlation with the true breath", "NRMSE at rest", "all data", "gated",
    "ratio to rest", "same gate on the scan at rest", "scan at rest",
)  # fmt: skip


def scan(seed: int, motion: RespiratoryMotion | None, *, noise: bool = True) -> RawScan:
    """Eight loops round the body, a coronal slice through the liver, every transverse magnetisation spoiled."""
    scanner = Scanner(B0, loop_array(8, head_radius=0.17, n_rings=2))
    encoding = Encoding((1, N, N), (10e-3, FOV, FOV), np.zeros((1, 3)), CORONAL, fully_sampled((1, N)), oversampling=1)
    readings = radial_readings(encoding, scanner, n_spokes=N_SPOKES, angle_increment=GOLDEN_ANGLE)
    sequence = gradient_echo(
        encoding, scanner, echo_time=6e-3, repetition_time=TR, flip_angle=math.radians(30), pulse=HARD_PULSE,
        n_dummies=50, readings=readings,
    )  # fmt: skip
    phantom = replace(abdomen(MATRIX, voxel_size=VOXEL, liver_fat_fraction=0.05 + 0.05 * seed), motion=motion)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing is left for more isochromats to dephase
        conditions = Conditions(noise=noise, snr=SNR if noise else None, n_isochromats=1)
        return simulate(phantom, ideally_spoiled(sequence), scanner, conditions=conditions, seed=seed)


class Reconstruction:
    """Magnitude by conjugate gradients, with the simulator's maps and covariance of one scan with noise."""

    def __init__(self, like: RawScan) -> None:
        whiten = whitening_matrix(NoiseCovariance(torch.from_numpy(like.truth["noise_covariance"]), "the simulator"))
        self.whiten = whiten.to(torch.complex64)
        maps = torch.from_numpy(like.truth["sensitivity_maps"][0]).to(torch.complex64)
        maps = torch.einsum("dc,czyx->dzyx", self.whiten, maps)
        self.maps = maps / maps.abs().square().sum(0).sqrt()

    def image(self, path: Path, gate: Tensor | None = None, *, regularisation: float | None = None) -> Tensor:
        """Of a raw file, read as pirecon does."""
        kspace = sort_readouts(read_mrd(path))
        weights = kspace.weights if gate is None else kspace.weights * gate
        E = NonCartesianSense(self.maps, grid_points(kspace.trajectory, kspace.geometry), weights)
        samples = weights * torch.einsum("dc,cns->dns", self.whiten, kspace.data)
        return cg_sense(samples, E, regularisation=regularisation).abs()


def row(seed: int, folder: Path) -> str:
    """Scan without noise, at rest and breathing; gate; compare."""
    way = breathing_motion(MATRIX, VOXEL, period=PERIODS[seed])
    clean, rest, moved = scan(seed, None, noise=False), scan(seed, None), scan(seed, way)
    paths = [folder / f"{name}.h5" for name in ("clean", "rest", "moved")]
    for path, played in zip(paths, (clean, rest, moved), strict=True):
        write_mrd(path, played)
    solver = Reconstruction(rest)
    truth = solver.image(paths[0], regularisation=1e-3)
    support = truth > 0.05 * float(truth.max())
    files = [read_mrd(path) for path in paths[1:]]
    (at_rest, _), (gate, _) = (gated_weights(raw, sort_readouts(raw)) for raw in files)
    found = breathing_during(files[1], sort_readouts(files[1]))
    images = [solver.image(paths[1]), solver.image(paths[2])]
    images += [solver.image(path, gate) for path in (paths[2], paths[1])]
    errors = [float(((x - truth) * support).norm() / (truth * support).norm()) for x in images]
    assert moved.times is not None
    breath = way.at(torch.from_numpy(moved.times)).numpy()
    correlation = float(np.corrcoef(breath, found.amplitude)[0, 1]) if found.found else math.nan
    cells = (
        str(seed),
        f"{PERIODS[seed]:.1f}",
        f"{found.period:.1f}",
        f"{correlation:.2f}",
        *(f"{error:.4f}" for error in errors[:3]),
        f"{errors[2] / errors[0]:.2f}",
        f"{errors[3] / errors[0]:.2f}",
        "left alone" if at_rest is None else "gated",
    )
    return f"| {' | '.join(cells)} |"
