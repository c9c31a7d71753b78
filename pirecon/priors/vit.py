"""ViT: a vision transformer over patches of the image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pirecon.priors.convolutional import CHANNELS_IN, CHANNELS_OUT, start_at_zero
from pirecon.priors.image_prior import ImagePrior


class ViT(ImagePrior):
    """Patches become tokens, every token attends to all others, tokens become patches of the change.

    Positions are learned on a square grid of tokens and interpolated to that of the image, so any image size will do.
    Attention costs the square of the number of tokens. The size is that of DeiT-Ti, the smallest published ViT; its
    patches are 8 instead of 16 voxels because matrices at low field are small.

    Args:
        patch: edge of a patch, voxels.
        width: channels of a token, a multiple of ``heads``.
        depth: transformer layers, 12 in the paper.
        heads: attention heads in a layer.
        mlp_ratio: hidden channels of the perceptron over ``width``, 4 in the paper.
        positions: edge of the grid on which positions are learned, tokens.

    Source: Dosovitskiy et al., ICLR (2021), section 3.1, Eq. 1–4, and 3.2 on other image sizes; Touvron et al., ICML
    (2021), table 1; for MRI: Lin and Heckel, MIDL (2022).
    """

    def __init__(
        self, patch: int = 8, width: int = 192, depth: int = 12, heads: int = 3, mlp_ratio: int = 4, positions: int = 16
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} heads")
        self.multiple = self.patch = patch
        self.embedding = nn.Conv2d(CHANNELS_IN, width, patch, stride=patch)
        self.positions = nn.Parameter(torch.empty(1, width, positions, positions))
        nn.init.trunc_normal_(self.positions, std=0.02)
        self.layers = nn.Sequential(*(_Layer(width, heads, mlp_ratio * width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, CHANNELS_OUT * patch**2)
        start_at_zero(self.last)

    def change(self, channels: Tensor) -> Tensor:
        """See :meth:`ImagePrior.change`."""
        tokens = self.embedding(channels)  # (batch, width, y / patch, x / patch)
        grid = tokens.shape[-2:]
        positions = nn.functional.interpolate(self.positions, grid, mode="bicubic", align_corners=False)
        x = (tokens + positions).flatten(2).transpose(1, 2)  # (batch, token, width)
        patches = self.last(self.norm(self.layers(x))).transpose(1, 2).unflatten(2, grid)
        return nn.functional.pixel_shuffle(patches, self.patch)


class _Layer(nn.Module):
    """x + attention(norm x), then x + perceptron(norm x)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        heads = self.query_key_value(self.norm1(x)).unflatten(-1, (3, self.heads, -1))  # (batch, token, 3, head, width)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.joined(attended.transpose(1, 2).flatten(2))
        return x + self.perceptron(self.norm2(x))
