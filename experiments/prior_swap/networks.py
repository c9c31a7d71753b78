"""The networks of this experiment: every family at about 100,000 parameters, in both uses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from experiments.networks import train
from pirecon.training.config import read_config

HERE = Path(__file__).parent
SEEDS = (1, 2)
USES = {"post-processing": "image-to-image", "unrolled": "modl"}
PRIORS: dict[str, dict[str, object]] = {
    "srcnn": {"widths": [112, 72], "sizes": [9, 3, 5]},
    "vdsr": {"depth": 12, "width": 32},
    "edsr": {"n_blocks": 5, "width": 32},
    "dncnn": {"depth": 12, "width": 32},
    "srresnet": {"n_blocks": 4, "width": 32},
    "rrdb": {"n_blocks": 1, "width": 32, "growth": 8},
    "unet": {"widths": [14, 28, 56], "blocks": [1, 1, 1]},
    "vit": {"patch": 4, "width": 48, "depth": 3, "heads": 3},
    "swin": {"depths": [2, 2], "width": 40, "heads": 2},
    "wavelet": {},
    "tv": {},
}


def train_prior(prior: str, use: str, seed: int) -> str:
    """Train one network, unless that was done; returns its checkpoint's path.

    Args:
        prior: key of ``PRIORS``.
        use: key of ``USES``.
        seed: of the training.
    """
    config = read_config(HERE / "config.toml")
    network = replace(config.network, prior=prior, prior_options=PRIORS[prior], scheme=USES[use])
    return train(replace(config, network=network, seed=seed), "prior_swap", f"{prior}-{use}-{seed}")
