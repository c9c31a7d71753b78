"""A scan as far as the SNR is concerned: protocol, voxels, bandwidth, and the time it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bloch.receiver import Acquisition
from bloch.sequence.protocol import Protocol

DEAD_TIME = 3e-3
"""Pulses and gradient lobes around each readout, s: a choice within what low-field scanners and clinical ones need."""

KNOWN = ("spin_echo", "turbo_spin_echo", "spoiled_gradient_echo", "balanced_ssfp")


@dataclass(frozen=True)
class ScanPlan:
    """What the operator sets, with what decides over noise and time.

    Attributes:
        protocol: echo time, repetition time, flip angle, echo train.
        voxel_size: ``(z, y, x)``, m; x is the readout, z the slice or the partition.
        matrix: ``(z, y, x)``; z is 1 for slices, the partitions for a slab.
        pixel_bandwidth: of the receiver for a pixel, Hz: 1 / duration of a readout, whatever the oversampling.
        n_slices: slices (or slabs) that are scanned within the scan time.
        averages: repeats of each line.
        dead_time: pulses and gradient lobes around each readout, s.

    Raises:
        ValueError: a sequence without a model here, sizes that are not positive, a readout that does not fit.
    """

    protocol: Protocol
    voxel_size: tuple[float, float, float]
    matrix: tuple[int, int, int]
    pixel_bandwidth: float
    n_slices: int = 1
    averages: int = 1
    dead_time: float = DEAD_TIME

    def __post_init__(self) -> None:
        if self.protocol.name not in KNOWN:
            raise ValueError(
                f"no SNR model for the sequence {self.protocol.name!r}; there is one for {', '.join(KNOWN)}"
            )
        if not min(*self.voxel_size, *self.matrix, self.pixel_bandwidth, self.n_slices, self.averages) > 0:
            raise ValueError(
                f"voxel size (m), matrix, pixel bandwidth (Hz), slices and averages must be above 0, but are {self}"
            )
        _check_readout(self)

    @property
    def readout_time(self) -> float:
        """Duration of a readout, s."""
        return 1 / self.pixel_bandwidth

    @property
    def voxel_volume(self) -> float:
        """m³."""
        return math.prod(self.voxel_size)

    @property
    def listening_time(self) -> float:
        """How long the receiver listens to a voxel in all readouts of its slice or slab, s; dead times not counted."""
        n_z, n_y, _ = self.matrix
        return n_z * n_y * self.averages * self.readout_time


def acquisition(plan: ScanPlan) -> Acquisition:
    """The plan in the words of :func:`bloch.receiver.voxel_snr`.

    Args:
        plan: scan.

    Returns:
        Acquisition whose samples over bandwidth are the plan's listening time.
    """
    return Acquisition(
        plan.voxel_volume, plan.pixel_bandwidth * plan.matrix[2], math.prod(plan.matrix), averages=plan.averages
    )


def scan_time(plan: ScanPlan) -> float:
    """How long the scan takes.

        packages × shots × TR × averages,   shots = ⌈n_z n_y / echo train length⌉

    Slices are interleaved: as many go into one repetition time as fit, the others wait for the next package.

    Args:
        plan: scan.

    Returns:
        Scan time, s; without the pulses that lead to the steady state.
    """
    protocol = plan.protocol
    shots = math.ceil(plan.matrix[0] * plan.matrix[1] / protocol.echo_train_length)
    together = max(1, math.floor(protocol.repetition_time / _busy_time(plan) * (1 + 1e-9)))
    packages = math.ceil(plan.n_slices / together)
    return packages * shots * protocol.repetition_time * plan.averages


def _busy_time(plan: ScanPlan) -> float:
    """How long one slice keeps the scanner busy in a repetition, s."""
    protocol = plan.protocol
    if protocol.name == "turbo_spin_echo":
        return protocol.echo_train_length * (protocol.echo_spacing or 0.0) + plan.dead_time
    if protocol.name == "balanced_ssfp":  # the steady state of one slice must not wait for another
        return protocol.repetition_time
    return protocol.echo_time + 0.5 * (plan.readout_time + plan.dead_time)


def _check_readout(plan: ScanPlan) -> None:
    """A readout lies symmetrically round its echo, with the dead time before and after it."""
    protocol, needed = plan.protocol, plan.readout_time + plan.dead_time
    TE, TR = protocol.echo_time, protocol.repetition_time
    if protocol.name == "spin_echo":
        place, room = "echo time", min(TE, 2 * (TR - TE))
    elif protocol.name == "turbo_spin_echo":
        if protocol.echo_spacing is None:
            raise ValueError("a turbo spin echo needs an echo spacing, but the protocol has none")
        place, room = "echo spacing", protocol.echo_spacing
    else:
        place, room = "echo time and repetition time", 2 * min(TE, TR - TE)
    if needed > room * (1 + 1e-9):
        raise ValueError(
            f"a readout of {1e3 * plan.readout_time:.3g} ms ({plan.pixel_bandwidth:.4g} Hz per pixel) and a dead time "
            f"of {1e3 * plan.dead_time:.3g} ms need {1e3 * needed:.3g} ms, but {place} leave {1e3 * room:.3g} ms round "
            f"the echo of this {protocol.name}. Take a larger pixel bandwidth or longer times (they are in s)."
        )
