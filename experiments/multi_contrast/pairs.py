"""Two contrasts of one anatomy, and guides that are wrong for it: simulated heads and the real patient S6A."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from bloch.phantom import Lesion, Phantom, brain_volume, lesion_mask, magnetisation_image
from bloch.sequence import Protocol, inversion_time_of_null
from bloch.tissue import tissues_at
from pirecon.training.scans.image_library import SIZE, volume_slices

DATA = Path(__file__).parents[3] / "shared" / "data"
FIRST_SEED = 2**41  # training renders heads from seeds below 10^12
FIELDS = (0.055, 0.3)  # T
PLANES = ("transaxial", "coronal", "transaxial", "sagittal")
FIELD_OF_VIEW, SLICE_DISTANCE = 0.25, 10e-3  # m


@dataclass(frozen=True)
class Pair:
    """Images finer than they are scanned, real ``(y, x)``, largest about 1.

    Attributes:
        name: for tables.
        real: whether it was measured.
        target: T2w or FLAIR, to be scanned.
        guide: T1w of the same slice.
        other_head: T1w of another person.
        other_slice: T1w of the same person, 10 mm away.
    """

    name: str
    real: bool
    target: Tensor
    guide: Tensor
    other_head: Tensor
    other_slice: Tensor


@dataclass(frozen=True)
class LesionPair:
    """A head with a lesion and the same without, in both contrasts; ``mask`` is 1 inside of the lesion."""

    name: str
    target: Tensor
    healthy_target: Tensor
    guide: Tensor
    healthy_guide: Tensor
    mask: Tensor


def simulated_pairs(count: int) -> list[Pair]:
    """Heads that nobody trained on, at two fields, in three planes; T2w and FLAIR in turn."""
    heads = [_head(number) for number in range(count)]
    pairs = []
    for number, head in enumerate(heads):
        other = heads[(number + len(PLANES)) % count]  # of the same plane, where there are more than four
        B0, target = _setting(number)
        pairs.append(
            Pair(
                f"head {number} {target} {B0:g} T",
                False,
                _image(head, target, B0, number)[0],
                _image(head, "T1w", B0, number)[0],
                _image(other, "T1w", B0, number + 1)[0],
                _image(head, "T1w", B0, number)[1],
            )
        )
    return pairs


def real_pairs(patient: str = "S6A", others: tuple[str, ...] = ("6A", "7A")) -> list[Pair]:
    """All slices of a patient at 3 T; T1w guides T2w and FLAIR. Wrong heads are those of other patients.

    Raises:
        FileNotFoundError: the volumes are not there.
    """
    volumes = {contrast: _volume(patient, contrast) for contrast in ("T1w", "T2w", "FLAIR")}
    wrong = [_volume(other, "T1w") for other in others]
    n_slices, pairs = len(volumes["T1w"]), []
    for target in ("T2w", "FLAIR"):
        for z in range(n_slices):
            pairs.append(
                Pair(
                    f"{patient} {target} slice {z}",
                    True,
                    volumes[target][z],
                    volumes["T1w"][z],
                    wrong[z % len(wrong)][z],
                    volumes["T1w"][(z + 2) % n_slices],
                )
            )
    return pairs


def lesion_pairs(count: int) -> list[LesionPair]:
    """Transaxial heads with a lesion of every kind in turn; those too small to be measured are left out."""
    pairs, number = [], 0
    kinds = get_args(Lesion)
    while len(pairs) < count:
        kind: Lesion = kinds[number % len(kinds)]
        B0, target = _setting(number)
        ill, healthy = _head(1000 + number, "transaxial", kind), _head(1000 + number, "transaxial")
        mask = lesion_mask(ill)[0]
        if float(mask.sum()) > 600:  # 16 mm in diameter
            images = [_image(head, name, B0, number)[0] for name in (target, "T1w") for head in (ill, healthy)]
            pairs.append(LesionPair(f"{kind} {target} {B0:g} T", *images, mask.float()))
        number += 1
    return pairs


def _head(number: int, plane: str | None = None, lesion: Lesion | None = None) -> Phantom:
    voxel = FIELD_OF_VIEW / SIZE
    return brain_volume(
        FIRST_SEED + number,
        (2, SIZE, SIZE),
        voxel_size=(SLICE_DISTANCE, voxel, voxel),
        orientation=plane or PLANES[number % len(PLANES)],  # type: ignore[arg-type]
        lesion=lesion,
    )


def _setting(number: int) -> tuple[float, str]:
    """Field and contrast of the target; both change from one head of a plane to the next."""
    turn = number // len(PLANES)
    return FIELDS[turn % len(FIELDS)], ("T2w", "FLAIR")[(number + turn) % 2]


def _image(head: Phantom, contrast: str, B0: float, person: int) -> Tensor:
    generator = torch.Generator().manual_seed(FIRST_SEED + person)
    image = magnetisation_image(head, protocol(contrast, B0), B0, generator=generator)
    return image / image.quantile(0.999).clamp_min(1e-6)


def protocol(contrast: str, B0: float) -> Protocol:
    """T1w, T2w or FLAIR at a field: times that depend on T1 follow the tissue."""
    tissues = tissues_at(B0)
    if contrast == "T1w":
        return Protocol("spin_echo", 12e-3, 1.2 * tissues["white_matter"].T1)
    if contrast == "T2w":
        return Protocol("turbo_spin_echo", 0.1, 5 * tissues["grey_matter"].T1, echo_train_length=12, echo_spacing=10e-3)
    repetition_time = 1.2 * tissues["csf"].T1
    inversion_time = inversion_time_of_null(tissues["csf"].T1, repetition_time, 0.09)
    return Protocol("inversion_recovery", 0.09, repetition_time, inversion_time=inversion_time)


def _volume(patient: str, contrast: str) -> list[Tensor]:
    path = DATA / f"brain_3T_{patient}_{contrast}.nii.gz"
    return [torch.from_numpy(np.ascontiguousarray(image, np.float32)) for image in volume_slices(path)]


def misplacement(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A rotation of up to 3° (rad, ``(1,)``) and a shift of up to 3 mm along each axis (fine voxels, ``(1, 2)``)."""
    turn = math.radians(3) * rng.uniform(-1, 1, 1)
    shift = 3e-3 * SIZE / FIELD_OF_VIEW * rng.uniform(-1, 1, (1, 2))
    return torch.from_numpy(turn.astype(np.float32)), torch.from_numpy(shift.astype(np.float32))
