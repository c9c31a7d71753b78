"""3 × 3 convolutions of one large image with many channels on a processor, by fewer multiplications.

Winograd's minimal filtering needs 64 multiplications for 6 × 6 results, where the sum needs 324 (Lavin and Gray, CVPR
(2016), section 4). It takes one plane for each channel ("planar"); other convolutions on a processor like the channels
side by side. So a network is planar as a whole or not at all, and the layout of its tensors tells the layers which it
is. For gradients it does not pay: the plain sum needs less time and memory then.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

# What pays was measured with torch 2.13 on two cores with AVX-512; below these numbers the transforms cost too much.
WIDE = 64
VOXELS = 2**14
NARROW = 4
SHARE = 0.9  # of the weights in wide layers


def planar_pays(network: nn.Module) -> bool:
    """Nearly all weights of the network's two-dimensional convolutions belong to wide layers."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    wide = sum(layer.weight.numel() for layer in layers if isinstance(layer, PlanarConvolution) and layer.is_wide)
    return wide > 0 and wide >= SHARE * sum(layer.weight.numel() for layer in layers)


def suits_planar(x: Tensor) -> bool:
    """One large float32 image on a processor, without gradients and mixed precision, whatever its layout."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.ndim == 4
        and len(x) == 1
        and x.shape[-2] * x.shape[-1] >= VOXELS
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and _has_winograd()
    )


class PlanarConvolution(nn.Conv2d):
    """``nn.Conv2d`` with an odd kernel that keeps the grid; the same sum in another order where the input is planar.

    Results differ from the plain sum by rounding, about 3e-6 relative.
    """

    def __init__(self, n_in: int, n_out: int, size: int = 3, *, bias: bool = True) -> None:
        super().__init__(n_in, n_out, size, padding=size // 2, bias=bias)
        self.is_wide = size == 3 and min(n_in, n_out) >= WIDE
        self.is_narrow = size == 3 and n_out <= NARROW

    def forward(self, input: Tensor) -> Tensor:
        """Shape ``(batch, n_in, y, x)`` to ``(batch, n_out, y, x)``."""
        if not (input.is_contiguous() and suits_planar(input)):
            return super().forward(input)
        weight = self.weight.contiguous()
        if self.is_wide:
            return torch._nnpack_spatial_convolution(input, weight, self.bias, (1, 1), (1, 1))
        return _narrow(input, weight, self.bias) if self.is_narrow else self._conv_forward(input, weight, self.bias)


def _narrow(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Few channels out: one matrix product for all taps of the kernel, whose planes are then shifted and added."""
    # A tap that reads at +1 is a plane that is added at −1: fold() shifts the other way.
    taps = weight.flip(2, 3).permute(0, 2, 3, 1).flatten(0, 2) @ x.flatten(2)
    size = weight.shape[-1]
    result = nn.functional.fold(taps, x.shape[-2:], size, padding=size // 2)
    return result if bias is None else result + bias[:, None, None]


@lru_cache(maxsize=1)
def _has_winograd() -> bool:
    """Was torch built with NNPACK, and does this processor run it? The question also makes it ready."""
    return hasattr(torch, "_nnpack_spatial_convolution") and bool(torch._nnpack_available())
