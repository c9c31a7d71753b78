"""From what an operator asks of slices, lines and readout to an encoding."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence import Encoding, fully_sampled
from bloch.sequence.encoding import TriInt
from bloch.standard.sampling import SamplingRequest, sampling_pattern, slice_stack


@dataclass(frozen=True)
class SliceRequest:
    """Where to measure.

    Attributes:
        matrix: voxels ``(z, y, x)`` of a slice (z = 1) or slab.
        n_slices: slices or slabs.
        field_of_view: in the plane, both ways, m.
        thickness: of a slice, or of a partition of a slab, m.
        tilt_degrees: turns about the patient's L, P and S axes.
    """

    matrix: TriInt
    n_slices: int
    field_of_view: float
    thickness: float
    tilt_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ReadoutRequest:
    """How to listen.

    Attributes:
        bandwidth: of the field of view along the readout, Hz.
        oversampling: of the readout.
        n_averages: repeats of each line.
        alternating: every second line is read backwards.
        noise_readouts: length of the noise scan; 0 for none.
    """

    bandwidth: float
    oversampling: int = 2
    n_averages: int = 1
    alternating: bool = False
    noise_readouts: int = 32


def encoding_for(
    slices: SliceRequest, sampling: SamplingRequest, readout: ReadoutRequest, scanner: Scanner, *, seed: int
) -> Encoding:
    """The encoding of a scan round the origin.

    Args:
        slices: where.
        sampling: which lines.
        readout: how.
        scanner: whose receiver's raster the sample time keeps.
        seed: of a random pattern.

    Returns:
        Encoding.

    Raises:
        ValueError: sampling that cannot be had, see :func:`bloch.standard.sampling.sampling_pattern`.
    """
    height = slices.matrix[0] * slices.thickness
    centres, directions = slice_stack(slices.n_slices, height, tilt_degrees=slices.tilt_degrees)
    raster = scanner.adc_raster
    return Encoding(
        slices.matrix,
        (height, slices.field_of_view, slices.field_of_view),
        centres,
        directions,
        sampling_pattern(slices.matrix[:2], sampling, seed=seed),
        oversampling=readout.oversampling,
        n_averages=readout.n_averages,
        alternating_readout=readout.alternating,
        sample_time=max(round(1 / (readout.bandwidth * readout.oversampling) / raster), 1) * raster,
        noise_readouts=readout.noise_readouts,
    )


def measures_every_line(encoding: Encoding) -> bool:
    """Whether the scan measures every Cartesian line itself.

    Args:
        encoding: of the scan.

    Returns:
        False for other trajectories.
    """
    pattern = encoding.sampling
    embedded = np.zeros_like(pattern.imaging) if pattern.separate else pattern.calibration
    return encoding.trajectory in ("cartesian", "epi") and bool((pattern.imaging | embedded).all())


def with_every_line(encoding: Encoding) -> Encoding:
    """The same scan with every Cartesian line once.

    Args:
        encoding: any.

    Returns:
        Encoding.
    """
    return replace(encoding, trajectory="cartesian", sampling=fully_sampled(encoding.matrix[:2]), n_averages=1)
