"""Self-attention within square windows, with a bias for each relative position."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WindowAttention(nn.Module):
    """softmax(Q Kᵀ/√d + B) V in each window; B holds one number for each head and each offset between two voxels.

    Args:
        width: channels.
        heads: attention heads.
        window: edge of a window, voxels.

    Source: Liu et al., ICCV (2021), Eq. 4.
    """

    offsets: Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.query_key_value, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.bias = nn.Parameter(torch.empty(heads, (2 * window - 1) ** 2))
        nn.init.trunc_normal_(self.bias, std=0.02)
        y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        dy, dx = (c.flatten()[:, None] - c.flatten() + window - 1 for c in (y, x))
        self.register_buffer("offsets", dy * (2 * window - 1) + dx, persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Attend.

        Args:
            x: ``(batch, y, x, width)``, axes multiples of the window.
            mask: 0 where two voxels of a window may see each other, −∞ where not, ``(windows, voxels, voxels)``.
        """
        batch, ny, nx, _ = x.shape
        windows = to_windows(x, self.window)  # (batch · windows, voxels, width)
        heads = self.query_key_value(windows).unflatten(-1, (3, self.heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (batch · windows, head, voxels, width / heads)
        bias = self.bias[:, self.offsets]  # (head, voxels, voxels)
        if mask is None:
            bias = bias[None]
        else:
            bias = (bias + mask[:, None].to(bias.dtype)).repeat(batch, 1, 1, 1)
        attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        return from_windows(self.joined(attended.transpose(1, 2).flatten(2)), self.window, (batch, ny, nx))


def to_windows(x: Tensor, window: int) -> Tensor:
    """``(batch, y, x, width)`` → ``(batch · windows, window², width)``."""
    blocks = x.unflatten(2, (-1, window)).unflatten(1, (-1, window))  # (batch, wy, window, wx, window, width)
    return blocks.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def from_windows(windows: Tensor, window: int, shape: tuple[int, int, int]) -> Tensor:
    """Inverse of :func:`to_windows`; ``shape`` is (batch, y, x)."""
    batch, ny, nx = shape
    blocks = windows.unflatten(1, (window, window)).unflatten(0, (batch, ny // window, nx // window))
    return blocks.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def shift_mask(ny: int, nx: int, window: int, *, like: Tensor) -> Tensor:
    """What may attend to what once the image was rolled by half a window: neighbours, not opposite edges.

    Returns:
        0 or −∞, ``(windows, window², window²)``, dtype and device of ``like``.
    """
    shift = window // 2

    def region(n: int) -> Tensor:
        # After the roll the last window holds the end of the axis and, behind it, what came round from the start.
        index = torch.arange(n, device=like.device)
        return (index >= n - shift).long()

    regions = (2 * region(ny)[:, None] + region(nx)).reshape(1, ny, nx, 1)
    labels = to_windows(regions, window)[..., 0]  # (windows, voxels)
    apart = labels[:, :, None] != labels[:, None, :]
    return torch.zeros(apart.shape, dtype=like.dtype, device=like.device).masked_fill(apart, -torch.inf)
