"""The map head that comes with the package: taught alone, on fits of fully sampled examinations, and judged on others.

``python -m experiments.quantify.map_head`` teaches it anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from experiments.networks import RUNS
from experiments.physics_loss.heads import heads
from pirecon.encoding import CartesianSense
from pirecon.quantitative.contrast_fit import ParameterMaps, fit_contrasts
from pirecon.quantitative.map_head import SHIPPED, MapHead, load_map_head
from pirecon.quantitative.parameter_network import refine_maps
from pirecon.training.regimes.bloch_consistency import BlochConsistency, contrasts_of_batch, map_distance
from pirecon.training.scans.contrasts import ContrastRange, ContrastStream
from pirecon.training.scans.image_library import SIZE
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.tissue_maps import load_anatomies, tissue_names

SCANS = ScanRange(
    snr=(5.0, 200.0), acceleration=(1.0, 1.0), coils=(1, 2, 4), super_resolution=(1.0, 1.0), matrices=(48, 56, 64)
)
EXAMINATIONS = ContrastRange((3, 4, 5), (0.05, 0.2))
STRETCH = (0.6, 1.6)  # of all times of an examination
N_BRAINS, N_BODIES, N_TRAINING, N_FRESH, STEPS, RATE, WIDTH = 60, 40, 240, 16, 2400, 2e-3, 16
TIMES = ("echo_time", "repetition_time", "inversion_time", "train_duration", "t1", "t2")

Batch = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A batch of examinations, its images and their voxelwise fit."""

    batch: Batch
    E: CartesianSense
    images: Tensor
    maps: ParameterMaps


def teach(path: Path) -> None:
    """Train a head by true maps and write it.

    So that it learns what voxels, noise and edges do to a fit and not what a brain is made of, as many heads have other
    tissues in the places of theirs, others are but ellipses, and all times of an examination (of tissues and of
    protocols, whose ratios alone the signal knows) are stretched at random.
    """
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    regime = BlochConsistency(width=WIDTH)
    brains = load_anatomies(N_BRAINS, RUNS / "quantify")
    anatomies = np.concatenate([brains, exchanged(brains, rng), ellipses(N_BODIES, rng)])
    training = _examinations(anatomies, N_TRAINING, seed=1, stretch=lambda: _between(rng, *STRETCH))
    optimiser = torch.optim.AdamW(regime.head.parameters(), RATE, betas=(0.9, 0.99))
    for step in range(STEPS):
        exam = training[step % N_TRAINING]
        course = min(1.0, step / 50) * (0.5 + 0.5 * math.cos(math.pi * step / STEPS))
        for group in optimiser.param_groups:
            group["lr"] = RATE * course
        optimiser.zero_grad()
        map_distance(_refined(regime.head, exam), exam.batch).mean().backward()
        torch.nn.utils.clip_grad_norm_(regime.head.parameters(), 1.0)
        optimiser.step()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in regime.state_dict().items()}, path)


@torch.no_grad()
def judge(head: MapHead) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean |ln| of T1 and T2 in voxels of one tissue, of the voxelwise fit and with the head.

    Returns:
        By situation and "T1" or "T2"; brains with lesions, none of which was taught.
    """
    brains = heads(with_lesion=True)
    strange = exchanged(brains, np.random.default_rng(3))
    near_noiseless = replace(SCANS, snr=(100.0, 200.0))
    bodies = ellipses(8, np.random.default_rng(4))
    ways = {
        "as taught, 0.05–0.2 T": _examinations(brains, N_FRESH, seed=2),
        "three contrasts": _examinations(brains, N_FRESH, seed=3, contrasts=ContrastRange((3,), (0.05, 0.2))),
        "all tissues' T1 and T2 times 0.7": _examinations(brains, N_FRESH, seed=4, stretch=lambda: 0.7),
        "all tissues' T1 and T2 times 1.4": _examinations(brains, N_FRESH, seed=5, stretch=lambda: 1.4),
        "tissues exchanged": _examinations(strange, N_FRESH, seed=6),
        "ellipses": _examinations(bodies, N_FRESH, seed=8),
        "ellipses at SNR 100–200": _examinations(bodies, N_FRESH, seed=9, scans=near_noiseless),
        "brains at SNR 100–200": _examinations(brains, N_FRESH, seed=10, scans=near_noiseless),
        "0.5–1.5 T": _examinations(brains, N_FRESH, seed=7, contrasts=ContrastRange((4, 5), (0.5, 1.5))),
    }
    found = {}
    for name, exams in ways.items():
        before = [_errors(exam.maps, exam.batch) for exam in exams]
        after = [_errors(_refined(head, exam), exam.batch) for exam in exams]
        found[name] = {time: (_mean(before, time), _mean(after, time)) for time in ("T1", "T2")}
    return found


def exchanged(anatomies: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Heads of the same shapes made of other tissues, drawn for each; ``(n, 4, y, x)`` as the anatomies."""
    names = tissue_names()
    bone = names.index("bone")  # has no signal and stays
    soft = np.array([row for row in range(len(names)) if row != bone])
    changed = np.array(anatomies)
    for head in changed:
        table = np.arange(len(names))
        table[soft] = rng.permutation(soft)
        head[:2] = table[head[:2].astype(int)]
    return changed


