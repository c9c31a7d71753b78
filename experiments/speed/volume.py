"""Tasks in three dimensions: coil maps and CG-SENSE of 128 × 128 × 128 voxels and 8 coils."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import sigpy
import sigpy.mri
import torch

from experiments.speed.bart import MISSING, bart, installed, read_cfl, write_cfl
from experiments.speed.cg_sense import ITERATIONS, OURS, agreement
from experiments.speed.coil_maps import angle
from experiments.speed.example_data import CALIBRATION, N_COILS, VOXEL_SNR, Slice
from experiments.speed.measure import Contender, Task
from pirecon.algebra.conjugate_gradient import conjugate_gradient
from pirecon.calibration.espirit import espirit
from pirecon.encoding.sense import CartesianSense

N = 128
R = 4


@lru_cache(maxsize=1)
def make_volume() -> Slice:
    """Shepp–Logan in 3D; a quarter of the (kz, ky) at random, and all of the central 24 × 24; readouts are whole."""
    rng, shape = np.random.default_rng(0), (N, N, N)
    _, y, x = np.meshgrid(*(np.linspace(-1, 1, N, endpoint=False, dtype=np.float32),) * 3, indexing="ij")
    image = (VOXEL_SNR * np.abs(sigpy.shepp_logan(shape)) * np.exp(1j * (0.6 * x + 0.4 * y**2))).astype(np.complex64)
    maps = sigpy.mri.birdcage_maps((N_COILS, *shape)).astype(np.complex64)
    maps /= np.sqrt((np.abs(maps) ** 2).sum(axis=0))
    full = np.stack([sigpy.fft(coil * image) for coil in maps]).astype(np.complex64)
    for coil in full:
        coil += rng.standard_normal((*shape, 2), np.float32).view(np.complex64)[..., 0]
    measured = rng.random((N, N)) < 1 / R
    central = slice((N - CALIBRATION) // 2, (N + CALIBRATION) // 2)
    measured[central, central] = True
    return Slice(image, maps, full, np.broadcast_to(measured[..., None], shape).astype(np.float32))


def coil_maps_3d(folder: Path) -> Task:
    """ESPIRiT with one set of maps from the central 24³ samples; BART runs once."""
    data = make_volume()
    centre = torch.from_numpy(sigpy.resize(data.full, (N_COILS, *[CALIBRATION] * 3)))
    contenders = [Contender("pirecon espirit", lambda: espirit(centre, (N, N, N), crop=0.0)[0].numpy(), turns=2)]
    if installed():
        file, maps = write_cfl(folder / "volume", data.full), folder / "volume_maps"

        def with_bart() -> np.ndarray:
            bart("ecalib", "-m1", "-c0", f"-r{CALIBRATION}", file, maps)
            return read_cfl(maps)

        contenders.append(Contender("BART ecalib -m1 -c0", with_bart, turns=0))
    return Task(
        name=f"coil maps, {N} × {N} × {N}, 8 coils",
        contenders=contenders,
        agreement=lambda name, results: angle(results[name], data),
        wanted="the other takes at least 7 times as long",
        missing=[] if installed() else [MISSING],
    )


def cg_sense_3d(folder: Path) -> Task:
    """30 iterations from zero with the true maps, beside as many pairs of bare FFTs."""
    data = make_volume()
    kspace, maps, mask = (torch.from_numpy(array) for array in (data.kspace, data.maps, data.mask))

    def ours() -> np.ndarray:
        E = CartesianSense(maps, mask[None])
        return conjugate_gradient(E.normal, E.adjoint(kspace), n_iterations=ITERATIONS).numpy()

    def transforms() -> None:
        for _ in range(ITERATIONS):
            torch.fft.ifftn(torch.fft.fftn(maps, dim=(-3, -2, -1)), dim=(-3, -2, -1))

    contenders = [Contender(OURS, ours, turns=3), Contender(f"{ITERATIONS} pairs of bare FFTs", transforms, turns=1)]
    if installed():
        measured, true = (
            write_cfl(folder / "volume_measured", data.kspace),
            write_cfl(folder / "volume_true", data.maps),
        )
        image = folder / "volume_cg"

        def with_bart() -> np.ndarray:
            bart("pics", "-l2", "-r0", "-S", "-i", ITERATIONS, measured, true, image)
            return read_cfl(image)

        contenders.append(Contender("BART pics -l2", with_bart, turns=1))
    return Task(
        name=f"CG-SENSE, {N} × {N} × {N}, 8 coils, R = {R}, {ITERATIONS} iterations",
        contenders=contenders,
        agreement=lambda name, results: "no image" if results[name] is None else agreement(name, results),
        wanted="the other takes at least twice as long",
        missing=[] if installed() else [MISSING],
    )
