"""Stacks of thick slices, and the truth, by the simulator."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from bloch.closed_form import simulate_closed_form
from bloch.magnetisation.excited_object import excite
from bloch.phantom import Phantom, brain_volume
from bloch.phantom.placement import DIRECTIONS
from bloch.rawfile import RawScan, write_mrd
from bloch.receiver import volume_coil
from bloch.receiver.measurement import ideal_image
from bloch.scanner import Scanner
from bloch.sequence import Encoding, Protocol, fully_sampled, gradient_echo, ideally_spoiled
from bloch.simulate import Conditions, simulate
from pirecon.classical.stack_registration import StackPose
from pirecon.image import Image
from pirecon.pipeline import reconstruct
from pirecon.rawdata.geometry import Geometry

VOXEL, THICKNESS, SNR = 1.5e-3, 5e-3, 20.0
FLIP_ANGLE = math.radians(40)
"""Of the played gradient echo."""

AIR = 6e-3
"""Between the cut faces of the object and the edge of the field of view, both sides together, m."""
WAYS = ("transaxial", "coronal", "sagittal")


@dataclass(frozen=True, eq=False)
class Case:
    """Scans of one object.

    Attributes:
        name: of the object and its contrast.
        truth: ``(z, y, x)``, real.
        grid: of the truth.
        clean: stacks without noise.
        noisy: the same at SNR 20.
    """

    name: str
    truth: Tensor
    grid: Geometry
    clean: list[Image]
    noisy: list[Image]


def head(
    seed: int,
    B0: float,
    protocol: Protocol,
    *,
    size: tuple[float, float, float] = (0.105, 0.15, 0.12),
    poses: Mapping[str, StackPose] | None = None,
) -> Case:
    """A random head, by the closed form; ``size`` along superior, posterior, left, m.

    The slices of the stacks named in ``poses`` lie elsewhere in the head than their images say.
    """
    z, y, x = (round((s - AIR) * 1e3) for s in size)
    phantom = brain_volume(seed, (z, y, x), voxel_size=(1e-3, 1e-3, 1e-3), lesions=True)
    scanner = Scanner(B0, volume_coil())
    encodings = [stack(way, size, None if poses is None else poses.get(way)) for way in WAYS]
    scans = [simulate_closed_form(phantom, protocol, scanner, e, snr=SNR, seed=seed) for e in encodings]
    truth, grid = isotropic(phantom, protocol, B0, size, seed=seed, variation=1.0)
    case = _case(f"head {seed}, {_said(protocol, B0)}", scans, truth, grid)
    if poses is None:
        return case
    said = [stack(way, size) for way in WAYS]
    lying = [
        [
            replace(image, geometry=replace(image.geometry, centres=e.centres, directions=e.directions))
            for image, e in zip(images, said, strict=True)
        ]
        for images in (case.clean, case.noisy)
    ]
    return replace(case, clean=lying[0], noisy=lying[1])


def played(seed: int, B0: float, *, size: float = 0.06) -> Case:
    """A cube of brain, every pulse played."""
    n = round((size - 2 * AIR) * 1e3)
    phantom = brain_volume(seed, (n, n, n), voxel_size=(1e-3, 1e-3, 1e-3), lesions=True)
    scanner, wanted = Scanner(B0, volume_coil()), Conditions(snr=SNR, variation=0.0)
    scans = []
    for way in WAYS:
        sequence = gradient_echo(
            stack(way, (size, size, size)), scanner, echo_time=8e-3, repetition_time=1.0, flip_angle=FLIP_ANGLE,
            n_dummies=2,
        )  # fmt: skip
        scans.append(simulate(phantom, ideally_spoiled(sequence), scanner, conditions=wanted, seed=seed))
    protocol = scans[0].protocol
    truth, grid = isotropic(phantom, protocol, B0, (size, size, size), seed=seed, variation=0.0)
    return _case(f"played cube of head {seed}, {_said(protocol, B0)}", scans, truth, grid)


def stack(way: str, size: tuple[float, float, float], pose: StackPose | None = None) -> Encoding:
    """Slices side by side through the whole object, or where a pose takes them."""
    directions = np.array(DIRECTIONS[way], dtype=float)
    along = np.abs(directions) @ np.array(size)[::-1]  # size along L, P, S
    depth, height, width = (float(a) for a in along)
    n = round(depth / THICKNESS)
    centres = ((np.arange(n) - (n - 1) / 2) * THICKNESS)[:, None] * directions[0]
    matrix = (1, round(height / VOXEL), round(width / VOXEL))
    if pose is not None:
        turn = Rotation.from_rotvec(pose.rotation).as_matrix()
        centres, directions = centres @ turn.T + pose.translation, directions @ turn.T
    return Encoding(matrix, (THICKNESS, height, width), centres, directions, fully_sampled(matrix[:2]))


def isotropic(
    phantom: Phantom, protocol: Protocol, B0: float, size: tuple[float, float, float], *, seed: int, variation: float
) -> tuple[Tensor, Geometry]:
    """What a 3D scan of 1.5 mm without noise shows."""
    directions = np.array(DIRECTIONS["transaxial"], dtype=float)
    z, y, x = (round(s / VOXEL) for s in size)
    encoding = Encoding((z, y, x), size, np.zeros((1, 3)), directions, fully_sampled((z, y)), oversampling=1)
    generator = torch.Generator().manual_seed(seed)  # the same tissue as in the stacks
    image = ideal_image(excite(phantom, protocol, B0, generator=generator, variation=variation), encoding)[0]
    return image.abs().float(), Geometry((z, y, x), (VOXEL, VOXEL, VOXEL), np.zeros((1, 3)), directions)


def _case(name: str, scans: list[RawScan], truth: Tensor, grid: Geometry) -> Case:
    noisy = [_reconstructed(scan) for scan in scans]
    clean = [
        Image(torch.from_numpy(scan.truth["image"]), image.geometry, ("slice",))
        for scan, image in zip(scans, noisy, strict=True)
    ]
    return Case(name, truth, grid, clean, noisy)


def _reconstructed(scan: RawScan) -> Image:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "raw.h5"
        write_mrd(path, scan)
        return reconstruct(path, "adjoint")


def _said(protocol: Protocol, B0: float) -> str:
    times = f"TE {1e3 * protocol.echo_time:.0f} ms, TR {protocol.repetition_time:.3g} s"
    return f"{protocol.name.replace('_', ' ')} ({times}) at {B0} T"
