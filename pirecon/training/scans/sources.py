"""The image sources that a config asks for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pirecon.training.config import ImageShares
from pirecon.training.scans.image_library import (
    brain_image,
    in_parallel,
    load_library,
    photographs,
    procedural_image,
    volume_slices,
)
from pirecon.training.scans.stream import Source


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

    makers: dict[str, tuple[Callable[[], Iterator[np.ndarray]], object]] = {
        "procedural": (lambda: in_parallel(procedural_image, images.procedural), images.procedural),
        "brains": (lambda: in_parallel(brain_image, images.brains), images.brains),
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
