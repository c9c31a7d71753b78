"""From what the operator sets to what the scanner plays."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from bloch.scanner import Scanner
from bloch.sequence.balanced_ssfp import balanced_ssfp
from bloch.sequence.echo_planar import echo_planar
from bloch.sequence.echo_train import TrainDesign
from bloch.sequence.encoding import Encoding, scan_plan
from bloch.sequence.gradient_echo import gradient_echo
from bloch.sequence.mprage import mprage
from bloch.sequence.multi_echo import multi_echo_gradient_echo
from bloch.sequence.protocol import Protocol, SequenceName
from bloch.sequence.pulses import SINC_PULSE, PulseDesign
from bloch.sequence.repetition import rounded
from bloch.sequence.sequence import Sequence
from bloch.sequence.spin_echo import spin_echo, turbo_spin_echo


def sequence_of(
    protocol: Protocol, encoding: Encoding, scanner: Scanner, *, pulse: PulseDesign = SINC_PULSE, n_dummies: int = 0
) -> Sequence:
    """Build the sequence that a protocol names, with its times on the scanner's raster.

    Times are rounded to the nearest that the scanner keeps; ``Sequence.protocol`` has those that are played. Whatever a
    protocol does not say is the builder's default.

    Args:
        protocol: name, times and angles.
        encoding: what is measured.
        scanner: limits.
        pulse: shape of the pulses.
        n_dummies: repetitions that are not read, where the family has them.

    Returns:
        Sequence.

    Raises:
        ValueError: a time that cannot be kept, or that the family needs and the protocol lacks.
    """
    order = _Order(on_raster_of(protocol, scanner), encoding, scanner, pulse, n_dummies)
    return _BUILDERS[protocol.name](order)


def on_raster_of(protocol: Protocol, scanner: Scanner) -> Protocol:
    """The protocol with the nearest times that a scanner can keep.

    Echo times and spacings become multiples of two raster steps (the refocusing pulse stands in the middle); an
    effective echo time stays the same number of echo spacings.

    Args:
        protocol: any.
        scanner: its raster.

    Returns:
        Protocol.
    """
    step, double = scanner.gradient_raster, 2 * scanner.gradient_raster
    spacing = None if protocol.echo_spacing is None else rounded(protocol.echo_spacing, double)
    echo_time = rounded(protocol.echo_time, double)
    if protocol.name in ("turbo_spin_echo", "inversion_recovery") and protocol.echo_spacing and spacing:
        echo_time = round(protocol.echo_time / protocol.echo_spacing) * spacing
    return replace(
        protocol,
        echo_time=echo_time,
        repetition_time=rounded(protocol.repetition_time, double),
        inversion_time=None if protocol.inversion_time is None else rounded(protocol.inversion_time, step),
        echo_spacing=spacing,
        echo_times=tuple(rounded(t, step) for t in protocol.echo_times),
    )


@dataclass(frozen=True)
class _Order:
    """All that a builder is told."""

    protocol: Protocol
    encoding: Encoding
    scanner: Scanner
    pulse: PulseDesign
    n_dummies: int

    def needed(self, name: str) -> float:
        value = getattr(self.protocol, name)
        if value is None:
            raise ValueError(f"the protocol of a {self.protocol.name} has to say its {name}, but has None")
        return float(value)


def _gradient_echo(o: _Order) -> Sequence:
    p = o.protocol
    return gradient_echo(
        o.encoding,
        o.scanner,
        echo_time=p.echo_time,
        repetition_time=p.repetition_time,
        flip_angle=p.flip_angle,
        pulse=o.pulse,
        n_dummies=o.n_dummies,
    )


def _multi_echo(o: _Order) -> Sequence:
    p = o.protocol
    return multi_echo_gradient_echo(
        o.encoding,
        o.scanner,
        echo_times=p.echo_times or (p.echo_time,),
        repetition_time=p.repetition_time,
        flip_angle=p.flip_angle,
        pulse=o.pulse,
        n_dummies=o.n_dummies,
    )


def _balanced(o: _Order) -> Sequence:
    p = o.protocol
    return balanced_ssfp(
        o.encoding,
        o.scanner,
        repetition_time=p.repetition_time,
        flip_angle=p.flip_angle,
        echo_time=p.echo_time,
        pulse=o.pulse,
        n_dummies=o.n_dummies,
    )


def _mprage(o: _Order) -> Sequence:
    p = o.protocol
    return mprage(
        o.encoding,
        o.scanner,
        inversion_time=o.needed("inversion_time"),
        repetition_time=p.repetition_time,
        echo_spacing=o.needed("echo_spacing"),
        flip_angle=p.flip_angle,
        echo_time=p.echo_time,
        train_length=None if p.echo_train_length == 1 else p.echo_train_length,
        pulse=o.pulse,
    )


def _echo_planar(o: _Order) -> Sequence:
    p = o.protocol
    n_lines = sum(line.slice == 0 and line.average == 0 for line in scan_plan(o.encoding)) // o.encoding.matrix[0]
    return echo_planar(
        o.encoding,
        o.scanner,
        echo_time=p.echo_time,
        repetition_time=p.repetition_time,
        flip_angle=p.flip_angle,
        n_shots=1 if p.echo_train_length == 1 else max(n_lines // p.echo_train_length, 1),
        pulse=o.pulse,
        n_dummies=o.n_dummies,
    )


def _spin_echo(o: _Order) -> Sequence:
    p = o.protocol
    if p.echo_train_length > 1:
        return turbo_spin_echo(
            o.encoding,
            o.scanner,
            echo_time=p.echo_time,
            repetition_time=p.repetition_time,
            echo_train_length=p.echo_train_length,
            echo_spacing=o.needed("echo_spacing"),
            inversion_time=p.inversion_time,
            refocusing_angles=p.refocusing_angles or math.pi,
            design=TrainDesign(p.flip_angle, o.pulse),
            n_dummies=o.n_dummies,
        )
    return spin_echo(
        o.encoding,
        o.scanner,
        echo_time=p.echo_time,
        repetition_time=p.repetition_time,
        inversion_time=p.inversion_time,
        design=TrainDesign(p.flip_angle, o.pulse),
    )


_BUILDERS: dict[SequenceName, Callable[[_Order], Sequence]] = {
    "spin_echo": _spin_echo,
    "turbo_spin_echo": _spin_echo,
    "inversion_recovery": _spin_echo,
    "spoiled_gradient_echo": _gradient_echo,
    "multi_echo_gradient_echo": _multi_echo,
    "balanced_ssfp": _balanced,
    "mprage": _mprage,
    "echo_planar": _echo_planar,
}
