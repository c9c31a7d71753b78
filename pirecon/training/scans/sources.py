"""The image sources that a config asks for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pirecon.training.scans.anatomy import BLOCH_CODE, Range, abdomen_image, brain_image, knee_image
from pirecon.training.scans.image_library import (
    in_parallel,
    load_library,
    photographs,
    procedural_image,
    volume_slices,
)
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.stream import Source
from pirecon.training.scans.whole_cache import code_digest, content_digest

Maker = tuple[Callable[[], Iterator[np.ndarray]], object]
SCANS = "pirecon/training/scans"


def load_sources(images: ImageShares) -> list[Source]:
    """Render or read the images of every source with a share; says which real volumes are absent.

    Raises:
        ValueError: an unknown source, or none that has images.
    """
    wanted = images.volumes if images.shares.get("volumes", 0) > 0 else ()
    volumes = [Path(path) for path in wanted if Path(path).is_file()]
    if absent := [path for path in wanted if not Path(path).is_file()]:
        warnings.warn(
            f"{len(absent)} of {len(wanted)} training volumes are absent: trained without {', '.join(absent)}",
            stacklevel=2,
        )

    def real_slices() -> Iterator[np.ndarray]:
        for path in volumes:
            yield from volume_slices(path)

    procedural, from_files = code_digest(f"{SCANS}/procedural.py"), code_digest(f"{SCANS}/image_library.py")
    makers: dict[str, Maker] = {
        "procedural": (
            lambda: in_parallel(procedural_image, images.procedural),
            [images.procedural, procedural],
        ),
        "brains": anatomy_maker(brain_image, images.brains, images.field_strength),
        "knees": anatomy_maker(knee_image, images.knees, images.field_strength),
        "abdomens": anatomy_maker(abdomen_image, images.abdomens, images.field_strength),
        "photographs": (photographs, ["installed", from_files]),
        "volumes": (real_slices, [[content_digest(path) for path in volumes], from_files]),
    }
    unknown = set(images.shares) - set(makers)
    if unknown:
        raise ValueError(f"unknown image sources {sorted(unknown)}; known: {', '.join(makers)}")
    sources = []
    for name, share in images.shares.items():
        if share > 0 and (name != "volumes" or volumes):
            make, key = makers[name]
            sources.append(Source(name, load_library(name, make, Path(images.cache), key), share))
    if not sources:
        raise ValueError(
            f"there is nothing to train on: shares are {images.shares}, and {len(volumes)} volumes were found"
            + (f"; absent: {', '.join(absent)}" if absent else "")
        )
    return sources


def anatomy_maker(make_one: Callable[..., np.ndarray], count: int, field_strength: Range) -> Maker:
    """Images ``0 … count − 1`` of a function of :mod:`anatomy`, and the key of their library."""
    key = [count, *field_strength, code_digest(f"{SCANS}/anatomy.py", *BLOCH_CODE)]
    return lambda: in_parallel(partial(make_one, field_strength=field_strength), count), key
