"""The reconstruction methods by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.classical import adjoint, cg_sense, l1_wavelet, total_variation
from pirecon.unrolled import load_checkpoint, outside_training_range

Method = Callable[[Tensor, LinearOperator], Tensor]

CLASSICAL: dict[str, Method] = {
    "adjoint": adjoint,
    "cg-sense": cg_sense,
    "wavelet": l1_wavelet,
    "tv": total_variation,
}
METHODS = (*CLASSICAL, "unrolled")


def choose_method(
    name: str,
    *,
    checkpoint: str | Path = "default",
    device: torch.device | None = None,
    field_strength: float | None = None,
) -> Method:
    """The method called ``name``: weighted whitened samples ``(coil, kz, ky, kx)`` and E → image ``(z, y, x)``.

    Args:
        name: one of ``METHODS``.
        checkpoint: of the unrolled network.
        device: of the unrolled network.
        field_strength: of the data, T, to compare with the training range.

    Raises:
        ValueError: unknown name.
    """
    if name in CLASSICAL:
        return CLASSICAL[name]
    if name != "unrolled":
        raise ValueError(f"there is no reconstruction method {name!r}; choose one of {', '.join(METHODS)}")
    network, card = load_checkpoint(checkpoint)
    network.to(device)
    said: set[str] = set()

    @torch.no_grad()
    def unrolled(kspace: Tensor, E: LinearOperator) -> Tensor:
        image: Tensor = network(kspace, E)
        for message in outside_training_range(card, kspace, E, image, field_strength=field_strength):
            if message.split(":")[0] not in said:
                said.add(message.split(":")[0])
                warnings.warn(message, stacklevel=2)
        return image

    return unrolled
