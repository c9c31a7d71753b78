"""The images that training scans: rendered once, finer than they are reconstructed, kept as one array a source."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pirecon.training.scans.course import told
from pirecon.training.scans.procedural import random_image

SIZE = 384  # voxels across a rendered image
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png", "grass.png"),
    *("gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg"),
    *("rocket.jpg", "china.jpg", "flower.jpg"),
)
logger = logging.getLogger(__name__)


def procedural_image(seed: int) -> np.ndarray:
    """Procedural image number ``seed``."""
    return random_image(SIZE, np.random.default_rng([1, seed]))


def photographs() -> Iterator[np.ndarray]:
    """Crops of the photographs that scikit-image and scikit-learn install, grey values 0–1."""
    import skimage.data
    import sklearn.datasets
    from skimage import io

    folders = [Path(skimage.data.__file__).parent, Path(sklearn.datasets.__file__).parent / "images"]
    paths = [folder / name for folder in folders for name in PHOTOGRAPHS if (folder / name).exists()]
    for path in paths:
        pixels = io.imread(path).astype(np.float32)
        grey = pixels[..., :3].mean(-1) if pixels.ndim == 3 else pixels
        grey = grey / grey.max()
        for top in range(0, max(grey.shape[0] - SIZE // 2, 1), SIZE // 2):
            for left in range(0, max(grey.shape[1] - SIZE // 2, 1), SIZE // 2):
                yield _fit(grey[top : top + SIZE, left : left + SIZE])


def volume_slices(path: Path) -> Iterator[np.ndarray]:
    """Slices along the third axis of a magnitude NIfTI, zero level removed, 0–1, centred in ``SIZE`` squared.

    Slices that show nothing, as there are at the ends of a stack, are left out.
    """
    for contrasts in paired_slices([path]):
        yield contrasts[0]


def paired_slices(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    """Slices that show something in every one of some volumes, ``(volume, SIZE, SIZE)``; see :func:`volume_slices`."""
    volumes = [_grey_values(path) for path in paths]
    for index in range(min(volume.shape[2] for volume in volumes)):
        slices = [np.clip(volume[:, :, index].T, 0, None) for volume in volumes]
        peaks = [np.percentile(slice_, 99.9) for slice_ in slices]
        if min(peaks) > 0:
            yield np.stack([_fit(slice_ / peak) for slice_, peak in zip(slices, peaks, strict=True)])


def _grey_values(path: Path) -> np.ndarray:
    import nibabel

    volume: np.ndarray = np.asanyarray(nibabel.nifti1.load(path).dataobj).astype(np.float32)
    # Some files count from an offset; the air around the head is zero.
    return volume - np.percentile(volume, 1)


def _fit(image: np.ndarray) -> np.ndarray:
    from skimage.transform import resize

    scale = SIZE / max(image.shape)
    shape = tuple(max(1, round(n * scale)) for n in image.shape)
    out = np.zeros((SIZE, SIZE), np.float32)
    start = [(SIZE - n) // 2 for n in shape]
    anti_aliasing = scale < 1
    out[start[0] : start[0] + shape[0], start[1] : start[1] + shape[1]] = resize(
        image, shape, order=3, anti_aliasing=anti_aliasing
    )
    return np.clip(out, 0, None)


def load_library(name: str, make: Callable[[], Iterator[np.ndarray]], cache: Path, key: object) -> np.ndarray:
    """Images of one source, float16 ``(n, …, SIZE, SIZE)``, memory-mapped; made on the first call, then read.

    That they are made, and where they are kept, is logged.

    Args:
        name: source name, part of the file's name.
        make: yields the images.
        cache: folder of the arrays.
        key: what the images depend on (counts, digests of files and code); another key makes another file.

    Raises:
        ValueError: there is no image, or the file was cut off or replaced after it was written.
    """
    digest = hashlib.sha256(json.dumps([key, SIZE], default=str).encode()).hexdigest()[:10]
    path = cache / f"{name}-{digest}.npy"
    if not path.exists():
        logger.info("the images %r are rendered once, and kept as %s", name, path)
        cache.mkdir(parents=True, exist_ok=True)
        images = [image.astype(np.float16) for image in make()]
        if not images:
            raise ValueError(f"there is no image in the source {name!r}: its count is 0, or its files show nothing")
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            np.save(file, np.stack(images))
        part.replace(path)
    return _read_library(path)


def _read_library(path: Path) -> np.ndarray:
    try:
        images = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it, and the next run renders it again") from error
    if images.ndim < 3 or images.shape[-2:] != (SIZE, SIZE) or images.dtype != np.float16:
        raise ValueError(
            f"{path} holds {images.shape} of {images.dtype} where images of {SIZE} × {SIZE} in float16 were written; "
            "delete it, and the next run renders it again"
        )
    return images


def in_parallel(make_one: Callable[[int], np.ndarray], count: int) -> Iterator[np.ndarray]:
    """``make_one(0 … count − 1)``, on all cores, in order; logs how far it is."""
    with ProcessPoolExecutor(initializer=_begin_worker, initargs=(os.getpid(),)) as pool:
        yield from told(pool.map(partial(make_one), range(count), chunksize=8), count, "images")


def _begin_worker(parent: int) -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A worker waits for ever for a parent that was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
