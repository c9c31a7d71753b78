"""The reconstruction methods by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.classical import adjoint, cg_sense, l1_wavelet, total_variation
from pirecon.measurement.guide import UsedGuide
from pirecon.priors.guided import prepare_guide
from pirecon.scan_specific.methods import Learning, deep_image_prior_method, zero_shot_method
from pirecon.unrolled import ModelCard, UnrolledNetwork, load_checkpoint, outside_training_range

Method = Callable[..., Tensor]  # (kspace, E), and the image's guide where there is one

CLASSICAL: dict[str, Method] = {
    "adjoint": adjoint,
    "cg-sense": cg_sense,
    "wavelet": l1_wavelet,
    "tv": total_variation,
}
LEARNED = ("unrolled", "plug-and-play", "zero-shot")
DIP = "deep-image-prior"
METHODS = (*CLASSICAL, *LEARNED, DIP)
ONE_SCAN = ("zero-shot", DIP)  # learn from each image while they reconstruct it, which takes minutes
FEWEST_SLICES = 8  # for a prior that sees volumes


def choose_method(
    name: str,
    *,
    checkpoint: str | Path = "default",
    device: torch.device | None = None,
    field_strength: float | None = None,
    used_guides: list[UsedGuide] | None = None,
    learning: Learning | None = None,
) -> Method:
    """The method called ``name``: weighted whitened samples ``(coil, kz, ky, kx)`` and E → image ``(z, y, x)``.

    Args:
        name: one of ``METHODS``.
        checkpoint: of the unrolled network, or of the denoiser that "plug-and-play" plugs in (a network that was
            trained for the scheme "plug-and-play"), or that "zero-shot" tunes to each image.
        device: of the network.
        field_strength: of the data, T, to compare with the training range.
        used_guides: given where the method will be called with a guide as third argument; what became of each of
            them is appended.
        learning: time limit, seed and progress of the methods in ``ONE_SCAN``.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: unknown name, or a checkpoint for another method.
    """
    if used_guides is not None and name != "unrolled":
        raise ValueError(f"the method {name!r} takes no guide; use 'unrolled' with a checkpoint that does")
    if name in CLASSICAL:
        return CLASSICAL[name]
    if name == DIP:
        return deep_image_prior_method(learning)
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
    if used_guides is not None and not any(getattr(prior, "takes_guide", False) for prior in network.priors):
        raise ValueError(
            f"the checkpoint {str(checkpoint)!r} takes no guide (its prior is {card.architecture.prior!r}); leave the "
            'guide out, or train one with prior = "guided_unet" (experiments/regimes/guided.toml)'
        )
    method = zero_shot_method(network, learning) if name == "zero-shot" else _as_trained(network, used_guides)
    return _compared_with_training(method, card, field_strength)


def _as_trained(network: UnrolledNetwork, used_guides: list[UsedGuide] | None) -> Method:
    @torch.no_grad()
    def reconstructed(kspace: Tensor, E: LinearOperator, guide: Tensor | None = None) -> Tensor:
        if used_guides is not None and guide is not None:
            guide, placement = prepare_guide(network.start(E.adjoint(kspace), E)[0], guide)
            used_guides.append(UsedGuide(placement, float(guide[..., 1, :, :, :].mean())))
        image: Tensor = network(kspace, E, guide=guide)
        return image

    return reconstructed


def _compared_with_training(method: Method, card: ModelCard, field_strength: float | None) -> Method:
    """``method``, which warns where a scan lies outside what its checkpoint was trained on, of each property once."""
    said: set[str] = set()

    def compared(kspace: Tensor, E: LinearOperator, *guide: Tensor) -> Tensor:
        image = method(kspace, E, *guide)
        outside = outside_training_range(card, kspace, E, image, field_strength=field_strength)
        for message in (*outside, *_too_flat(card, E)):
            if message.split(":")[0] not in said:
                said.add(message.split(":")[0])
                warnings.warn(message, stacklevel=2)
        return image

    return compared


def _too_flat(card: ModelCard, E: LinearOperator) -> list[str]:
    """A prior that sees volumes has little to see across a slice; one that sees slices takes a volume one by one."""
    n_slices = E.domain_shape[-3]
    if card.architecture.prior_options.get("n_axes") != 3 or n_slices >= FEWEST_SLICES:
        return []
    return [
        f"slices outside the training range: found {n_slices} along z, but the prior of this checkpoint sees volumes "
        f"of at least {FEWEST_SLICES}; take one for slices, such as --checkpoint default"
    ]
