"""SwinIR: transformer layers within windows that shift from layer to layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pirecon.priors.convolutional import CHANNELS_IN, CHANNELS_OUT, convolution, start_at_zero
from pirecon.priors.image_prior import ImagePrior
from pirecon.priors.window_attention import WindowAttention, shift_mask


class Swin(ImagePrior):
    """Convolution, residual groups of Swin transformer layers, convolution, with a skip around the groups.

    The size is that of SwinIR for classical super-resolution; the lightweight one has ``depths = [6, 6, 6, 6]`` and
    width 60. The paper's tail to a finer grid is left out, as in SwinIR for denoising: the grid finer than acquired is
    already that of the encoding operator.

    Args:
        depths: transformer layers of each residual group; every second layer shifts its windows by half a window.
        width: channels, a multiple of ``heads``.
        heads: attention heads in a layer.
        window: edge of a window, voxels.
        mlp_ratio: hidden channels of the perceptron over ``width``.

    Source: Liang et al., ICCV Workshops (2021), section 3 and 4.1; Liu et al., ICCV (2021), section 3.2.
    """

    def __init__(
        self,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        width: int = 180,
        heads: int = 6,
        window: int = 8,
        mlp_ratio: int = 2,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} heads")
        self.multiple = window
        self.first = convolution(CHANNELS_IN, width, 2)
        self.groups = nn.ModuleList(
            _Group([_Layer(width, heads, window, mlp_ratio, shifted=bool(k % 2)) for k in range(depth)], width)
            for depth in depths
        )
        self.norm = nn.LayerNorm(width)
        self.after = convolution(width, width, 2)
        self.last = convolution(width, CHANNELS_OUT, 2)
        start_at_zero(self.last)
        self.window = window

    def change(self, channels: Tensor) -> Tensor:
        """See :meth:`ImagePrior.change`."""
        shallow = self.first(channels)
        mask = shift_mask(shallow.shape[-2], shallow.shape[-1], self.window, like=shallow)
        x = shallow
        for group in self.groups:
            x = group(x, mask)
        deep = self.norm(x.movedim(1, -1)).movedim(-1, 1)
        change: Tensor = self.last(shallow + self.after(deep))
        return change


class _Group(nn.Module):
    """x + convolution(layers(x)): a residual Swin transformer block (RSTB)."""

    def __init__(self, layers: list[_Layer], width: int) -> None:
        super().__init__()
        self.layers, self.convolution = nn.ModuleList(layers), convolution(width, width, 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = x.movedim(1, -1)  # (batch, y, x, width)
        for layer in self.layers:
            y = layer(y, mask)
        return x + self.convolution(y.movedim(-1, 1))


class _Layer(nn.Module):
    """x + attention within windows(norm x), then x + perceptron(norm x)."""

    def __init__(self, width: int, heads: int, window: int, mlp_ratio: int, *, shifted: bool) -> None:
        super().__init__()
        self.shift = window // 2 if shifted else 0
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = WindowAttention(width, heads, window)
        self.perceptron = nn.Sequential(
            nn.Linear(width, mlp_ratio * width), nn.GELU(), nn.Linear(mlp_ratio * width, width)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.norm1(x)
        if self.shift:
            y = self.attention(y.roll((-self.shift, -self.shift), (1, 2)), mask).roll((self.shift, self.shift), (1, 2))
        else:
            y = self.attention(y, None)
        x = x + y
        return x + self.perceptron(self.norm2(x))
