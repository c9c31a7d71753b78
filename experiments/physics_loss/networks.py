"""The networks of this experiment: the same, taught by four losses, without and with the physics inside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from experiments.networks import train
from pirecon.training.config import TrainingConfig, read_config

HERE = Path(__file__).parent
SEEDS = (1, 2)
USES = {"image to image": "image-to-image", "unrolled": "modl"}
IMAGE = {"l1": 1.0}
KSPACE = {"l1": 1.0, "kspace_true": 0.5, "kspace_measured": 0.1}
# The truth of the maps is not used: bloch alone is to teach that the contrasts have one tissue in common.
BLOCH = {"maps": 0.0, "held_out": 0.1, "width": 16}
LOSSES: dict[str, tuple[str, dict[str, float], dict[str, object]]] = {
    "image": ("supervised", IMAGE, {}),
    "image + k-space": ("supervised", KSPACE, {}),
    "image + Bloch": ("bloch_consistency", IMAGE, BLOCH),
    "image + both": ("bloch_consistency", KSPACE, BLOCH),
}


def config_of(use: str, loss: str, seed: int) -> TrainingConfig:
    """The config of one network; ``use`` and ``loss`` are keys of ``USES`` and ``LOSSES``."""
    config = read_config(HERE / "config.toml")
    regime, weights, options = LOSSES[loss]
    stage = replace(config.stages[0], regime=regime, loss=weights, options=options)
    network = replace(config.network, scheme=USES[use])
    return replace(config, network=network, stages=(stage,), seed=seed)


def train_network(use: str, loss: str, seed: int) -> str:
    """Train one network, unless that was done; returns its checkpoint's path."""
    name = f"{use}-{loss}-{seed}".replace(" ", "").replace("+", "-")
    return train(config_of(use, loss, seed), "physics_loss", name)


def head_of(checkpoint: str) -> Path:
    """The map head that was trained with a network by Bloch consistency."""
    return Path(checkpoint).with_suffix("") / "stage0" / "regime.safetensors"
