"""Limits of the scanner: every violation is named with its block, event, size and fix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bloch.sequence import Block, Gradient, Readout, Sequence, block, check, gradient_echo, hard_pulse, trapezoid

PAUSE = Block(1e-3)


def of(*blocks: Block) -> Sequence:
    return Sequence((PAUSE, *blocks))


RAMP_UP = Gradient(np.array([0.0, 200e-6]), np.array([0.0, 5e-3]))
BROKEN: dict[str, tuple[Sequence, str]] = {
    "amplitude": (
        of(block(gx=trapezoid(900.0, flat_time=500e-6, ramp_time=500e-6))),
        r"block 1 \(at 1 ms\): gradient x \(read\) reaches 21\.138 mT/m, allowed are 20 mT/m",
    ),
    "slew": (
        of(PAUSE, block(gy=trapezoid(50.0, flat_time=1e-3, ramp_time=10e-6))),
        r"block 2 \(at 2 ms\): gradient y \(phase\) changes by 116\.27 T/m/s 0 us into the block, allowed are 60 "
        r"T/m/s; lengthen this ramp to at least 19\.38 us",
    ),
    "jump between blocks": (
        of(block(gz=RAMP_UP), Block(100e-6)),
        r"block 2 .* gradient z \(slice\) jumps from 5 to 0 mT/m",
    ),
    "end inside a block": (of(Block(500e-6, gz=RAMP_UP)), r"block 1 .* ends at 5 mT/m inside its block"),
    "still on": (of(block(gz=RAMP_UP)), "still on at the end"),
    "block off the raster": (of(Block(15e-6)), r"block's duration of 15 us is no multiple of 10 us"),
    "point off the raster": (
        of(Block(1e-3, gx=trapezoid(10.0, flat_time=503e-6, ramp_time=200e-6))),
        r"gradient x \(read\): a point of 703 us is no multiple of 10 us",
    ),
    "gradient before its block": (
        of(Block(1e-3, gx=trapezoid(10.0, flat_time=300e-6, ramp_time=200e-6, delay=-20e-6))),
        "begins 20 us before its block",
    ),
    "B1": (
        of(Block(1e-3, hard_pulse(3.14159, duration=100e-6, delay=100e-6))),
        r"excitation pulse needs 117\.4\d* uT, allowed are 60 uT; make it at least 0\.1957 ms long",
    ),
    "RF dead time": (
        of(Block(1e-3, hard_pulse(0.5, duration=100e-6, delay=50e-6, use="refocusing"))),
        "refocusing pulse starts 50 us into its block, within the dead time of 100 us",
    ),
    "ring-down": (
        of(Block(210e-6, hard_pulse(0.5, duration=100e-6, delay=100e-6))),
        "within the ring-down time of 30 us",
    ),
    "RF raster": (of(Block(1e-3, hard_pulse(0.5, duration=100e-6, delay=100.4e-6))), "100.4 us is no multiple of 1 us"),
    "dwell": (
        of(Block(1e-3, readout=Readout(10, 10.03e-6, 20e-6))),
        r"dwell time of 10\.03 us is no multiple of 0\.1 us",
    ),
    "ADC dead time before": (of(Block(1e-3, readout=Readout(10, 10e-6, 5e-6))), "10 us are needed before and after"),
    "ADC dead time after": (of(Block(120e-6, readout=Readout(10, 10e-6, 20e-6))), "10 us are needed before and after"),
}


@pytest.mark.parametrize(("sequence", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_violation_is_named(sequence: Sequence, message: str, scanner) -> None:
    with pytest.raises(ValueError, match=message):
        check(sequence, replace(scanner, max_gradient=20e-3))


def test_gradients_may_go_on_across_blocks(scanner) -> None:
    down = Gradient(np.array([0.0, 200e-6]), np.array([5e-3, 0.0]))
    flat = Gradient(np.array([0.0, 300e-6]), np.array([5e-3, 5e-3]))
    check(of(block(gx=RAMP_UP), block(gx=flat), block(gx=down), PAUSE), scanner)


def test_a_sequence_for_a_strong_scanner_is_refused_on_a_weak_one(scanner, encoding_of) -> None:
    sequence = gradient_echo(encoding_of(), scanner, echo_time=8e-3, repetition_time=30e-3, flip_angle=0.3)
    check(sequence, scanner)
    for weaker in (replace(scanner, max_slew=30.0), replace(scanner, max_gradient=5e-3), replace(scanner, max_B1=1e-7)):
        with pytest.raises(ValueError, match="block 0"):
            check(sequence, weaker)
