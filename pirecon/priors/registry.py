"""Priors by name: a family of this package, a class by import path, or an entry point of another distribution."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import TypeVar

from torch import nn

from pirecon.priors.block_matching import BM3D, BM4D
from pirecon.priors.dncnn import DnCNN
from pirecon.priors.edsr import EDSR
from pirecon.priors.guided import GuidedUNet
from pirecon.priors.rrdb import RRDB
from pirecon.priors.srcnn import SRCNN
from pirecon.priors.srresnet import SRResNet
from pirecon.priors.swin import Swin
from pirecon.priors.total_variation import TotalVariation
from pirecon.priors.unet import UNet
from pirecon.priors.vdsr import VDSR
from pirecon.priors.vit import ViT
from pirecon.priors.wavelet import WaveletPrior

PRIORS: dict[str, type[nn.Module]] = {
    "srcnn": SRCNN,
    "vdsr": VDSR,
    "edsr": EDSR,
    "dncnn": DnCNN,
    "unet": UNet,
    "guided_unet": GuidedUNet,
    "rrdb": RRDB,
    "srresnet": SRResNet,
    "vit": ViT,
    "swin": Swin,
    "wavelet": WaveletPrior,
    "tv": TotalVariation,
    "bm3d": BM3D,
    "bm4d": BM4D,
}
ENTRY_POINTS = "pirecon.priors"  # group of the entry points by which other distributions offer priors


def build_prior(name: str, options: dict[str, object]) -> nn.Module:
    """A fresh prior.

    Args:
        name: key of ``PRIORS``; or "package.module:Class" of any ``torch.nn.Module``, which is imported; or the name of
            an entry point in the group ``pirecon.priors`` of an installed distribution.
        options: arguments of its constructor.

    Raises:
        ValueError: unknown family (the nearest is named), a path that cannot be imported or is no class of
            modules, or options that its constructor does not take.
        ImportError: a family whose optional package is absent.
    """
    return construct(find_prior(name), options, f"prior {name!r}")


T = TypeVar("T")


def build_named(kinds: Mapping[str, Callable[..., T]], name: str, options: dict[str, object], what: str) -> T:
    """A new object of the kind ``name``; what has no foreign classes, unlike priors, is looked up here.

    Args:
        kinds: classes, or what makes their objects, by name.
        name: key of ``kinds``.
        options: arguments of its constructor.
        what: such things, for the messages: "scheme".

    Raises:
        ValueError: unknown name (the nearest is named), or options that its constructor does not take.
    """
    if name not in kinds:
        raise ValueError(f"there is no {what} called {name!r}; {nearest(name, kinds)}")
    return construct(kinds[name], options, f"{what} {name!r}")


def construct(kind: Callable[..., T], options: dict[str, object], subject: str) -> T:
    """``kind(**options)``, with an error that says what it takes."""
    try:
        return kind(**options)
    except TypeError as error:
        takes = ", ".join(inspect.signature(kind).parameters) or "none"
        raise ValueError(f"{subject} does not take these options: {options} ({error}); it takes: {takes}") from error


def nearest(name: str, known: Iterable[str], words: str = "choose one of") -> str:
    """What a message says after a wrong name: the known one that is near, if any, and after ``words`` all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"{words} {', '.join(known)}"


def find_prior(name: str) -> type[nn.Module]:
    """The class that ``name`` stands for; see :func:`build_prior`. Only what the name says is imported."""
    if name in PRIORS:
        return PRIORS[name]
    if ":" in name:
        module, _, qualified_name = name.partition(":")
        return _module_class(module, qualified_name, f"prior {name!r}")
    offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name in offered:
        point = offered[name]
        return _module_class(point.module, point.attr, f"prior {name!r}, an entry point for {point.value!r},")
    known = sorted({*PRIORS, *offered})
    raise ValueError(
        f"there is no prior called {name!r}; {nearest(name, known)}, or name a class of your own as "
        "'package.module:Class'"
    )


def _module_class(module: str, qualified_name: str, subject: str) -> type[nn.Module]:
    try:
        found: object = importlib.import_module(module)
        for attribute in qualified_name.split("."):
            found = getattr(found, attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{subject} cannot be imported: {error}; expected 'package.module:Class' of an installed package or of a "
            "folder in PYTHONPATH"
        ) from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ValueError(f"{subject} is {found!r}; expected a class derived from torch.nn.Module")
    return found
