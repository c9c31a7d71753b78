"""What the concomitant field needs of the gradients: time integrals of their products up to every sample."""

from __future__ import annotations

from dataclasses import dataclass

import ismrmrd
import numpy as np
import torch
from torch import Tensor

from bloch.magnetisation import timeline
from bloch.sequence import Sequence
from pirecon.encoding.sample_times import cartesian_times
from pirecon.rawdata.geometry import Geometry
from pirecon.rawdata.grid import choose_grid, line_indices
from pirecon.rawdata.gyromagnetic_ratio import GYROMAGNETIC_RATIO
from pirecon.rawdata.raw_data import RawData
from pirecon.rawdata.streams import has_flag
from pirecon.rawdata.trajectory import NonCartesianKSpace

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Products that are kept, by axes of the patient: xx, yy, zz, xy, xz, yz."""


@dataclass(frozen=True)
class MaxwellMoments:
    """±γ/2π ∫ G_i G_j dt from the excitation to every sample, turned round by every refocusing pulse.

    Attributes:
        moments: float32 ``(6, *samples)`` in the order of ``PAIRS``, along the patient's x, y, z, (T/m)² Hz s/T; 1
            along axes of the samples that do not matter.
        source: what the gradients were taken from and what is left out, in a sentence.
        mirrored: the same on the other path of an echo train, ``(6, *samples)``; None for a single path.
        share: of the first path, ``(*samples)``; the mirrored one has the rest.
    """

    moments: Tensor
    source: str
    mirrored: Tensor | None = None
    share: Tensor | None = None


def moments_of_sequence(sequence: Sequence) -> MaxwellMoments:
    """From the gradients that a sequence plays, all axes, lobes and crushers.

    The magnetisation is followed along the path of the primary echoes: it begins at the centre of each excitation and
    is mirrored at the centre of each refocusing pulse. Stimulated echoes of imperfect refocusing are left out.

    Args:
        sequence: of :func:`bloch.sequence.read_pulseq` or a builder; without an encoding its x, y, z are taken for the
            patient's.

    Returns:
        MaxwellMoments ``(6, readout, sample)`` of all readouts in order of time.

    Raises:
        ValueError: the readouts have different lengths, or there are none.
    """
    lengths = sorted({b.readout.n_samples for b in sequence.blocks if b.readout is not None})
    if len(lengths) != 1:
        raise ValueError(f"the readouts of a sequence must have one length, but those of this one have {lengths}")
    steps = timeline(sequence, concomitant=True)
    assert steps.products is not None  # by concomitant=True
    until = np.concatenate([np.zeros((1, len(PAIRS))), steps.products.numpy().cumsum(0)])
    uses = [b.rf.use for b in sequence.blocks if b.rf is not None]
    pulse, end = steps.pulse.numpy(), np.concatenate([[0.0], steps.end.numpy()])
    # Between two pulses the phase is until + offset; a mirrored phase −φ goes on from there.
    borders, offsets = [0], [np.zeros(len(PAIRS))]
    for p, use in enumerate(uses):
        own = np.flatnonzero(pulse == p)
        if use not in ("excitation", "refocusing") or not len(own):
            continue
        middle = (end[own[0]] + end[own[-1] + 1]) / 2
        at = int(own[0] + abs(end[own[0] : own[-1] + 2] - middle).argmin())
        here = until[at] + offsets[-1]
        borders.append(at)
        offsets.append(-until[at] if use == "excitation" else -here - until[at])
    sampled = np.flatnonzero(steps.sample.numpy() >= 0)
    stretch = np.searchsorted(borders, sampled + 1, side="left") - 1
    found = until[sampled + 1] + np.stack(offsets)[stretch]
    moments = torch.from_numpy(found.T.reshape(len(PAIRS), -1, lengths[0]).astype(np.float32))
    turned = (
        "" if sequence.encoding is not None else ", whose x, y, z are taken for the patient's left, posterior, superior"
    )
    return MaxwellMoments(moments, f"all gradients of the sequence{turned}")


def moments_of_trajectory(kspace: NonCartesianKSpace, dwell_time: float) -> MaxwellMoments:
    """From the steps of a trajectory: G = Δk / (γ/2π Δt) between two samples.

    Args:
        kspace: of one image (no batch axes), with its trajectory.
        dwell_time: between samples, s.

    Returns:
        MaxwellMoments ``(6, readout, sample)``, counted from each readout's first sample; what the gradients did before
        (prephasing, slice selection) is not known and stays in the image.

    Raises:
        ValueError: batch axes, or a dwell time that is no positive number.
    """
    k = kspace.trajectory.k.double()
    if k.ndim != 3 or not dwell_time > 0:
        raise ValueError(
            f"expected the trajectory (readout, sample, 3) of one image and a dwell time above 0 s, found "
            f"{tuple(k.shape)} and {dwell_time}"
        )
    directions = torch.from_numpy(np.asarray(kspace.geometry.directions)).to(k)  # rows z, y, x
    G = k.diff(dim=1) @ directions / (GYROMAGNETIC_RATIO * dwell_time)  # (readout, sample − 1, patient axis)
    steps = torch.stack([G[..., i] * G[..., j] for i, j in PAIRS]) * (GYROMAGNETIC_RATIO * dwell_time)
    moments = torch.nn.functional.pad(steps.cumsum(-1), (1, 0))
    return MaxwellMoments(moments.float(), "gradients from the steps of the trajectory, counted from the first sample")


def moments_of_header(raw: RawData) -> MaxwellMoments:
    """From what the header of a Cartesian scan tells: the readout gradient, G = 1 / (γ/2π FOV Δt).

        ∫ G² dt = G² t,   t = 0 at the echo

    It acts as an off-resonance γ/2π G² (…) / 2B0 along the readout. Prephaser, phase encoding, slice selection and
    crushers are not in the header: what they add, different for each line, is left out. A Pulseq file tells it.

    Args:
        raw: the file.

    Returns:
        MaxwellMoments on the grid of sorted k-space.

    Raises:
        ValueError: the file does not say how long a sample takes.
    """
    grid, times = choose_grid(raw), cartesian_times(raw)
    n_x, extent = grid.matrix[2], grid.geometry.matrix[2] * grid.geometry.voxel_size[2]
    dwell = (raw.dwell_time or np.nan) * grid.n_readout / n_x
    G = torch.from_numpy(grid.geometry.directions[2] / (GYROMAGNETIC_RATIO * extent * dwell))
    Q = torch.stack([G[i] * G[j] for i, j in PAIRS]).reshape(-1, 1, 1, 1)
    said = f"a readout gradient of {1e3 * float(G.norm()):.3g} mT/m from field of view and dwell time"
    return MaxwellMoments(
        (GYROMAGNETIC_RATIO * Q * times.times).float(), said + "; all other gradients are not known and left out"
    )


def sorted_moments(raw: RawData, moments: MaxwellMoments, *, lines: np.ndarray | None = None) -> MaxwellMoments:
    """The moments of a sequence's readouts on the grid of sorted Cartesian k-space.

    Args:
        raw: the file that the sequence measured.
        moments: ``(6, readout, sample)`` of all its readouts.
        lines: readouts of one image (one slice); None for all imaging lines, of which the first at each place tells.

    Returns:
        MaxwellMoments ``(6, kz, ky, kx)``; where the readout is oversampled, those at the kept k.

    Raises:
        ValueError: the sequence has another number of readouts or samples than the file.
    """
    grid = choose_grid(raw)
    lines = np.sort(raw.imaging_lines if lines is None else lines)
    played = readouts_played(raw, moments)
    position = np.full(len(raw.readouts), -1)
    position[played] = np.arange(len(played))
    n_x = grid.matrix[2]
    z, y, inside = line_indices(raw, lines, grid)
    lines, z, y = lines[inside], z[inside], y[inside]
    reverse = has_flag(raw.readouts["flags"][lines], ismrmrd.ACQ_IS_REVERSE)
    n_samples = moments.moments.shape[2]
    along = (np.arange(n_x) - n_x // 2) * grid.n_readout / n_x
    rows = _rows(moments)
    kept = rows[:, position[lines]]
    found = np.zeros((len(rows), *grid.matrix), np.float32)
    for i in reversed(range(len(lines))):
        centre = n_samples - 1 - n_samples // 2 if reverse[i] else n_samples // 2
        at = centre + (-along if reverse[i] else along)
        found[:, z[i], y[i]] = [np.interp(at, np.arange(n_samples), row) for row in kept[:, i]]
    placed = torch.from_numpy(found)
    n = len(PAIRS)
    if len(placed) == n:
        return MaxwellMoments(placed, moments.source)
    return MaxwellMoments(placed[:n], moments.source, placed[n : 2 * n], placed[2 * n])


def _rows(moments: MaxwellMoments) -> np.ndarray:
    """All that is known of a sample, ``(row, readout, sample)``."""
    if moments.mirrored is None or moments.share is None:
        return moments.moments.numpy()
    return torch.cat([moments.moments, moments.mirrored, moments.share.unsqueeze(0)]).numpy()


def moments_of_readouts(moments: MaxwellMoments, readouts: np.ndarray) -> MaxwellMoments:
    """Those of some of a sequence's readouts, as of one slice.

    Args:
        moments: ``(6, readout, sample)``.
        readouts: indices.

    Returns:
        MaxwellMoments of these, in their order.
    """
    rows = torch.from_numpy(readouts)
    mirrored = None if moments.mirrored is None else moments.mirrored[:, rows]
    share = None if moments.share is None else moments.share[rows]
    return MaxwellMoments(moments.moments[:, rows], moments.source, mirrored, share)


def readouts_played(raw: RawData, moments: MaxwellMoments) -> np.ndarray:
    """The file's readouts that a sequence made, in its order: all but the noise scan.

    Args:
        raw: the file.
        moments: ``(6, readout, sample)`` of a sequence.

    Returns:
        Indices of readouts, int64.

    Raises:
        ValueError: the sequence has another number of readouts or samples than the file.
    """
    played = np.setdiff1d(np.arange(len(raw.readouts)), raw.streams.noise)
    lengths = np.unique(raw.readouts["number_of_samples"][played])
    if len(played) != moments.moments.shape[1] or lengths.tolist() != [moments.moments.shape[2]]:
        raise ValueError(
            f"the sequence reads {moments.moments.shape[1]} times {moments.moments.shape[2]} samples, {raw.path} holds "
            f"{len(played)} readouts of {', '.join(map(str, lengths))} samples beside its noise scan; this is probably "
            "the sequence of another scan"
        )
    return played


def slice_positions(geometry: Geometry, slice: int) -> Tensor:
    """Where the voxels of a slice or slab are in the patient, LPS.

    Args:
        geometry: of the reconstruction grid.
        slice: index.

    Returns:
        Float64 ``(z, y, x, 3)``, m.
    """
    axes = [
        (torch.arange(n, dtype=torch.float64) - n // 2).unsqueeze(1) * size * torch.from_numpy(np.array(direction))
        for n, size, direction in zip(geometry.matrix, geometry.voxel_size, geometry.directions, strict=True)
    ]
    z, y, x = axes
    centre = torch.from_numpy(np.asarray(geometry.centres[slice], dtype=np.float64))
    return centre + z[:, None, None] + y[None, :, None] + x[None, None, :]
