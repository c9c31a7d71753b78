"""Train the feature network of the perceptual loss: python -m pirecon.training.losses.train_features."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from pirecon.training.losses.corruptions import CORRUPTIONS, corrupted_copies
from pirecon.training.losses.features import WEIGHTS, FeatureNetwork
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.simulation import bandlimited
from pirecon.training.scans.sources import load_sources
from pirecon.training.scans.stream import Source, augment

WINDOW = 64  # voxels
MATRICES = (80, 96, 128, 160)
IMAGES = 5  # in a batch, each with every corruption
EXAMINED = 40  # batches


@dataclass(frozen=True)
class Lesson:
    """What the training showed.

    Attributes:
        accuracy: share of corruptions recognised on images drawn afterwards.
        by_class: the same of each corruption.
    """

    accuracy: float
    by_class: dict[str, float]


def train(sources: list[Source], *, steps: int, seed: int) -> FeatureNetwork:
    """A network that tells corruptions apart, by cross-entropy with Adam."""
    torch.manual_seed(seed)
    network = FeatureNetwork(len(CORRUPTIONS))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    course = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.01 + 0.495 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    )
    target = torch.arange(len(CORRUPTIONS)).repeat(IMAGES)
    for step in range(steps):
        loss = torch.nn.functional.cross_entropy(network(batch(sources, [seed, 0, step])), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.step()
        if step % 100 == 0:
            sys.stdout.write(f"step {step}: cross-entropy {loss.item():.3f}\n")
            sys.stdout.flush()
    return network.eval()


def batch(sources: list[Source], key: list[int]) -> Tensor:
    """Corrupted copies of ``IMAGES`` drawn images, float ``(IMAGES · corruptions, 1, y, x)``, the same for a key."""
    rng = np.random.default_rng(key)
    shares = np.array([source.share for source in sources])
    copies = []
    for _ in range(IMAGES):
        source = sources[rng.choice(len(sources), p=shares / shares.sum())]
        rendered = torch.from_numpy(source.images[rng.integers(len(source.images))].astype(np.float32))
        matrix = int(rng.choice(MATRICES))
        image = bandlimited(augment(rendered, rng), (matrix, matrix)).abs()
        copies.append(corrupted_copies(image, WINDOW, rng))
    return torch.cat(copies)


@torch.no_grad()
def examine(network: FeatureNetwork, sources: list[Source], *, batches: int, seed: int) -> Lesson:
    """How often the network is right on draws that it was not trained on (of the same sources)."""
    answers = torch.cat([network(batch(sources, [seed, 1, k])).argmax(1) for k in range(batches)])
    right = (answers.reshape(-1, len(CORRUPTIONS)) == torch.arange(len(CORRUPTIONS))).float().mean(0)
    return Lesson(float(right.mean()), dict(zip(CORRUPTIONS, right.tolist(), strict=True)))


def save(path: Path, network: FeatureNetwork, card: dict[str, object]) -> None:
    """Write weights (float32) and card."""
    weights = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, path, metadata={"card": json.dumps(card)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.add_argument("--procedural", type=int, default=ImageShares.procedural, help="images rendered")
    parser.add_argument("--brains", type=int, default=ImageShares.brains, help="images rendered")
    parser.add_argument("--cache", default=ImageShares.cache, help="folder of the rendered images")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shares = {"procedural": 0.4, "brains": 0.5, "photographs": 0.1}
    sources = load_sources(ImageShares(options.procedural, options.brains, (), shares, options.cache))
    began = time.perf_counter()
    network = train(sources, steps=options.steps, seed=options.seed)
    minutes = (time.perf_counter() - began) / 60
    lesson = examine(network, sources, batches=EXAMINED, seed=options.seed)
    card: dict[str, object] = {
        "task": "which of these was done to an image",
        "classes": list(CORRUPTIONS),
        "accuracy": round(lesson.accuracy, 3),
        "accuracy_by_class": {name: round(value, 3) for name, value in lesson.by_class.items()},
        "data": f"{options.procedural} procedural images, {options.brains} simulated brain slices, photographs",
        "command": f"python -m pirecon.training.losses.train_features --procedural {options.procedural} "
        f"--brains {options.brains} --steps {options.steps} --seed {options.seed}",
        "minutes": round(minutes, 1),
        "notes": "Features for a perceptual loss, not VGG's: no object classes, 2D magnitudes with peak 1 only.",
    }
    save(options.output, network, card)
    sys.stdout.write(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
