"""Protocols and the raster: the nearest times that a scanner keeps, and builders that then take them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from bloch.sequence import gradient_echo, on_raster_of, random_protocol, spin_echo, turbo_spin_echo


@pytest.mark.parametrize("seed", range(12))
def test_random_protocols_move_by_less_than_the_raster_and_can_be_played(seed: int, scanner, encoding_of) -> None:
    drawn = random_protocol(torch.Generator().manual_seed(seed), 0.3)
    near = on_raster_of(drawn, scanner)
    assert near.repetition_time == pytest.approx(drawn.repetition_time, abs=10.1e-6)
    assert near.echo_time == pytest.approx(drawn.echo_time, abs=10.1e-6 * drawn.echo_train_length)
    assert on_raster_of(near, scanner) == near
    encoding = encoding_of((1, 8, 8))
    if near.name == "spoiled_gradient_echo":
        # Echo and repetition are drawn without regard to a pulse's length: give it room, on the raster still.
        times = {"echo_time": near.echo_time + 5e-3, "repetition_time": near.repetition_time + 10e-3}
        gradient_echo(encoding, scanner, **times, flip_angle=near.flip_angle)
    elif near.echo_spacing is not None:
        assert near.echo_time / near.echo_spacing == pytest.approx(round(drawn.echo_time / drawn.echo_spacing))
        longer = replace(near, echo_spacing=near.echo_spacing + 8e-3)
        turbo_spin_echo(
            encoding,
            scanner,
            echo_time=round(near.echo_time / near.echo_spacing) * longer.echo_spacing,
            repetition_time=near.repetition_time + 1.0,
            echo_train_length=near.echo_train_length,
            echo_spacing=longer.echo_spacing,
        )
    else:
        inversion_time = near.inversion_time and near.inversion_time + 20e-3
        times = {"echo_time": near.echo_time + 10e-3, "repetition_time": near.repetition_time + 1.0}
        spin_echo(encoding, scanner, **times, inversion_time=inversion_time)
