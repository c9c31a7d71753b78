"""The reconstruction methods by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.classical import adjoint, cg_sense, l1_wavelet, total_variation
from pirecon.scan_specific.methods import deep_image_prior_method, zero_shot_method
from pirecon.unrolled import load_checkpoint, outside_training_range

Method = Callable[[Tensor, LinearOperator], Tensor]

CLASSICAL: dict[str, Method] = {
    "adjoint": adjoint,
    "cg-sense": cg_sense,
    "wavelet": l1_wavelet,
    "tv": total_variation,
}
LEARNED = ("unrolled", "plug-and-play", "zero-shot")
DIP = "deep-image-prior"
METHODS = (*CLASSICAL, *LEARNED, DIP)


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
        checkpoint: of the unrolled network, or of the denoiser that "plug-and-play" plugs in (a network that was
            trained for the scheme "plug-and-play"), or that "zero-shot" tunes to each image.
        device: of the network.
        field_strength: of the data, T, to compare with the training range.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: unknown name, or a checkpoint for another method.
    """
    if name in CLASSICAL:
        return CLASSICAL[name]
    if name == DIP:
        return deep_image_prior_method()
    if name not in LEARNED:
        raise ValueError(f"there is no reconstruction method {name!r}; choose one of {', '.join(METHODS)}")
    network, card = load_checkpoint(checkpoint)
    is_denoiser = card.architecture.scheme == "plug-and-play"
    if name == "plug-and-play" and not is_denoiser:
        raise ValueError(
            f"the method 'plug-and-play' needs a denoiser that was trained alone, but {str(checkpoint)!r} is "
            f'a network of the scheme {card.architecture.scheme!r}; train one with scheme = "plug-and-play" and a '
            "stage with train = \"denoiser\", or use the method 'unrolled'"
        )
    network.to(device)
    if name == "zero-shot":
        return zero_shot_method(network)
    said: set[str] = set()

    @torch.no_grad()
    def learned(kspace: Tensor, E: LinearOperator) -> Tensor:
        image: Tensor = network(kspace, E)
        for message in outside_training_range(card, kspace, E, image, field_strength=field_strength):
            if message.split(":")[0] not in said:
                said.add(message.split(":")[0])
                warnings.warn(message, stacklevel=2)
        return image

    return learned
