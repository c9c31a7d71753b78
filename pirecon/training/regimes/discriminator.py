"""The opponent of an adversarial training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Discriminator(nn.Module):
    """SRGAN's convolutions on images of any size: each patch gets a logit, high where it looks real.

    Per width a 3 × 3 convolution and one of stride 2, leaky ReLU of slope 0.2. Instead of dense layers, which fix the
    image's size, a 1 × 1 convolution judges each patch (Isola et al., CVPR (2017), section 3.2.2; with four widths a
    patch is 61 voxels wide). No batch normalisation: scans of one batch differ in SNR, and there are few.

    Args:
        widths: channels at each resolution; the paper has (64, 128, 256, 512).
        spectral: divide every weight by its largest singular value: Miyato et al., ICLR (2018).

    Source: Ledig et al., CVPR (2017), section 2.1.1 and Fig. 4.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 128), *, spectral: bool = False) -> None:
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"the discriminator's widths are {tuple(widths)}; give at least one, each at least 1")
        layers: list[nn.Module] = []
        for before, width in pairwise((1, *widths)):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.LeakyReLU(0.2)]
            layers += [nn.Conv2d(width, width, 3, padding=1, stride=2), nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(widths[-1], 1, 1))
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*(spectral_norm(a) if spectral and isinstance(a, nn.Conv2d) else a for a in layers))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Logits of every patch, ``(batch, 1, y/16, x/16)``, sizes rounded up.

        Args:
            magnitude: with peak about 1, float ``(batch, 1, y, x)``.
        """
        return self.layers(magnitude)
