"""The small network whose features the perceptual loss compares."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

WIDTHS = (16, 32, 48)
WEIGHTS = Path(__file__).parent / "features.safetensors"


class FeatureNetwork(nn.Module):
    """Two 3 × 3 convolutions at each of three resolutions, in the manner of VGG, and a classifier on their means.

    Trained to tell what was done to an image (``train_features``): nothing, noise, blur, truncation, aliasing, ghosts,
    blotches. Its features therefore respond to what reconstructions get wrong. They are not those of VGG, know no
    objects, and scores are not comparable with published ones.

    Args:
        n_classes: of the classifier.

    Source: Simonyan and Zisserman, ICLR (2015), for the layers; Zhang R. et al., CVPR (2018), for features of networks
    trained on other tasks than ImageNet's.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.first = nn.ModuleList(
            nn.Conv2d(before, width, 3, padding=1, stride=1 if before == 1 else 2)
            for before, width in pairwise((1, *WIDTHS))
        )
        self.second = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in WIDTHS)
        self.classifier = nn.Linear(sum(WIDTHS), n_classes)
        for layer in (*self.first, *self.second):  # as strong after six layers as at the start: He et al., ICCV (2015)
            nn.init.kaiming_normal_(layer.weight, a=0.2)
            nn.init.zeros_(layer.bias)

    def features(self, x: Tensor) -> list[Tensor]:
        """Features of each resolution before the activation, finest first.

        Args:
            x: magnitudes with peak 1, float ``(batch, 1, y, x)``, any size.

        Returns:
            ``(batch, 16, y, x)``, ``(batch, 32, y/2, x/2)``, ``(batch, 48, y/4, x/4)``, sizes rounded up.
        """
        found = []
        for first, second in zip(self.first, self.second, strict=True):
            found.append(second(nn.functional.leaky_relu(first(x), 0.2)))
            x = nn.functional.leaky_relu(found[-1], 0.2)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits of what was done to each image, ``(batch, n_classes)``."""
        means = [nn.functional.leaky_relu(f, 0.2).mean((-2, -1)) for f in self.features(x)]
        return self.classifier(torch.cat(means, dim=1))


def load_features(path: Path = WEIGHTS) -> tuple[FeatureNetwork, dict[str, object]]:
    """The shipped network, frozen, and its card.

    Raises:
        FileNotFoundError: the package was installed without its weights.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"the feature network's weights {path} are missing; reinstall pirecon, or train them anew: "
            "python -m pirecon.training.losses.train_features"
        )
    with safe_open(path, framework="pt") as file:
        card = json.loads(file.metadata()["card"])
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - the file is no mapping
    network = FeatureNetwork(len(card["classes"]))
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False), card
