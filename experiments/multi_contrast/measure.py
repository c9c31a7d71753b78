"""Every scan by both networks and with every guide: how good, how sharp, how far trusted, what was imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import torch
from torch import Tensor

from experiments.multi_contrast.imported_structure import imported_structure
from experiments.multi_contrast.pairs import LesionPair, Pair
from experiments.multi_contrast.scans import MATRIX, SAME_NOISE, WRONG, Cell, guide_scan, guides_of, target_scan
from pirecon.encoding import CartesianSense
from pirecon.priors.guided import prepare_guide
from pirecon.report.metrics import image_metrics
from pirecon.training.scans.simulation import Scan, bandlimited
from pirecon.unrolled import UnrolledNetwork

UNGUIDED, NO_GUIDE = "unguided network", "guided network, no guide"
Networks = Mapping[int, tuple[UnrolledNetwork, UnrolledNetwork]]
"""(guided, unguided) by the seed of their training."""


@dataclass(frozen=True)
class Row:
    """One image. ``trust``: mean over the head; ``change``, ``agreement``, ``chance``: see ``ImportedStructure``."""

    seed: int
    image: str
    real: bool
    super_resolution: float
    snr: float
    acceleration: float
    guide: str
    psnr: float
    ssim: float
    sharpness: float
    trust: float = 0.0
    change: float = 0.0
    agreement: float = 0.0
    chance: float = 0.0


@dataclass(frozen=True)
class LesionRow:
    """A lesion that one of two contrasts shows.

    Attributes:
        where: "target" or "guide".
        unguided: contrast of the lesion to what surrounds it, of the guided network without a guide, over the contrast
            that the lesion has in the noise-free target.
        guided: the same with the guide.
        healthy: the same of the noise-free target of the healthy head: 0 but for the anatomy around.
    """

    seed: int
    image: str
    super_resolution: float
    snr: float
    where: str
    unguided: float
    guided: float
    healthy: float


@torch.no_grad()
def measure(pairs: Sequence[Pair], cells: Sequence[Cell], networks: Networks) -> list[Row]:
    """All pairs in all cells; those of ``SAME_NOISE`` are only given the moved right guide."""
    rows = []
    for number, pair in enumerate(pairs):
        guides = guides_of(pair, number)
        for cell in cells:
            scan = target_scan(pair.target, cell, number)
            shown = {"right, moved": guides["right, moved"]} if cell in SAME_NOISE else guides
            prepared = {name: prepared_guide(scan, guide) for name, guide in shown.items()}
            for seed, (guided, unguided) in networks.items():
                found = of_scan(scan, guided, unguided, prepared)
                for name, image in found.items():
                    metrics = image_metrics(image, scan.truth)
                    values = (metrics.psnr, metrics.ssim, metrics.sharpness)
                    more = _of_guide(scan, image, found[NO_GUIDE], shown.get(name), prepared.get(name), name in WRONG)
                    rows.append(Row(seed, pair.name, pair.real, *astuple(cell), name, *values, *more))
    return rows


def of_scan(
    scan: Scan, guided: UnrolledNetwork, unguided: UnrolledNetwork, prepared: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Images ``(1, y, x)`` by the unguided network, and by the guided one without and with every guide."""
    E = CartesianSense(scan.maps, scan.weights)
    found = {UNGUIDED: unguided(scan.kspace, E), NO_GUIDE: guided(scan.kspace, E)}
    return found | {name: guided(scan.kspace, E, guide=guide) for name, guide in prepared.items()}


def prepared_guide(scan: Scan, guide: Tensor) -> Tensor:
    """What a network makes of a guide before it uses it: moved, and its trust, ``(2, 1, y, x)``; no weights matter."""
    E = CartesianSense(scan.maps, scan.weights)
    start, _ = UnrolledNetwork(torch.nn.Identity()).start(E.adjoint(scan.kspace), E)
    return prepare_guide(start, guide)[0]


def _of_guide(
    scan: Scan, image: Tensor, without: Tensor, guide: Tensor | None, prepared: Tensor | None, wrong: bool
) -> tuple[float, ...]:
    """Trust; of wrong guides change, agreement and chance too."""
    if guide is None or prepared is None:
        return ()
    head = scan.truth.abs() > 0.1 * scan.truth.abs().max()
    trust = float(prepared[1][head].mean())
    if not wrong:
        return (trust,)
    imported = imported_structure(image, without, guide)
    return trust, float(imported.change), float(imported.agreement), float(imported.chance)


@torch.no_grad()
def measure_lesions(pairs: Sequence[LesionPair], cells: Sequence[Cell], networks: Networks) -> list[LesionRow]:
    """Lesions in one of the two contrasts; the other shows the same head without."""
    rows = []
    for number, pair in enumerate(pairs):
        inside = (bandlimited(pair.mask, MATRIX).abs() > 0.6)[None]
        rng = np.random.default_rng(number)
        cases = {"target": (pair.target, pair.healthy_guide), "guide": (pair.healthy_target, pair.guide)}
        for (where, (target, guide)), cell in ((case, cell) for case in cases.items() for cell in cells):
            scan = target_scan(target, cell, 2 * number)
            # The same scan of the other head: its truth, on the same scale.
            other = target_scan(pair.target if where == "guide" else pair.healthy_target, cell, 2 * number).truth
            ill, healthy = (other, scan.truth) if where == "guide" else (scan.truth, other)
            of_lesion, of_healthy = lesion_contrast(ill, inside), lesion_contrast(healthy, inside)
            if abs(of_lesion - of_healthy) < 0.15:
                continue  # this contrast hardly shows the lesion
            prepared = {"guide": prepared_guide(scan, guide_scan(guide, rng))}
            for seed, (guided, unguided) in networks.items():
                found = of_scan(scan, guided, unguided, prepared)
                ratios = (lesion_contrast(found[name], inside) / of_lesion for name in (NO_GUIDE, "guide"))
                setting = (cell.super_resolution, cell.snr, where)
                rows.append(LesionRow(seed, pair.name, *setting, *ratios, of_healthy / of_lesion))
    return rows


def lesion_contrast(image: Tensor, inside: Tensor) -> float:
    """(mean inside − mean of a ring two to five voxels around) / mean of the ring, of the magnitude."""
    near, far = (torch.nn.functional.max_pool2d(inside.float(), 2 * n + 1, 1, n) > 0 for n in (2, 5))
    ring = far & ~near
    magnitude = image.abs()
    around = magnitude[ring].mean()
    return float((magnitude[inside].mean() - around) / around)
