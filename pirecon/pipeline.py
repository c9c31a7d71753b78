"""The whole way from a raw file to an image. Read this first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from pirecon.image.image import Image
from pirecon.measurement import Choices, Matrix, Measurement, calibrate
from pirecon.measurement.guide import Guides, UsedGuide, guide_note, guides_of
from pirecon.methods import Method, choose_method
from pirecon.rawdata import RawData, audit, read_mrd
from pirecon.scan_specific.methods import Learning

LONGEST = 600.0  # s, of learning from one image


def reconstruct(  # noqa: PLR0913 - the one call with everything a user can wish for
    source: str | Path | RawData,
    method: str = "unrolled",
    *,
    choices: Choices | None = None,
    checkpoint: str | Path = "default",
    matrix: Matrix | None = None,
    voxel: float | None = None,
    n_coils: int | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    guide: str | Path | None = None,
    learning: Learning | None = None,
) -> Image:
    """Raw file → image.

    Args:
        source: path of an MRD (or fastMRI/M4Raw HDF5) file, or what ``read_mrd`` gave.
        method: one of ``pirecon.methods.METHODS``.
        choices: which physics goes into the forward operator; None takes what the file suggests.
        checkpoint: of the network: a shipped name or a file.
        matrix: reconstruction grid (z, y, x) over the same field of view; the acquired matrix by default.
        voxel: instead of ``matrix``: largest in-plane voxel edge (of all edges in 3D), m.
        n_coils: compress to this many virtual coils; None keeps all.
        device: where to compute, for example "cuda".
        progress: called with (done, total) after each slice or volume.
        guide: NIfTI file with another contrast of the patient, for a network that takes one.
        learning: time limit and seed of methods that learn from each image; ten minutes an image by default.

    Returns:
        Image in SNR units, complex64 ``(*batch, z, y, x)``, on the CPU; its ``notes`` say what was done.

    Raises:
        FileNotFoundError: no such raw file or checkpoint.
        ValueError: the raw data or the arguments cannot be used; the message says why and what to do.
    """
    raw = source if isinstance(source, RawData) else read_mrd(source)
    used_guides: list[UsedGuide] | None = None if guide is None else []
    steps = _Steps(progress)
    learned: list[str] = []
    learning = replace(
        learning or Learning(seconds=LONGEST),
        progress=steps.within_image,
        report=learned.append,
    )
    solve = choose_method(
        method,
        checkpoint=checkpoint,
        device=torch.device(device),
        field_strength=raw.field_strength,
        used_guides=used_guides,
        learning=learning,
    )
    measurement = calibrate(
        raw, choices=choices, matrix=matrix, voxel=voxel, n_coils=n_coils, device=torch.device(device)
    )
    guides = None if guide is None else guides_of(measurement, guide)
    steps.n_images = measurement.n_images
    image = solve_all(measurement, solve, progress=steps.images, guides=guides)
    if guides is not None and used_guides is not None:
        measurement.notes["guide"] = guide_note(guides, used_guides, measurement)
    if learned:
        measurement.notes["learning"] = "; ".join(f"image {n}, {sentence}" for n, sentence in enumerate(learned))
    metadata: dict[str, object] = {
        "method": method,
        "field_strength": raw.field_strength,
        "echo_time": raw.echo_time,
        "repetition_time": raw.repetition_time,
        "motion": tuple(None if moving is None else moving.motion for moving in measurement.moving),
        "audit": [f"{f.name}: {f.found}; {f.done}" for f in audit(measurement.raw)],
    }
    return Image(
        data=image.cpu(),
        geometry=measurement.kspace.geometry.with_matrix(measurement.matrix),
        batch_axes=measurement.kspace.batch_axes,
        noise_scale=measurement.noise_scale,
        metadata=metadata,
        notes=measurement.notes,
    )


def solve_all(
    measurement: Measurement,
    solve: Method,
    *,
    progress: Callable[[int, int], None] | None = None,
    guides: Guides | None = None,
) -> Tensor:
    """Reconstruct every slice (contrast, repetition, …) in turn, complex ``(*batch, z, y, x)``: the memory of one."""
    images = []
    for index in range(measurement.n_images):
        guide = () if guides is None else (guides.images[index],)
        images.append(solve(*measurement.encoding(index), *guide))
        if progress is not None:
            progress(index + 1, measurement.n_images)
    return torch.stack(images).reshape(*measurement.batch, *measurement.matrix)


class _Steps:
    """Progress in images, and in the steps of an image where it takes many."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self.progress, self.done, self.n_images = progress, 0, 1

    def images(self, done: int, total: int) -> None:
        """So many images are done."""
        self.done = done
        if self.progress is not None:
            self.progress(done, total)

    def within_image(self, step: int, most: int) -> None:
        """So many steps of the next image are done."""
        if self.progress is not None:
            self.progress(self.done * most + step, self.n_images * most)
