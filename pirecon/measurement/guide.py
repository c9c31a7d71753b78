"""Another contrast of the patient from a NIfTI file, on the grid of every image of a scan."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pirecon.calibration.nifti_map import map_from_nifti
from pirecon.measurement.measurement import Measurement
from pirecon.priors.guide_alignment import Placement
from pirecon.priors.guided import LEAST_EVIDENCE
from pirecon.rawdata.geometry import Geometry

MOST_SAMPLES = 9  # along an axis of a voxel
LEAST_COVERED = 0.5  # of the voxels of a scan, or it is said


@dataclass(frozen=True)
class Guides:
    """A guide for each entry of the flattened batch axes.

    Attributes:
        images: real ``(z, y, x)`` each, 0 outside of the file's grid.
        source: where they come from, in a sentence.
    """

    images: tuple[Tensor, ...]
    source: str


@dataclass(frozen=True)
class UsedGuide:
    """What became of the guide of one image.

    Attributes:
        placement: where it was found.
        trust: mean over the voxels, 0 to 1.
    """

    placement: Placement
    trust: float


def guides_of(measurement: Measurement, path: str | os.PathLike[str]) -> Guides:
    """Read a guide and average it over the voxels of every image.

    The affine says where it lies; it is sampled as densely as its own voxels, linearly, and averaged over each voxel of
    the scan, so that a sharp guide of a thick slice is what the slice would have shown.

    Args:
        measurement: whose grid is wanted.
        path: .nii or .nii.gz with three axes.

    Returns:
        Guides.

    Raises:
        ValueError: not three axes, or a guide that lies elsewhere.
        OSError: the file cannot be read.
    """
    geometry = measurement.kspace.geometry.with_matrix(measurement.matrix)
    samples = _samples(path, geometry)
    n_z, n_y, n_x = geometry.matrix
    fine = geometry.with_matrix((n_z * samples[0], n_y * samples[1], n_x * samples[2]))
    values, known = map_from_nifti(path, fine)
    values = np.where(known, values, 0.0)
    for axis, (n, k) in enumerate(zip(geometry.matrix, samples, strict=True), start=1):
        values, known = (_averaged(a, axis, n, k) for a in (values, known.astype(float)))
    covered = float((known > 0.5).mean())
    source = f"{os.path.basename(path)}, placed by its affine, covers {100 * covered:.0f} % of the voxels"
    if covered < LEAST_COVERED:
        source += ", the rest is reconstructed without it"
    slices = [torch.from_numpy(v).to(measurement.kspace.data.device, torch.float32) for v in values]
    images = (slices[measurement.counter(i, "slice") % len(slices)] for i in range(measurement.n_images))
    return Guides(tuple(images), source)


def guide_note(guides: Guides, used: Sequence[UsedGuide], measurement: Measurement) -> str:
    """What was done with the guides and how well they agreed, in one sentence."""
    evidence, agreement, inner, shift, turn = (
        torch.cat([getattr(one.placement, name).cpu() for one in used])
        for name in ("evidence", "agreement", "inner", "shift", "rotation")
    )
    said = (
        f"{guides.source}; agreement of edges {float(agreement.min()):.2f} to {float(agreement.max()):.2f}, inside of "
        f"the object {float(inner.min()):.2f} to {float(inner.max()):.2f}"
    )
    right = evidence > LEAST_EVIDENCE
    if bool(right.any()):
        size = measurement.kspace.geometry.with_matrix(measurement.matrix).voxel_size
        way = 1e3 * float((shift[right] * torch.tensor(size[1:])).norm(dim=1).max())
        trust = 100 * sum(one.trust for one in used) / len(used)
        said += (
            f"; moved by up to {way:.1f} mm and {math.degrees(float(turn[right].abs().max())):.0f}° in the plane; "
            f"trusted in {trust:.0f} % of the voxels"
        )
    if not bool(right.all()):
        said += (
            f"; in {int((~right).sum())} of {len(right)} images it agrees hardly better than another head or a "
            "shifted one would: reconstructed without it. Does it show the same anatomy?"
        )
    return said


def _samples(path: str | os.PathLike[str], geometry: Geometry) -> tuple[int, int, int]:
    """Odd numbers of samples along z, y, x of a voxel, so many that no voxel of the file is skipped."""
    import nibabel  # slow to import, and only needed here

    try:
        affine = np.asarray(nibabel.load(path).affine, dtype=np.float64)[:3, :3]  # type: ignore[attr-defined]
    except (nibabel.filebasedimages.ImageFileError, AttributeError) as error:
        raise ValueError(f"{path}: this is no NIfTI image ({error}); give a .nii or .nii.gz as guide") from error
    steps = np.asarray(geometry.directions, dtype=np.float64) * 1e3 * np.asarray(geometry.voxel_size)[:, None]
    indices = np.abs(np.linalg.solve(affine, (steps * np.array([-1, -1, 1])).T)).max(axis=0)
    z, y, x = (min(MOST_SAMPLES, 2 * math.ceil((n - 1 - 1e-3) / 2) + 1 if n > 1 else 1) for n in indices)
    return z, y, x


def _averaged(values: np.ndarray, axis: int, n: int, samples: int) -> np.ndarray:
    """Mean of the ``samples`` fine voxels about the centre of each of ``n`` coarse ones along an axis."""
    centre = samples * (np.arange(n) - n // 2) + (samples * n) // 2
    offsets: Sequence[int] = range(-(samples // 2), samples // 2 + 1)
    last = samples * n - 1
    return np.asarray(sum(np.take(values, np.clip(centre + o, 0, last), axis=axis) for o in offsets) / samples)
