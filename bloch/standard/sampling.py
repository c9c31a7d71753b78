"""Which lines and which slices: from a few numbers to a sampling pattern and a stack."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.spatial.transform import Rotation

from bloch.sequence import (
    TRANSAXIAL,
    SamplingPattern,
    central_block,
    equispaced,
    fully_sampled,
    partial_fourier,
    variable_density,
)


class PatternChoice(StrEnum):
    equispaced = "equispaced"
    variable_density = "variable-density"


@dataclass(frozen=True)
class SamplingRequest:
    """How k-space is to be undersampled.

    Attributes:
        acceleration: along ky, at least 1.
        acceleration_z: along kz, at least 1.
        pattern: equispaced or random.
        calibration: central lines for coil calibration on each axis; none without acceleration.
        separate: the calibration is a scan of its own.
        partial_fourier: measured fraction of ky.
    """

    acceleration: float = 1.0
    acceleration_z: int = 1
    pattern: PatternChoice = PatternChoice.equispaced
    calibration: int = 24
    separate: bool = False
    partial_fourier: float = 1.0


def sampling_pattern(shape: tuple[int, int], request: SamplingRequest, *, seed: int) -> SamplingPattern:
    """Lines to measure.

    Args:
        shape: lines ``(kz, ky)``.
        request: the wishes.
        seed: of the random pattern.

    Returns:
        SamplingPattern.

    Raises:
        ValueError: an equispaced acceleration is not a whole number, or partial Fourier leaves out the centre.
    """
    window = partial_fourier(shape, request.partial_fourier)
    whole = round(request.acceleration)
    if request.acceleration * request.acceleration_z == 1:
        pattern = fully_sampled(shape)
        return SamplingPattern(pattern.imaging & window, pattern.calibration)
    if request.pattern is PatternChoice.equispaced:
        if whole != request.acceleration:
            raise ValueError(
                f"equispaced lines need a whole acceleration, but {request.acceleration} was asked; "
                "round it or choose the variable-density pattern"
            )
        imaging = equispaced(shape, (request.acceleration_z, whole))
    else:
        total = request.acceleration * request.acceleration_z
        imaging = variable_density(shape, total, rng=np.random.default_rng(seed))
    calibration = central_block(shape, request.calibration)
    claim = (request.acceleration_z, max(whole, 1))
    return SamplingPattern(imaging & window, calibration & (window | request.separate), request.separate, claim)


def slice_stack(n_slices: int, thickness: float, *, tilt_degrees: tuple[float, float, float] = (0, 0, 0)) -> tuple:
    """Centres and directions of contiguous slices round the origin.

    Args:
        n_slices: how many.
        thickness: distance from slice to slice, m.
        tilt_degrees: turns about the patient's L, P and S axes, one after another.

    Returns:
        Centres ``(slice, 3)`` in m and directions ``(3, 3)``, LPS.
    """
    turn = Rotation.from_euler("xyz", tilt_degrees, degrees=True).as_matrix()
    directions = TRANSAXIAL @ turn.T
    offsets = (np.arange(n_slices) - (n_slices - 1) / 2) * thickness
    return offsets[:, None] * directions[0], directions
