"""Unrolling schemes by name: how prior and data take turns."""

from __future__ import annotations

from pirecon.priors.registry import build_named
from pirecon.unrolled.schemes.admm import Admm
from pirecon.unrolled.schemes.deep_equilibrium import DeepEquilibrium
from pirecon.unrolled.schemes.hqs import Hqs
from pirecon.unrolled.schemes.image_to_image import ImageToImage
from pirecon.unrolled.schemes.modl import Modl
from pirecon.unrolled.schemes.plug_and_play import PlugAndPlay
from pirecon.unrolled.schemes.primal_dual import PrimalDual
from pirecon.unrolled.schemes.proximal_gradient import ProximalGradient
from pirecon.unrolled.schemes.scheme import Problem, Scheme

SCHEMES: dict[str, type[Scheme]] = {
    "proximal-gradient": ProximalGradient,
    "modl": Modl,
    "hqs": Hqs,
    "admm": Admm,
    "primal-dual": PrimalDual,
    "deep-equilibrium": DeepEquilibrium,
    "image-to-image": ImageToImage,
    "plug-and-play": PlugAndPlay,
}


def build_scheme(name: str, options: dict[str, object]) -> Scheme:
    """A fresh scheme.

    Args:
        name: key of ``SCHEMES``.
        options: arguments of its constructor.

    Raises:
        ValueError: unknown scheme (the nearest is named), or options that its constructor does not take.
    """
    return build_named(SCHEMES, name, options, "scheme")


__all__ = ["SCHEMES", "Problem", "Scheme", "build_scheme"]
