"""The magnetisation at the echo that fills the middle of k-space, sequence by sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bloch.magnetisation.phase_graph_echo_train import EchoTrain, steady_echo_train
from bloch.sequence.protocol import Protocol
from bloch.sequence.signal_equations import balanced_steady_state, spin_echo, spoiled_gradient_echo
from bloch.snr.inhomogeneity import dephasing
from bloch.snr.scan_plan import ScanPlan
from bloch.tissue import Tissue

N_FREQUENCIES = 256
"""Points over the range of off-resonance on which bSSFP is averaged, so that some 30 bands are resolved."""


@dataclass(frozen=True, eq=False)
class TissueTimes:
    """Tissues as tensors that broadcast, so that thousands of draws go at once.

    Attributes:
        proton_density: relative to water.
        T1: s.
        T2: s.
        T2_star: s.
    """

    proton_density: Tensor
    T1: Tensor
    T2: Tensor
    T2_star: Tensor


@dataclass(frozen=True)
class FieldSpread:
    """Off-resonance, Hz.

    Attributes:
        in_voxel: range inside a voxel; it dephases gradient echoes.
        in_head: largest deviation from the centre frequency; it moves the bands of bSSFP.
    """

    in_voxel: float = 0.0
    in_head: float = 0.0


def tissue_times(tissues: Sequence[Tissue]) -> TissueTimes:
    """Tissues as float64 tensors ``(tissue,)``."""
    columns = [(t.proton_density, t.T1, t.T2, t.T2_star) for t in tissues]
    return TissueTimes(*torch.tensor(columns, dtype=torch.float64).unbind(1))


def echo_signal(
    plan: ScanPlan, times: TissueTimes, spread: FieldSpread | None = None, *, flip_angles: Tensor | None = None
) -> Tensor:
    """Magnitude of the transverse magnetisation at the echo, in the steady state.

    Spin echo: closed form. Turbo spin echo: extended phase graph of the train in its steady state. Gradient echo: ideal
    spoiling, T2*, and dephasing by the magnet's slope across the voxel. bSSFP: closed form, averaged over the
    off-resonance in the head, dark bands included.

    Args:
        plan: scan.
        times: tissues.
        spread: off-resonance; none where None.
        flip_angles: of a gradient echo, instead of the protocol's, broadcasting with the tissues, rad.

    Returns:
        Float64, broadcast shape of the tissues; equilibrium magnetisation of water = 1.

    Source: as the functions of :mod:`bloch.sequence.signal_equations`.
    """
    protocol, spread = plan.protocol, FieldSpread() if spread is None else spread
    TE, TR = protocol.echo_time, protocol.repetition_time
    angle = torch.tensor(protocol.flip_angle, dtype=torch.float64) if flip_angles is None else flip_angles
    match protocol.name:
        case "spin_echo":
            signal = spin_echo(times.proton_density, times.T1, times.T2, echo_time=TE, repetition_time=TR)
        case "turbo_spin_echo":
            signal = train_signals(protocol, times)[..., echo_index(protocol)]
        case "spoiled_gradient_echo":
            signal = dephasing(spread.in_voxel, TE) * spoiled_gradient_echo(
                times.proton_density,
                times.T1,
                times.T2_star,
                flip_angle=angle,
                echo_time=TE,
                repetition_time=TR,
            )
        case _:
            signal = _balanced(protocol, times, spread, angle)
    return signal.abs()


def train_signals(protocol: Protocol, times: TissueTimes) -> Tensor:
    """Magnitude at every echo of a turbo spin echo.

    Args:
        protocol: with echo spacing and train; refocusing pulses of 180° where it names no angles.
        times: tissues.

    Returns:
        Float64 ``(..., echo)``.
    """
    angles = torch.tensor(protocol.refocusing_angles or (math.pi,) * protocol.echo_train_length, dtype=torch.float64)
    train = EchoTrain(angles, protocol.echo_spacing or 0.0, excitation_flip_angle=protocol.flip_angle)
    shape = torch.broadcast_shapes(times.proton_density.shape, times.T1.shape, times.T2.shape)
    T1, T2 = times.T1.expand(shape), times.T2.expand(shape)
    echoes = steady_echo_train(T1, T2, train=train, repetition_time=protocol.repetition_time)
    return times.proton_density.unsqueeze(-1) * echoes.abs()


def echo_index(protocol: Protocol) -> int:
    """Which echo of a train lies at the effective echo time, from 0.

    Raises:
        ValueError: none does.
    """
    spacing = protocol.echo_spacing or 0.0
    index = round(protocol.echo_time / spacing) - 1
    if not 0 <= index < protocol.echo_train_length or not math.isclose((index + 1) * spacing, protocol.echo_time):
        raise ValueError(
            f"the effective echo time of {protocol.echo_time} s is none of the echoes of this train: "
            f"{protocol.echo_train_length}, every {spacing} s. Take a multiple of the echo spacing."
        )
    return index


def _balanced(protocol: Protocol, times: TissueTimes, spread: FieldSpread, angle: Tensor) -> Tensor:
    """Mean magnitude over an even spread of off-resonance."""
    steps = (torch.arange(N_FREQUENCIES, dtype=torch.float64) + 0.5) / N_FREQUENCIES
    frequencies = spread.in_head * (2 * steps - 1) if spread.in_head else torch.zeros(1, dtype=torch.float64)
    signal = balanced_steady_state(
        times.proton_density.unsqueeze(-1),
        times.T1.unsqueeze(-1),
        times.T2.unsqueeze(-1),
        flip_angle=angle.unsqueeze(-1),
        echo_time=protocol.echo_time,
        repetition_time=protocol.repetition_time,
        off_resonance=frequencies,
    )
    return signal.abs().mean(-1)
