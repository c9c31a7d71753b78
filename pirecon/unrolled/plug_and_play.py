"""Reconstruct with a denoiser that was trained alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.unrolled.network import UnrolledNetwork
from pirecon.unrolled.schemes.plug_and_play import PlugAndPlay


@torch.no_grad()
def plug_and_play(
    kspace: Tensor,
    E: LinearOperator,
    denoiser: nn.Module,
    *,
    splitting: str = "hqs",
    n_iterations: int = 8,
    guide: Tensor | None = None,
) -> Tensor:
    """The image that both the samples and a denoiser agree to; see :class:`~pirecon.unrolled.schemes.PlugAndPlay`.

    Args:
        kspace: y, weighted and whitened samples in SNR units, complex ``(*batch, coil, *samples)``.
        E: forward operator.
        denoiser: any prior, ``(image, noise_level) -> image``.
        splitting: how the two take turns, key of ``pirecon.unrolled.schemes.plug_and_play.SPLITTINGS``.
        n_iterations: calls of the denoiser.
        guide: for denoisers that take one.

    Returns:
        Complex image ``(*batch, z, y, x)``, SNR units.
    """
    network = UnrolledNetwork(denoiser, scheme=PlugAndPlay(splitting), n_iterations=n_iterations)
    image: Tensor = network.to(kspace.device)(kspace, E, guide=guide)
    return image
