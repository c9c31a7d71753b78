"""A map head taught alone, on fits of fully sampled examinations: seconds, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from experiments.physics_loss.heads import heads
from experiments.physics_loss.networks import config_of
from pirecon.encoding import CartesianSense
from pirecon.quantitative.contrast_fit import ParameterMaps, fit_contrasts
from pirecon.quantitative.map_head import MapHead
from pirecon.quantitative.parameter_network import refine_maps
from pirecon.training.regimes.bloch_consistency import BlochConsistency, contrasts_of_batch, map_distance
from pirecon.training.scans.contrasts import ContrastRange, ContrastStream
from pirecon.training.scans.tissue_maps import load_anatomies

N_TRAINING, N_FRESH, STEPS, RATE = 80, 12, 800, 2e-3


@dataclass(frozen=True, eq=False)
class Fitted:
    """A batch of examinations, its images and their voxelwise fit."""

    batch: dict[str, Tensor]
    E: CartesianSense
    images: Tensor
    maps: ParameterMaps


def teach(path: Path) -> dict[str, tuple[float, float]]:
    """Train, write the head, and return mean |ln| of T1 and T2 in pure voxels before and after, of heads never seen."""
    torch.manual_seed(1)
    regime = BlochConsistency(width=16)
    training = _examinations(load_anatomies(60, "runs/cache"), N_TRAINING, seed=1)
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
    fresh = _examinations(heads(with_lesion=True), N_FRESH, seed=2)
    with torch.no_grad():
        before = [_errors(exam.maps, exam.batch) for exam in fresh]
        after = [_errors(_refined(regime.head, exam), exam.batch) for exam in fresh]
    return {name: (_mean(before, name), _mean(after, name)) for name in ("T1", "T2")}


def _examinations(anatomies: np.ndarray, count: int, *, seed: int) -> list[Fitted]:
    scans = replace(config_of("unrolled", "image", 1).scans, acceleration=(1.0, 1.0), snr=(5.0, 40.0))
    contrasts = ContrastRange((4, 5), (0.05, 0.2))
    stream = ContrastStream(anatomies, scans, voxels=1, seed=seed, contrasts=contrasts)
    return [_fitted(stream.batch(index)) for index in range(count)]


def _fitted(batch: dict[str, Tensor]) -> Fitted:
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


def _errors(maps: ParameterMaps, batch: dict[str, Tensor]) -> dict[str, float]:
    pure = batch["pure"] > 0
    pairs = {"T1": (maps.T1, batch["t1"]), "T2": (maps.T2, batch["t2"])}
    return {name: float((found / true).log().abs()[pure].mean()) for name, (found, true) in pairs.items()}


def _mean(errors: list[dict[str, float]], name: str) -> float:
    return sum(one[name] for one in errors) / len(errors)
