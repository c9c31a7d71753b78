"""A simulated head in the same scanner: played, written as a raw file, and reconstructed by pirecon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.ndimage as ndimage
import torch

from bloch.phantom import Phantom, tissue_fraction
from bloch.rawfile import RawScan, write_mrd
from bloch.reception import thermal_noise
from bloch.simulate import Conditions, simulate
from bloch.standard.phantoms import PhantomChoice, phantom_for
from bloch.standard.sequences import Playing, sequence_for
from experiments.real_and_simulated.protocols import (
    B0,
    CONTRASTS,
    FIELD_OF_VIEW,
    N_PARTITIONS,
    THICKNESS,
    Contrast,
    encoding,
    scanner,
)
from pirecon import read_mrd, reconstruct

HEIGHT = 0.0
"""Of the simulated slice, m: through the ventricles and the deep grey matter, as the real slices are."""

TISSUES = {"white": "white_matter", "grey": "grey_matter", "csf": "csf", "fat": "fat"}
PURE = 0.9
"""Share of a voxel that one tissue has to fill."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """What one simulated scan leaves.

    Attributes:
        image: complex image in SNR units, ``(line, sample)``.
        masks: voxels of one tissue, by the names of ``TISSUES``.
    """

    image: np.ndarray
    masks: dict[str, np.ndarray]


def random_head(seed: int) -> Phantom:
    """A random head on the finer grid of the fast spin echoes."""
    head = phantom_for(PhantomChoice.brain, encoding(CONTRASTS[1], HEIGHT), B0=B0, seed=seed)
    assert isinstance(head, Phantom)  # brains are made of tissues, not of maps
    return head


def scan_head(head: Phantom, contrast: Contrast, folder: Path, *, seed: int) -> Simulated:
    """Play a contrast to a head with the physics' own noise, as one partition of a 3D scan has it.

    The sequence is played line by line to one ideal slice. A scan of ``n`` partitions excites the slab for each of its
    ``n`` partition encodings, and a partition hears all of them: the noise of a line-by-line scan falls by √n.

    Args:
        head: of :func:`random_head`.
        contrast: which.
        folder: for the raw file.
        seed: of texture and noise.

    Returns:
        The scan.
    """
    plan, magnet = encoding(contrast, HEIGHT), scanner()
    sequence = sequence_for(
        contrast.protocol, plan, magnet, playing=Playing(selective=False, n_dummies=contrast.n_dummies)
    )
    scan = simulate(head, sequence, magnet, conditions=Conditions(noise=False), seed=seed)
    path = folder / f"{contrast.name}_{seed}.h5"
    write_mrd(path, _with_noise(scan, plan.noise_readouts, seed))
    image = reconstruct(read_mrd(path), method="adjoint").data
    pixels = image.reshape(contrast.n_lines, -1).numpy()
    return Simulated(pixels, {name: _pure(head, tissue, pixels.shape) for name, tissue in TISSUES.items()})


def _with_noise(scan: RawScan, n_readouts: int, seed: int) -> RawScan:
    """Thermal noise of ``N_PARTITIONS`` repeats, and a noise scan of the same level."""
    n, _, n_samples = scan.samples.shape
    Psi = torch.from_numpy(scan.truth["noise_covariance"]) / N_PARTITIONS
    generator = torch.Generator().manual_seed(seed)
    noise = thermal_noise(Psi, (n_readouts + n, n_samples), generator=generator).to(torch.complex64).numpy()
    return replace(scan, samples=scan.samples + noise[n_readouts:], noise=noise[:n_readouts])


def _pure(head: Phantom, tissue: str, shape: tuple[int, ...]) -> np.ndarray:
    """Voxels of the image that a tissue fills to ``PURE``, ``(line, sample)``: lines to -x, samples to -y."""
    share = tissue_fraction(head, tissue).numpy()  # (z, y, x)
    dz, dy, dx = head.voxel_size
    z = (np.arange(share.shape[0]) - share.shape[0] // 2) * dz
    slab = share[np.abs(z - HEIGHT) < THICKNESS / 2].mean(0)
    steps = [FIELD_OF_VIEW / n for n in shape]
    slab = ndimage.uniform_filter(slab, (steps[1] / dy, steps[0] / dx))
    places = [-(np.arange(n) - n // 2) * step for n, step in zip(shape, steps, strict=True)]
    line, sample = np.meshgrid(*places, indexing="ij")
    at = (sample / dy + slab.shape[0] // 2, line / dx + slab.shape[1] // 2)
    return np.asarray(ndimage.map_coordinates(slab, at, order=1) > PURE)
