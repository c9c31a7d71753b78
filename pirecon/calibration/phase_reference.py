"""The phase of sensitivity maps, which an image alone cannot tell: relative to a virtual coil."""

from __future__ import annotations

import torch
from torch import Tensor


def dominant_coil(samples: Tensor) -> Tensor:
    """Weights ``(coil,)`` of the virtual coil that holds most of the energy.

    Args:
        samples: complex ``(shared, coil, z, y, x)``, k-space or images.
    """
    flat = samples.movedim(1, 0).flatten(1)
    flat = flat / flat.abs().max().clamp(min=torch.finfo(flat.real.dtype).tiny)
    return torch.linalg.eigh(flat @ flat.mH)[1][:, -1]


def refer_phase(maps: Tensor, coil: Tensor) -> Tensor:
    """Turn each vector of ``(set, coil, z, y, x)`` so that the virtual coil ``(coil,)`` sees it with phase zero."""
    seen = torch.einsum("c,sczyx->szyx", coil.conj(), maps)
    return maps * torch.polar(torch.ones_like(seen.real), -seen.angle()).unsqueeze(1)
