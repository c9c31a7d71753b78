"""Unrolling schemes by name: how prior and data take turns."""

from __future__ import annotations

import difflib

from pirecon.unrolled.schemes.modl import Modl
from pirecon.unrolled.schemes.proximal_gradient import ProximalGradient
from pirecon.unrolled.schemes.scheme import Problem, Scheme

SCHEMES: dict[str, type[Scheme]] = {
    "modl": Modl,
    "proximal-gradient": ProximalGradient,
}


def build_scheme(name: str, options: dict[str, object]) -> Scheme:
    """A fresh scheme.

    Args:
        name: key of ``SCHEMES``.
        options: arguments of its constructor.

    Raises:
        ValueError: unknown scheme (the nearest is named), or options that its constructor does not take.
    """
    if name not in SCHEMES:
        near = difflib.get_close_matches(name, SCHEMES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"there is no scheme called {name!r}; {hint}choose one of {', '.join(sorted(SCHEMES))}")
    try:
        return SCHEMES[name](**options)
    except TypeError as error:
        raise ValueError(f"scheme {name!r} does not take these options: {options} ({error})") from error


__all__ = ["SCHEMES", "Problem", "Scheme", "build_scheme"]
