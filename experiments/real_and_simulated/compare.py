"""Contrast and noise level of the real and the simulated images, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from experiments.real_and_simulated.protocols import CONTRASTS
from experiments.real_and_simulated.real import (
    PATIENTS,
    air_level,
    median_snr,
    outer_line_noise,
    real_file,
    real_image,
    region_values,
)
from experiments.real_and_simulated.scan import TISSUES, Simulated

DRAWN_PATIENTS = ("7A", "S6A")
"""Those in whose images regions were drawn."""

ALIKE = 0.1
"""Tissues whose means differ by less than this share count as alike."""


@dataclass(frozen=True)
class Level:
    """Mean and standard deviation over voxels, relative to white matter's mean; and how many voxels."""

    mean: float
    spread: float
    voxels: int


@dataclass(frozen=True)
class Noise:
    """Noise level of one scan: median SNR of the head, SNR of white matter (nan without regions), checks."""

    head: float
    white: float
    air: float
    outer_lines: float


def real_levels(patient: str, contrast: str) -> dict[str, Level]:
    """What the regions of a patient hold."""
    magnitude = np.abs(real_image(patient, contrast))
    return _levels({t: np.concatenate(region_values(patient, contrast, t, magnitude)) for t in TISSUES})


def simulated_levels(scan: Simulated) -> dict[str, Level]:
    """What voxels of one tissue hold."""
    return _levels({tissue: np.abs(scan.image)[mask] for tissue, mask in scan.masks.items()})


def real_noise(patient: str, contrast: str) -> Noise:
    """Noise level of a real file."""
    images = real_image(patient, contrast)
    magnitude = np.abs(images)
    white = np.nan
    if patient in DRAWN_PATIENTS:
        white = float(np.concatenate(region_values(patient, contrast, "white", magnitude)).mean())
    return Noise(median_snr(magnitude), white, air_level(images), outer_line_noise(real_file(patient, contrast)))


def simulated_noise(scan: Simulated) -> Noise:
    """Noise level of a simulated scan; its k-space is as it was measured."""
    magnitude = np.abs(scan.image)
    white = float(magnitude[scan.masks["white"]].mean())
    return Noise(median_snr(magnitude[None]), white, air_level(scan.image[None]), 1.0)


def noise_factors(simulated: dict[str, list[Simulated]]) -> dict[str, tuple[float, float]]:
    """Real over simulated of every contrast: median SNR of the head (all patients), SNR of white matter (two)."""
    found = {}
    for contrast in CONTRASTS:
        real = [real_noise(p, contrast.name) for p in PATIENTS]
        played = [simulated_noise(s) for s in simulated[contrast.name]]
        head = np.mean([n.head for n in real]) / np.mean([n.head for n in played])
        white = np.nanmean([n.white for n in real]) / np.mean([n.white for n in played])
        found[contrast.name] = (float(head), float(white))
    return found


def mean_levels(many: list[dict[str, Level]]) -> dict[str, float]:
    """Mean over patients or heads of each tissue."""
    return {tissue: float(np.mean([levels[tissue].mean for levels in many])) for tissue in TISSUES}


def order(levels: dict[str, float]) -> str:
    """Tissues from bright to dark; ``≈`` between neighbours that are alike."""
    names = sorted(levels, key=lambda t: -levels[t])
    text = names[0]
    for before, after in pairwise(names):
        text += f" {'≈' if relation(levels, before, after) == 0 else '>'} {after}"
    return text


def relation(levels: dict[str, float], one: str, other: str) -> int:
    """1 where the one is brighter, -1 where it is darker, 0 where they are alike."""
    ratio = levels[one] / levels[other]
    return 0 if abs(np.log(ratio)) < np.log(1 + ALIKE) else int(np.sign(np.log(ratio)))


def pairs(real: dict[str, float], simulated: dict[str, float]) -> dict[str, list[str]]:
    """The six pairs of tissues by what the two say of them: ``same``, ``contrary``, or ``one alike``."""
    found: dict[str, list[str]] = {"same": [], "one alike": [], "contrary": []}
    for one, other in combinations(TISSUES, 2):
        a, b = relation(real, one, other), relation(simulated, one, other)
        found["same" if a == b else "contrary" if a * b < 0 else "one alike"].append(f"{one}–{other}")
    return found


def _levels(values: dict[str, np.ndarray]) -> dict[str, Level]:
    white = values["white"].mean()
    return {t: Level(float(v.mean() / white), float(v.std() / white), v.size) for t, v in values.items()}
