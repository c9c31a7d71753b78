"""From a few words to a scan: the standard protocols, phantoms and encodings behind ``bloch simulate``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from bloch.phantom import Phantom, asymmetric, brain_volume, shepp_logan
from bloch.sequence import (
    TRANSAXIAL,
    Encoding,
    Protocol,
    SamplingPattern,
    central_block,
    equispaced,
    fully_sampled,
    inversion_time_of_null,
    partial_fourier,
    variable_density,
)
from bloch.tissue import tissues_at

PLANES = 3
"""Planes of the phantom in the thickness of a slice."""


class SequenceChoice(StrEnum):
    tse = "tse"
    spin_echo = "spin-echo"
    flair = "flair"
    gre = "gre"


class PhantomChoice(StrEnum):
    brain = "brain"
    shepp_logan = "shepp-logan"
    asymmetric = "asymmetric"


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


def standard_protocol(sequence: SequenceChoice, B0: float) -> Protocol:
    """A brain protocol for low field: T2-weighted TSE, T1-weighted spin echo, FLAIR, or T1-weighted gradient echo.

    Args:
        sequence: which.
        B0: field strength, T; the inversion time nulls CSF there, the flip angle is twice the Ernst angle.

    Returns:
        Protocol.

    Source: contrasts as in Liu et al., Nat Commun 12:7238 (2021).
    """
    tissues = tissues_at(B0)
    if sequence is SequenceChoice.tse:
        return Protocol("turbo_spin_echo", 0.09, 3.0, echo_train_length=12, echo_spacing=0.015)
    if sequence is SequenceChoice.spin_echo:
        return Protocol("spin_echo", 0.02, 0.5)
    if sequence is SequenceChoice.flair:
        echo_time, repetition_time = 0.08, 6.0
        null = inversion_time_of_null(tissues["csf"].T1, repetition_time, echo_time)
        return Protocol("inversion_recovery", echo_time, repetition_time, inversion_time=null)
    ernst = math.acos(math.exp(-0.03 / tissues["white_matter"].T1))
    return Protocol("spoiled_gradient_echo", 0.006, 0.03, flip_angle=2 * ernst)


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


def phantom_for(choice: PhantomChoice, encoding: Encoding, *, seed: int) -> Phantom:
    """The phantom on a grid two to three times as fine as the encoding, large enough for its slices.

    Args:
        choice: which. The head of Shepp and Logan is as tall as the field of view is wide, the asymmetric body as tall
            as the stack of slices; a single slice shows either without change along z.
        encoding: the scan it is for.
        seed: of a random head.

    Returns:
        Phantom.
    """
    (n_z, n_y, n_x), (dz, dy, dx) = encoding.matrix, encoding.voxel_size
    planes = PLANES if n_z == 1 else 2
    _, height, width = encoding.field_of_view
    stack = len(encoding.centres) * encoding.field_of_view[0]
    if choice is PhantomChoice.brain:
        # A tilted stack reaches further up and down than its slices are thick.
        reach = float(np.abs(_corners(encoding)[:, 2]).max())
        matrix = (2 * math.ceil(reach / dz - 1e-6) * planes + 1, 2 * n_y, 2 * n_x)
        generator = torch.Generator().manual_seed(seed)
        return brain_volume(generator, matrix, voxel_size=(dz / planes, dy / 2, dx / 2), lesions=True)
    depth = width if choice is PhantomChoice.shepp_logan else stack
    one_slice = stack == dz
    matrix = (1 if one_slice else round(depth / dz * planes), 2 * n_y, 2 * n_x)
    body = shepp_logan if choice is PhantomChoice.shepp_logan else asymmetric
    return body(matrix, field_of_view=(depth, height, width))


def _corners(encoding: Encoding) -> np.ndarray:
    """Patient coordinates of the corners of all slices, (corner, 3)."""
    half = np.array(encoding.field_of_view) / 2
    signs = np.stack(np.meshgrid(*[[-1, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return (encoding.centres[:, None] + (signs * half) @ encoding.directions).reshape(-1, 3)
