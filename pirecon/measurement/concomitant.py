"""Maxwell terms of one scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pirecon.encoding import Evolution, MaxwellMoments, concomitant_evolution, moments_of_sequence, sorted_moments
from pirecon.encoding.imperfect_refocusing import with_imperfect_refocusing
from pirecon.encoding.maxwell_moments import moments_of_readouts, readouts_played
from pirecon.encoding.pulseq import read_sequence
from pirecon.measurement.choices import Choices
from pirecon.measurement.lines import lines_of_image
from pirecon.measurement.measurement import Measurement
from pirecon.rawdata import KSpace, RawData

SMALLEST_PHASE = 0.1
"""rad: less than that over the whole field of view changes no image."""


def concomitant_part(
    measurement: Measurement, raw: RawData, choices: Choices
) -> tuple[tuple[Evolution | None, ...], str | None]:
    """One evolution for each image, from the gradients of the Pulseq file, and a note.

    Raises:
        ValueError: asked for without a sequence or a field strength, or a sequence of another scan.
    """
    if choices.concomitant is False:
        return (), "left out, as asked"
    B0 = raw.field_strength
    if choices.sequence is None or B0 is None:
        if choices.concomitant:
            what = "the sequence (--sequence FILE.seq)" if choices.sequence is None else "the field strength"
            raise ValueError(f"{raw.path}: concomitant fields need {what}: gradients make them, and they grow as 1/B0")
        return (), None
    moments = _moments(choices.sequence)
    parts = tuple(_of_image(measurement, raw, moments, B0, index) for index in range(measurement.n_images))
    largest = max(_largest_phase(part) for part in parts)
    if largest < SMALLEST_PHASE:
        return (), f"below {SMALLEST_PHASE} rad everywhere; left out"
    return parts, f"{parts[0].source} (assumes B0 along the patient's length)"


def _moments(path: Path) -> MaxwellMoments:
    sequence = read_sequence(path)
    return with_imperfect_refocusing(moments_of_sequence(sequence), sequence)


def _of_image(measurement: Measurement, raw: RawData, moments: MaxwellMoments, B0: float, index: int) -> Evolution:
    """Of one image: the readouts of its slice, contrast and so on."""
    kspace = measurement.kspace
    lines = lines_of_image(raw, measurement, index)
    if isinstance(kspace, KSpace):
        own = sorted_moments(raw, moments, lines=lines)
    else:
        played = readouts_played(raw, moments)
        rows = np.searchsorted(played, lines)
        own = moments_of_readouts(moments, rows)
    geometry = kspace.geometry.with_matrix(measurement.matrix)
    evolution = concomitant_evolution(own, geometry, B0=B0, slice=measurement.counter(index, "slice"))
    return replace(
        evolution,
        basis=evolution.basis.to(kspace.data),
        coefficients=evolution.coefficients.to(kspace.data),
    )


def _largest_phase(evolution: Evolution) -> float:
    """Largest |e − 1| over the corners of time and space, which small phases equal."""
    basis = evolution.basis.flatten(1)
    some = basis[:, :: max(1, basis.shape[1] // 512)]
    voxels = evolution.coefficients.flatten(1)
    voxels = voxels[:, :: max(1, voxels.shape[1] // 512)]
    return float((basis.new_tensor(1) - some.T @ voxels).abs().max())
