"""Times that a scanner can keep."""

from __future__ import annotations

from dataclasses import replace

from bloch.scanner import Scanner
from bloch.sequence.protocol import Protocol
from bloch.sequence.repetition import rounded


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
        number = round(protocol.echo_time / protocol.echo_spacing)
        echo_time = number * spacing if number else protocol.echo_time  # which the builder refuses
    return replace(
        protocol,
        echo_time=echo_time,
        repetition_time=rounded(protocol.repetition_time, double),
        inversion_time=None if protocol.inversion_time is None else rounded(protocol.inversion_time, step),
        echo_spacing=spacing,
        echo_times=tuple(rounded(t, step) for t in protocol.echo_times),
    )
