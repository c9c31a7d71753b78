"""Call any prior, and refuse what is no image on the same grid."""

from __future__ import annotations

from torch import Tensor, nn


def apply_prior(prior: nn.Module, image: Tensor, noise_level: Tensor, guide: Tensor | None = None) -> Tensor:
    """``prior(image, noise_level)``; with ``guide`` as third where the prior's class says ``takes_guide = True``.

    Shape, dtype and device of the result are checked, which costs nothing. Its values are not: looking for NaN would
    make the device wait in every iteration; the training engine stops at a loss that is not finite.

    Args:
        prior: any module.
        image: complex ``(*batch, z, y, x)``.
        noise_level: standard deviation of the real and the imaginary part of the noise; real, broadcasts against
            ``image``, same unit.
        guide: real image of another contrast, for priors that take one; None where there is none.

    Returns:
        Complex tensor of the shape and dtype of ``image``.

    Raises:
        ValueError: the prior returned something that is no tensor, or one of another dtype, shape or device.
    """
    takes_guide = bool(getattr(prior, "takes_guide", False))
    result: object = prior(image, noise_level, guide) if takes_guide else prior(image, noise_level)
    return _checked(result, image, f"{type(prior).__module__}.{type(prior).__qualname__}")


def _checked(result: object, image: Tensor, name: str) -> Tensor:
    expected = f"expected a {image.dtype} tensor of shape {tuple(image.shape)}, like the image it was given"
    if not isinstance(result, Tensor):
        hint = ", perhaps a return statement is missing in its forward()" if result is None else ""
        raise ValueError(f"the prior {name} returned {type(result).__name__}; {expected}{hint}")
    if result.dtype != image.dtype:
        hint = "" if result.is_complex() else "; join two real channels with torch.complex(real, imaginary)"
        raise ValueError(f"the prior {name} returned dtype {result.dtype}; {expected}{hint}")
    if result.shape != image.shape:
        raise ValueError(
            f"the prior {name} returned shape {tuple(result.shape)}; {expected}; a prior keeps the grid "
            "(pad inside and cut again), and batch axes come first"
        )
    if result.device != image.device:
        raise ValueError(
            f"the prior {name} returned a tensor on {result.device}, the image is on {image.device}; create tensors "
            "with device=image.device, and register constants as buffers"
        )
    return result
