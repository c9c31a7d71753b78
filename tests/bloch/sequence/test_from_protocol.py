"""Protocols become sequences that play them."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from bloch.sequence import Protocol, inversion_time_of_null, on_raster_of, random_protocol, sequence_of

PROTOCOLS = [
    Protocol("spin_echo", 20e-3, 0.5),
    Protocol("turbo_spin_echo", 45e-3, 0.5, echo_train_length=4, echo_spacing=15e-3),
    Protocol("inversion_recovery", 20e-3, 0.6, inversion_time=0.1),
    Protocol("inversion_recovery", 30e-3, 0.6, inversion_time=0.1, echo_train_length=4, echo_spacing=15e-3),
    Protocol("spoiled_gradient_echo", 8e-3, 50e-3, flip_angle=0.4),
    Protocol("multi_echo_gradient_echo", 8e-3, 50e-3, flip_angle=0.4, echo_times=(8e-3, 12e-3)),
    Protocol("balanced_ssfp", 6e-3, 12e-3, flip_angle=0.7),
    Protocol("mprage", 4e-3, 0.8, inversion_time=0.3, flip_angle=0.2, echo_train_length=6, echo_spacing=10e-3),
    Protocol("echo_planar", 30e-3, 0.4, flip_angle=1.2, echo_train_length=6),
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: f"{p.name} {p.echo_train_length}")
def test_a_protocol_on_the_raster_is_played_as_it_is(protocol: Protocol, scanner, encoding_of) -> None:
    played = sequence_of(protocol, encoding_of((1, 12, 8)), scanner).protocol
    assert played is not None
    for field in fields(Protocol):
        if field.name != "refocusing_angles":
            wanted, found = getattr(protocol, field.name), getattr(played, field.name)
            assert found == (wanted if isinstance(wanted, str | None) else pytest.approx(wanted, rel=1e-9))


@pytest.mark.parametrize("seed", range(12))
def test_random_protocols_move_by_less_than_the_raster(seed: int, scanner, encoding_of) -> None:
    drawn = random_protocol(torch.Generator().manual_seed(seed), 0.3)
    near = on_raster_of(drawn, scanner)
    assert near.repetition_time == pytest.approx(drawn.repetition_time, abs=10.1e-6)
    assert near.echo_time == pytest.approx(drawn.echo_time, abs=10.1e-6 * drawn.echo_train_length)
    if near.echo_spacing is not None:
        assert near.echo_time / near.echo_spacing == pytest.approx(round(drawn.echo_time / drawn.echo_spacing))
    # Long enough for a small matrix: whatever is drawn can then be played.
    longer = replace(
        near,
        echo_time=near.echo_time + (0.0 if near.echo_spacing else 10e-3),
        echo_spacing=near.echo_spacing and near.echo_spacing + 6e-3,
        repetition_time=near.repetition_time + 1.0,
        inversion_time=near.inversion_time and max(near.inversion_time, 20e-3),
    )
    if near.echo_spacing:
        longer = replace(longer, echo_time=round(near.echo_time / near.echo_spacing) * longer.echo_spacing)
    sequence_of(longer, encoding_of((1, 8, 8)), scanner)


def test_what_a_family_needs_has_to_be_said(scanner, encoding_of) -> None:
    with pytest.raises(ValueError, match="mprage has to say its inversion_time"):
        sequence_of(Protocol("mprage", 4e-3, 0.8, echo_spacing=10e-3), encoding_of(), scanner)
    with pytest.raises(ValueError, match="turbo_spin_echo has to say its echo_spacing"):
        sequence_of(Protocol("turbo_spin_echo", 30e-3, 0.8, echo_train_length=4), encoding_of(), scanner)


def test_the_inversion_time_of_a_null_is_kept_to_half_a_raster_step(scanner, encoding_of, played) -> None:
    inversion_time = inversion_time_of_null(3.0, 4.0, 20e-3)
    protocol = Protocol("inversion_recovery", 20e-3, 4.0, inversion_time=inversion_time)
    pulses = played(sequence_of(protocol, encoding_of((1, 4, 8)), scanner)).pulses
    assert [rf.use for _, rf in pulses[:3]] == ["inversion", "excitation", "refocusing"]
    assert pulses[1][0] - pulses[0][0] == pytest.approx(inversion_time, abs=5.1e-6)
