"""When every sample of k-space was taken, relative to its echo."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import ismrmrd
import numpy as np
import torch
from torch import Tensor

from pirecon.rawdata.grid import choose_grid, line_indices
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.readout import silent_lines
from pirecon.rawdata.streams import has_flag
from pirecon.rawdata.timing import LineTiming, line_timing
from pirecon.rawdata.trajectory import NonCartesianKSpace


@dataclass(frozen=True)
class SampleTimes:
    """Times for :func:`~pirecon.encoding.off_resonance.off_resonance_evolution`.

    Attributes:
        times: of one coil's samples, float64 ``(kz, ky, kx)`` or ``(readout, sample)``, 1 along axes on which they do
            not depend, s.
        source: what they were taken from, in a sentence.
    """

    times: Tensor
    source: str


def cartesian_times(
    raw: RawData,
    *,
    lines: np.ndarray | None = None,
    from_excitation: bool = False,
    shift: float = 0.0,
    echo_spacing: float | None = None,
) -> SampleTimes:
    """Times of sorted Cartesian k-space, echo-planar trains included.

        t(kz, ky, kx) = t_echo(kz, ky) ± (kx − n_x//2) Δt n_readout/n_x + shift

    with − for lines that were read from the far end. k = 0 of each line has t_echo: 0 for gradient echoes (the phase at
    the echo time belongs to the image), 0 for spin echoes and each echo of a turbo spin echo (refocused), and in an
    echo-planar train the time from its central echo.

    Args:
        raw: the file.
        lines: readouts of one image: one slice, one contrast; None for all imaging lines, of which the first at each
            place tells.
        from_excitation: count from the excitation instead; right for gradient echoes alone.
        shift: of the readouts from the spin echo, s, as in an asymmetric spin echo; positive is later.
        echo_spacing: of an echo-planar train, s; None takes the header's.

    Returns:
        SampleTimes on the grid of :func:`~pirecon.rawdata.sort.sort_kspace`.

    Raises:
        ValueError: the file does not say how long a sample takes, or the echo time that is asked for.

    Warns:
        UserWarning: an echo-planar train without an echo spacing in the header, or places measured at different times.
    """
    grid, dwell = choose_grid(raw), _dwell_time(raw)
    lines = raw.imaging_lines if lines is None else lines
    timing = line_timing(raw, lines[~silent_lines(raw, lines)])
    lines = timing.lines
    if raw.encoding.trajectory == "epi":
        offset, source = _train_offsets(raw, timing, echo_spacing, dwell=dwell)
        if from_excitation:
            offset, source = offset + _echo_time(raw), source + ", counted from the excitation"
    elif from_excitation:
        offset, source = timing.echo_time, "counted from the excitation"
    else:
        offset, source = np.zeros(len(lines)), "counted from each echo"
    if np.isnan(offset).any():
        raise ValueError(
            f"{raw.path} has no echo time, so times from the excitation are not known; give <TE> in the header, or "
            "count from the echo"
        )
    n_z, n_y, n_x = grid.matrix
    z, y, inside = line_indices(raw, lines, grid)
    reverse = has_flag(raw.readouts["flags"][lines], ismrmrd.ACQ_IS_REVERSE)
    along = (np.arange(n_x) - n_x // 2) * dwell * grid.n_readout / n_x
    times = offset[:, None] + np.where(reverse[:, None], -along, along)
    if np.ptp(times, axis=0).max(initial=0.0) == 0:
        found = times[:1].reshape(1, 1, n_x)
    else:
        found = _placed(times[inside], z[inside], y[inside], (n_z, n_y, n_x))
    said = f"{1e6 * dwell:.4g} us for each sample, {source}"
    return SampleTimes(torch.from_numpy(found + shift), said)


def non_cartesian_times(kspace: NonCartesianKSpace, dwell_time: float, *, echo_time: float = 0.0) -> SampleTimes:
    """Times of spokes and spirals, counted from the sample that is nearest to k = 0.

    Args:
        kspace: with its trajectory.
        dwell_time: between samples, s.
        echo_time: at k = 0, s: 0 leaves the phase at the echo to the image.

    Returns:
        SampleTimes ``(1, sample)``.

    Raises:
        ValueError: a dwell time that is no positive number.
    """
    if not dwell_time > 0:
        raise ValueError(f"the dwell time must be above 0 s, but is {dwell_time}")
    distance = kspace.trajectory.k.double().square().sum(-1).sqrt()
    along = distance.reshape(-1, distance.shape[-1]).mean(0)
    centre = int(along.argmin())
    times = (torch.arange(len(along), dtype=torch.float64, device=along.device) - centre) * dwell_time + echo_time
    return SampleTimes(times.unsqueeze(0), f"{1e6 * dwell_time:.4g} us for each sample, k = 0 at sample {centre}")


def _dwell_time(raw: RawData) -> float:
    if raw.dwell_time is None:
        raise ValueError(
            f"{raw.path} does not say how long a sample takes (sample_time_us is 0), and off-resonance acts over time; "
            "set sample_time_us in the acquisition headers: 1e6 / bandwidth"
        )
    return raw.dwell_time


def _echo_time(raw: RawData) -> float:
    return raw.physics.echo_times[0] if raw.physics.echo_times else float("nan")


def _train_offsets(
    raw: RawData, timing: LineTiming, echo_spacing: float | None, *, dwell: float
) -> tuple[np.ndarray, str]:
    """Time of k = 0 of each echo-planar line from that of the line nearest to k = 0, s."""
    sequence = raw.header.sequenceParameters
    if echo_spacing is None and sequence is not None and sequence.echo_spacing:
        echo_spacing = 1e-3 * sequence.echo_spacing[0]
    if not echo_spacing:
        echo_spacing = dwell * int(raw.readouts["number_of_samples"][timing.lines[0]])
        warnings.warn(
            f"{raw.path}: the header has no echo spacing for its echo-planar train; taken as the "
            f"{1e3 * echo_spacing:.3g} ms of one readout, too short by blips and ramps. Give <echo_spacing>",
            stacklevel=3,
        )
    index = raw.readouts["idx"][timing.lines]["kspace_encode_step_1"].astype(int)
    central = timing.echo[abs(index - choose_grid(raw).centre_y).argmin()]
    return (timing.echo - central) * echo_spacing, f"echoes {1e3 * echo_spacing:.3g} ms apart"


def _placed(times: np.ndarray, z: np.ndarray, y: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """On the grid; the first line of a place tells. What was never measured has no weight, and any times."""
    found = np.broadcast_to(times[0], shape).copy()
    found[z[::-1], y[::-1]] = times[::-1]
    if np.abs(found[z, y] - times).max() > 1e-9:
        warnings.warn(
            "lines of the same place in k-space were read at different times or in different directions; the first one "
            "counts. Give the lines of one image or one average",
            stacklevel=4,
        )
    return found
