"""The image sources that a config asks for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pirecon.training.scans.anatomy import FIELD_STRENGTH, abdomen_image, brain_image, knee_image
from pirecon.training.scans.image_library import (
    in_parallel,
    load_library,
    photographs,
    procedural_image,
    volume_slices,
)
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.stream import Source

Maker = tuple[Callable[[], Iterator[np.ndarray]], object]


def load_sources(images: ImageShares) -> list[Source]:
    """Render or read the images of every source with a share; says which real volumes are absent."""
    volumes = [Path(path) for path in images.volumes if Path(path).is_file()]
    if len(volumes) < len(images.volumes):
        warnings.warn(
            f"{len(images.volumes) - len(volumes)} of {len(images.volumes)} training volumes are absent: "
            "trained without them",
            stacklevel=2,
        )

    def real_slices() -> Iterator[np.ndarray]:
        for path in volumes:
            yield from volume_slices(path)

    makers: dict[str, Maker] = {
        "procedural": (lambda: in_parallel(procedural_image, images.procedural), images.procedural),
        "brains": _anatomy(brain_image, images.brains, images.field_strength),
        "knees": _anatomy(knee_image, images.knees, images.field_strength),
        "abdomens": _anatomy(abdomen_image, images.abdomens, images.field_strength),
        "photographs": (photographs, "installed"),
        "volumes": (real_slices, [path.name for path in volumes]),
    }
    unknown = set(images.shares) - set(makers)
    if unknown:
        raise ValueError(f"unknown image sources {sorted(unknown)}; known: {', '.join(makers)}")
    sources = []
    for name, share in images.shares.items():
        if share > 0 and (name != "volumes" or volumes):
            make, key = makers[name]
            sources.append(Source(name, load_library(name, make, Path(images.cache), key), share))
    return sources


def _anatomy(make_one: Callable[..., np.ndarray], count: int, field_strength: tuple[float, float]) -> Maker:
    # The default field has the key that images had before there was a choice.
    key = count if tuple(field_strength) == FIELD_STRENGTH else [count, *field_strength]
    return lambda: in_parallel(partial(make_one, field_strength=field_strength), count), key
