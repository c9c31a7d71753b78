"""What the raw file tells of the truth: the phantom on the encoded grid, and the image of an ideal coil."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation.spins import Spins
from bloch.receiver.fourier_encoding import encoding_matrix
from bloch.sequence import Encoding, Line


def encoded_maps(slices: list[Spins], encoding: Encoding) -> dict[str, np.ndarray]:
    """The phantom's maps as means over the encoded voxels.

    Args:
        slices: spins of each slice or slab, equilibrium magnetisation of water 1/m³.
        encoding: the grid.

    Returns:
        ``proton_density``, ``T1``, ``T2``, ``off_resonance``, float32 ``(slice, z, y, x)``.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("proton_density", "T1", "T2", "off_resonance")}
    n_voxels = math.prod(encoding.matrix)
    for s, spins in enumerate(slices):
        index, inside = _voxel_of(spins, encoding, s)
        amount = spins.equilibrium.cpu().double() * inside
        total = torch.bincount(index, amount, minlength=n_voxels)
        # The spins may reach beyond the slice along its normal; a voxel holds what lies in it.
        found["proton_density"].append(_on_grid(total / math.prod(encoding.voxel_size), encoding))
        for name, values in (("T1", spins.T1), ("T2", spins.T2), ("off_resonance", spins.off_resonance)):
            mean = torch.bincount(index, amount * values.cpu().double(), minlength=n_voxels) / total.clamp_min(1e-30)
            found[name].append(_on_grid(mean, encoding))
    return {name: np.stack(maps) for name, maps in found.items()}


def _voxel_of(spins: Spins, encoding: Encoding, s: int) -> tuple[Tensor, Tensor]:
    """Index of the voxel of each spin (0 where there is none), and the part of the spin's box in the slice."""
    axes = torch.as_tensor(encoding.directions, dtype=torch.float64)
    offset = (spins.position.cpu().double() - torch.as_tensor(encoding.centres[s], dtype=torch.float64)) @ axes.T
    size, matrix = torch.tensor(encoding.voxel_size), torch.tensor(encoding.matrix)
    # A spin on the border of two voxels belongs to the upper one, whatever the rounding.
    voxel = torch.floor(offset / size + 0.5 + 1e-4).long() + torch.div(matrix, 2, rounding_mode="floor")
    inside = ((voxel >= 0) & (voxel < matrix)).all(dim=1)
    z, y, x = voxel.clamp(min=0).minimum(matrix - 1).unbind(1)
    height = float(torch.tensor(spins.extent, dtype=torch.float64) @ axes[0].abs())
    part = min(1.0, float(size[0]) / height) if height > 0 and encoding.matrix[0] == 1 else 1.0
    return (z * matrix[1] + y) * matrix[2] + x, inside.double() * part


def _on_grid(values: Tensor, encoding: Encoding) -> np.ndarray:
    return values.reshape(encoding.matrix).float().numpy()


def cartesian_image(samples: Tensor, lines: tuple[Line, ...], encoding: Encoding) -> Tensor | None:
    """The image of the first contrast by direct Fourier sums, if every line of every slice was measured.

    Args:
        samples: of one channel, complex ``(readout, sample)``, scaled as :func:`bloch.simulate.simulate` says.
        lines: the plan.
        encoding: the grid.

    Returns:
        Complex128 ``(slice, z, y, x)``; None where lines are missing or k-space is not Cartesian.
    """
    if encoding.trajectory not in ("cartesian", "epi") or samples.shape[1] != encoding.n_samples:
        return None
    n_z, n_y, _ = encoding.matrix
    kspace = torch.zeros(len(encoding.centres), n_z, n_y, encoding.n_samples, dtype=torch.complex128)
    times_measured = torch.zeros(len(encoding.centres), n_z, n_y, dtype=torch.float64)
    for line, row in zip(lines, samples.to(torch.complex128), strict=True):
        if line.imaging and line.contrast == 0 and not line.phase_correction:
            place = (line.slice, line.kz, line.ky)
            kspace[place] += row.flip(0) if line.is_reversed else row
            times_measured[place] += 1
    if bool((times_measured == 0).any()):
        return None
    kspace /= times_measured.unsqueeze(-1)
    over = (1, 1, encoding.oversampling)
    decode = []
    for n, size, more in zip(encoding.matrix, encoding.voxel_size, over, strict=True):
        places = (torch.arange(n, dtype=torch.float64) - n // 2) * size
        decode.append(encoding_matrix(places, n * more, n * size * more).mH / (math.sqrt(n) * more))
    return torch.einsum("szyx,Zz,Yy,Xx->sZYX", kspace, *decode)