def ellipses(count: int, rng: np.random.Generator) -> np.ndarray:
    """Bodies of one soft tissue each in air, later ones over earlier; ``(n, 4, y, x)`` as the anatomies."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    soft = [row for row, name in enumerate(tissue_names()) if name != "bone"]
    found = np.zeros((count, 4, SIZE, SIZE), np.float16)
    for labels, _, filled, _ in found:
        for _ in range(rng.integers(3, 8)):
            (b, a), (v, u) = rng.uniform(0.12, 0.5, 2), rng.uniform(-0.5, 0.5, 2)
            inside = ((y - v) / b) ** 2 + ((x - u) / a) ** 2 < 1
            labels[inside], filled[inside] = rng.choice(soft), 1
    return found


def _examinations(
    anatomies: np.ndarray,
    count: int,
    *,
    seed: int,
    scans: ScanRange = SCANS,
    contrasts: ContrastRange = EXAMINATIONS,
    stretch: Callable[[], float] = lambda: 1.0,
) -> list[Fitted]:
    stream = ContrastStream(anatomies, scans, voxels=1, seed=seed, contrasts=contrasts)
    return [_fitted(_stretched(stream.batch(index), stretch())) for index in range(count)]


def _stretched(batch: Batch, factor: float) -> Batch:
    """The same k-space of slower tissue in a slower scan: signals depend on ratios of times only."""
    return batch | {key: factor * batch[key] for key in TIMES}


def _fitted(batch: Batch) -> Fitted:
    contrasts = contrasts_of_batch(batch)
    E = CartesianSense(batch["maps"].expand(-1, contrasts.n_contrasts, -1, -1, -1, -1), batch["weights"])
    images = E.adjoint(batch["kspace"])  # fully sampled: all there is to a reconstruction
    return Fitted(batch, E, images, fit_contrasts(images.abs(), contrasts, batch["field_strength"]))


def _refined(head: MapHead, exam: Fitted) -> ParameterMaps:
    return refine_maps(
        head,
        exam.maps,
        exam.images,
        contrasts=contrasts_of_batch(exam.batch),
        field_strength=exam.batch["field_strength"],
        pull=lambda model: exam.E.adjoint(exam.batch["kspace"] - exam.E(model)),
    )


def _errors(maps: ParameterMaps, batch: Batch) -> dict[str, float]:
    pure = batch["pure"] > 0
    pairs = {"T1": (maps.T1, batch["t1"]), "T2": (maps.T2, batch["t2"])}
    return {name: float((found / true).log().abs()[pure].mean()) for name, (found, true) in pairs.items()}


def _mean(errors: list[dict[str, float]], name: str) -> float:
    return sum(one[name] for one in errors) / len(errors)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


if __name__ == "__main__":
    torch.set_num_threads(1)
    teach(SHIPPED / "default.safetensors")
    for situation, errors in judge(load_map_head("default")).items():
        changes = ", ".join(f"{time} {100 * a:.1f} -> {100 * b:.1f} %" for time, (a, b) in errors.items())
        print(f"{situation}: {changes}")
