"""Which echo of which train read which line: what the header and the counters of a raw file tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pirecon.rawdata import RawData
from pirecon.rawdata.grid import choose_grid, line_indices
from pirecon.rawdata.timing import line_timing

LEAST_REFOCUSING = math.radians(100)
"""A flip angle above this is that of the refocusing pulses: no one excites a spin echo with it."""


@dataclass(frozen=True)
class RefocusedTrain:
    """A train of spin echoes and what it read.

    Attributes:
        echo_spacing: s.
        refocusing_angles: of every pulse, rad; as many as echoes.
        repetition_time: s, or None.
        inversion_time: s, or None.
        share: how much of each line was read by each echo, float64 ``(echo, kz, ky)``; 1 in total, 0 where unmeasured.
        effective_echo: index of the echo that read k = 0.
        source: where each number came from, and what was assumed.
    """

    echo_spacing: float
    refocusing_angles: tuple[float, ...]
    repetition_time: float | None
    inversion_time: float | None
    share: Tensor
    effective_echo: int
    source: str

    @property
    def n_echoes(self) -> int:
        """Echoes of one excitation."""
        return len(self.refocusing_angles)


def refocused_train(raw: RawData, *, contrast: int | None = None) -> RefocusedTrain | str:
    """The train of spin echoes of a raw file.

    Args:
        raw: the raw file.
        contrast: only the lines with this value of the contrast counter; None takes all.

    Returns:
        RefocusedTrain, or a sentence that says why relaxation does nothing along the phase encodings, or why it cannot
        be known.
    """
    if raw.encoding.trajectory != "cartesian":
        return f"the trajectory is {raw.encoding.trajectory}; trains of spin echoes are looked for in Cartesian scans"
    lines = raw.imaging_lines
    if contrast is not None:
        lines = lines[raw.readouts["idx"]["contrast"][lines] == contrast]
    if len(lines) == 0:
        return f"no line has the contrast {contrast}"
    timing = line_timing(raw, lines)
    if not timing.echo.any():
        return "every line has an excitation of its own (echo train length 1), so all saw the same relaxation"
    share = _share(raw, timing.lines, timing.echo)
    effective = _effective_echo(share)
    n_echoes = len(share)
    spacing, said = _echo_spacing(raw, effective)
    if spacing is None:
        return f"{n_echoes} echoes read the lines, but the header gives neither an echo spacing nor an echo time"
    angle, of_angle = _refocusing_angle(raw)
    notes = [f"{n_echoes} echoes ({timing.source})", said, of_angle]
    return RefocusedTrain(
        spacing, (angle,) * n_echoes, raw.repetition_time, raw.inversion_time, share, effective, "; ".join(notes)
    )


def signal_to_noise(train: RefocusedTrain, kspace: Tensor) -> Tensor:
    """P / σ² of the lines of each echo: the power of the signal over that of the noise, once the coils are combined.

    Args:
        train: which echo read what.
        kspace: whitened, complex ``(*batch, coil, kz, ky, kx)``, SNR units, zero where nothing was measured.

    Returns:
        Float64 ``(echo,)``, at least 0; on the CPU.
    """
    samples = kspace.movedim(-4, 0).flatten(1, -4) if kspace.ndim > 4 else kspace[:, None]  # (coil, batch, kz, ky, kx)
    measured = (samples != 0).double().sum((1, -1))  # (coil, kz, ky)
    power = samples.abs().square().double().sum((0, 1, -1)) - 2 * measured.sum(0)
    signal, noise = (torch.einsum("ezy,zy->e", train.share, part.cpu()) for part in (power, 2 * measured.amax(0)))
    return signal.clamp_min(0) / noise.clamp_min(1)


def _share(raw: RawData, lines: np.ndarray, echo: np.ndarray) -> Tensor:
    """Float64 ``(echo, kz, ky)``: several averages or slices may have read a line by different echoes."""
    grid = choose_grid(raw)
    n_z, n_y, _ = grid.matrix
    z, y, inside = line_indices(raw, lines, grid)
    counts = np.zeros((int(echo.max()) + 1, n_z, n_y))
    np.add.at(counts, (echo[inside], z[inside], y[inside]), 1.0)
    return torch.from_numpy(counts / np.maximum(counts.sum(0), 1))


def _effective_echo(share: Tensor) -> int:
    """The echo of the measured line nearest to k = 0."""
    _, n_z, n_y = share.shape
    z, y = torch.meshgrid(torch.arange(n_z) - n_z // 2, torch.arange(n_y) - n_y // 2, indexing="ij")
    distance = torch.where(share.sum(0) > 0, (z / max(n_z, 1)) ** 2 + (y / n_y) ** 2, math.inf)
    return int(share.flatten(1)[:, int(distance.argmin())].argmax())


def _echo_spacing(raw: RawData, effective_echo: int) -> tuple[float | None, str]:
    sequence = raw.header.sequenceParameters
    if sequence is not None and sequence.echo_spacing and sequence.echo_spacing[0] > 0:
        spacing = 1e-3 * float(sequence.echo_spacing[0])
        return spacing, f"echo spacing {1e3 * spacing:.4g} ms"
    if raw.echo_time:
        spacing = raw.echo_time / (effective_echo + 1)
        return spacing, (
            f"the header has no echo spacing: {1e3 * spacing:.4g} ms assumed, so that k = 0, read by echo "
            f"{effective_echo + 1}, stands at the echo time {1e3 * raw.echo_time:.4g} ms"
        )
    return None, ""


def _refocusing_angle(raw: RawData) -> tuple[float, str]:
    """MRD has one list of flip angles and does not say of which pulse."""
    angles = [angle for angle in raw.physics.flip_angles if LEAST_REFOCUSING <= angle <= math.pi + 1e-6]
    if angles:
        return angles[-1], f"refocusing pulses of {math.degrees(angles[-1]):.0f} degrees"
    return math.pi, "refocusing pulses of 180 degrees assumed, since the header names none"
