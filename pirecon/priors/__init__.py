"""Learned priors: modules that map a complex image and its noise level to a complex image on the same grid."""

from __future__ import annotations

from torch import nn

from pirecon.priors.unet import UNet

PRIORS: dict[str, type[nn.Module]] = {"unet": UNet}


def build_prior(name: str, options: dict[str, object]) -> nn.Module:
    """A fresh prior of the family ``name``.

    Args:
        name: key of ``PRIORS``.
        options: arguments of its constructor.

    Raises:
        ValueError: unknown family, or options that its constructor does not take.
    """
    if name not in PRIORS:
        raise ValueError(f"there is no prior called {name!r}; choose one of {', '.join(sorted(PRIORS))}")
    try:
        return PRIORS[name](**options)
    except TypeError as error:
        raise ValueError(f"prior {name!r} does not take these options: {options} ({error})") from error


__all__ = ["PRIORS", "UNet", "build_prior"]
