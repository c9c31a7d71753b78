"""Pulseq files: there and back, pypulseq's own checks and its own k-space, and files that are none."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pypulseq
import pytest

from bloch.scanner import Scanner
from bloch.sequence import (
    Encoding,
    Protocol,
    PulseDesign,
    Sequence,
    balanced_ssfp,
    gradient_echo,
    mprage,
    read_pulseq,
    spin_echo_planar,
    spiral_readings,
    to_pypulseq,
    trajectory,
    turbo_spin_echo,
    write_pulseq,
)

Build = Callable[[Encoding, Scanner], Sequence]
SIX_DIGITS = 5e-6  # what a Pulseq file keeps of an amplitude

FAMILIES: dict[str, Build] = {
    "gradient echo": lambda e, s: gradient_echo(
        e, s, echo_time=7e-3, repetition_time=50e-3, flip_angle=0.4, n_dummies=2
    ),
    "turbo spin echo": lambda e, s: turbo_spin_echo(
        e, s, echo_time=28e-3, repetition_time=0.4, echo_train_length=5, echo_spacing=14e-3, inversion_time=0.1
    ),
    "balanced SSFP": lambda e, s: balanced_ssfp(e, s, repetition_time=12e-3, flip_angle=0.8),
    "MPRAGE": lambda e, s: mprage(e, s, inversion_time=0.3, repetition_time=0.8, echo_spacing=10e-3, flip_angle=0.2),
    "spin-echo EPI": lambda e, s: spin_echo_planar(e, s, echo_time=70e-3, repetition_time=0.3, n_shots=2),
    "spiral": lambda e, s: gradient_echo(
        e, s, echo_time=7e-3, repetition_time=40e-3, flip_angle=0.4, readings=spiral_readings(e, s, n_interleaves=3)
    ),
}
every_family = pytest.mark.parametrize("build", FAMILIES.values(), ids=FAMILIES.keys())


def small(encoding_of) -> Encoding:
    return encoding_of((1, 12, 12), n_slices=2, fov=(0.2, 0.2), n_averages=2)


@every_family
def test_pypulseq_accepts_the_timing_and_finds_the_same_k_space(build, scanner, encoding_of) -> None:
    sequence = build(small(encoding_of), scanner)
    theirs = to_pypulseq(sequence, scanner)
    accepted, report = theirs.check_timing()
    assert accepted, report
    k = theirs.calculate_kspace()[0].T.reshape(sequence.n_readouts, -1, 3)
    assert k == pytest.approx(trajectory(sequence), abs=1e-5)  # 1/m; shapes are stored to 1e-7 of their peak


@every_family
def test_what_is_written_is_read_again(build, scanner, encoding_of, tmp_path: Path) -> None:
    before = build(small(encoding_of), scanner)
    write_pulseq(tmp_path / "scan.seq", before, scanner)
    after = read_pulseq(tmp_path / "scan.seq")
    assert len(after.blocks) == len(before.blocks)
    for a, b in zip(before.blocks, after.blocks, strict=True):
        assert b.duration == pytest.approx(a.duration, abs=1e-9)
        _check_pulse(a.rf, b.rf)
        for old, new in zip(a.gradients, b.gradients, strict=True):
            assert (old is None) == (new is None)
            if old is not None:
                assert new.times[[0, -1]] == pytest.approx(old.times[[0, -1]], abs=1e-9)
                scale = np.abs(old.amplitudes).max() * (old.times[-1] - old.times[0]) * 42.577e6
                assert new.moment == pytest.approx(old.moment, abs=SIX_DIGITS * scale)
        assert (a.readout is None) == (b.readout is None)
        if a.readout is not None:
            assert b.readout.label == a.readout.label
            assert (b.readout.n_samples, b.readout.dwell) == (a.readout.n_samples, pytest.approx(a.readout.dwell))
            assert b.readout.delay == pytest.approx(a.readout.delay, abs=1e-9)
            assert math.cos(b.readout.phase - a.readout.phase) == pytest.approx(1.0)
    assert trajectory(after) == pytest.approx(trajectory(before), abs=SIX_DIGITS * 1000)


def _check_pulse(old, new) -> None:
    assert (old is None) == (new is None)
    if old is None:
        return
    assert (new.use, len(new.rotations)) == (old.use, len(old.rotations))
    assert (new.raster, new.delay) == pytest.approx((old.raster, old.delay), abs=1e-9)
    assert new.frequency_offset == pytest.approx(old.frequency_offset, rel=SIX_DIGITS)
    assert math.cos(new.phase - old.phase) == pytest.approx(1.0, abs=1e-8)
    assert new.rotations == pytest.approx(old.rotations, abs=SIX_DIGITS * np.abs(old.rotations).max())


def test_encoding_and_protocol_come_back(scanner, encoding_of, tmp_path: Path) -> None:
    encoding = encoding_of((3, 8, 9), n_averages=2)
    sequence = turbo_spin_echo(
        encoding,
        scanner,
        echo_time=28e-3,
        repetition_time=0.4,
        echo_train_length=4,
        echo_spacing=14e-3,
        inversion_time=0.1,
        refocusing_angles=(2.5, 2.25, 2.0, 2.0),
    )
    write_pulseq(tmp_path / "scan.seq", sequence, scanner)
    after = read_pulseq(tmp_path / "scan.seq")
    for field in fields(Protocol):
        old = getattr(sequence.protocol, field.name)
        assert getattr(after.protocol, field.name) == (
            old if isinstance(old, str | None) else pytest.approx(old, rel=1e-8)
        )
    assert after.encoding is not None
    assert (after.encoding.matrix, after.encoding.n_averages) == ((3, 8, 9), 2)
    assert after.encoding.field_of_view == pytest.approx(encoding.field_of_view)
    assert after.encoding.centres == pytest.approx(encoding.centres)
    assert after.encoding.directions == pytest.approx(encoding.directions)
    assert (after.encoding.sampling.imaging == encoding.sampling.imaging).all()


def test_the_transmitter_plays_the_same_field_mirrored_in_frequency(scanner, encoding_of) -> None:
    """Pulseq: signal exp(i (phase + 2π f t)), t from the start of the shape; ours turns against the frequency."""
    encoding = replace(encoding_of(), centres=np.array([[0.0, 0.0, 13e-3]]))
    sequence = gradient_echo(encoding, scanner, echo_time=7e-3, repetition_time=50e-3, flip_angle=0.4)
    theirs = to_pypulseq(sequence, scanner)
    for number in (0, 5):
        ours, rf = sequence.blocks[number].rf, theirs.get_block(number + 1).rf
        played = rf.signal * np.exp(1j * (rf.phase_offset + 2 * math.pi * rf.freq_offset * rf.t))
        since_centre = rf.t - ours.duration / 2
        steps = np.minimum((rf.t / ours.raster).astype(int), len(ours.rotations) - 1)
        field = ours.rotations[steps] / (2 * math.pi * ours.raster)
        field = field * np.exp(1j * (ours.phase - 2 * math.pi * ours.frequency_offset * since_centre))
        assert played == pytest.approx(field.conj(), abs=1e-6 * np.abs(field).max())
        assert ours.frequency_offset > 1000


def foreign() -> pypulseq.Sequence:
    """A spin echo as pypulseq's users write one: own pulses, an arbitrary gradient, no labels of ours."""
    system = pypulseq.Opts(max_grad=28, grad_unit="mT/m", max_slew=120, slew_unit="T/m/s", rf_ringdown_time=30e-6,
                           rf_dead_time=100e-6, adc_dead_time=10e-6)  # fmt: skip
    seq = pypulseq.Sequence(system)
    rf, gz, back = pypulseq.make_sinc_pulse(
        flip_angle=math.pi / 2, duration=3e-3, slice_thickness=5e-3, apodization=0.5, time_bw_product=4,
        system=system, return_gz=True, delay=100e-6, use="excitation",
    )  # fmt: skip
    echo = pypulseq.make_block_pulse(math.pi, duration=500e-6, system=system, delay=100e-6, use="refocusing")
    wave = 4e5 * np.sin(np.pi * (np.arange(100) + 0.5) / 100) ** 2
    odd = pypulseq.make_arbitrary_grad("y", wave, first=0.0, last=0.0, system=system)
    gx = pypulseq.make_trapezoid("x", flat_area=32 / 0.2, flat_time=3.2e-3, system=system)
    pre = pypulseq.make_trapezoid("x", area=gx.area / 2, duration=1e-3, system=system)
    adc = pypulseq.make_adc(32, duration=3.2e-3, delay=gx.rise_time, system=system)
    for line in range(3):
        rf.phase_offset = 0.3 * line
        seq.add_block(rf, gz)
        seq.add_block(pre, back, odd)
        seq.add_block(echo)
        seq.add_block(gx, adc)
        seq.add_block(pypulseq.make_delay(20e-3))
    return seq


def test_a_file_of_pypulseq_gives_its_k_space(tmp_path: Path) -> None:
    seq = foreign()
    seq.write(str(tmp_path / "foreign.seq"))
    ours = read_pulseq(tmp_path / "foreign.seq")
    k = seq.calculate_kspace()[0].T.reshape(3, 32, 3)
    assert trajectory(ours) == pytest.approx(k, abs=0.02)
    assert (ours.protocol, ours.encoding) == (None, None)
    assert ours.duration == pytest.approx(seq.duration()[0], abs=1e-9)
    pulses = [b.rf for b in ours.blocks if b.rf is not None]
    assert [rf.use for rf in pulses] == ["excitation", "refocusing"] * 3
    assert [rf.flip_angle for rf in pulses[:2]] == pytest.approx([math.pi / 2, math.pi], rel=1e-4)
    assert (len(pulses[0].rotations), len(pulses[1].rotations)) == (300, 1)  # joined to 10 us; a block is one step


def test_pulses_of_older_files_are_told_apart_by_their_angle(tmp_path: Path) -> None:
    seq = foreign()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pypulseq, about what the older format cannot hold
        seq.write(str(tmp_path / "old.seq"), v141_compat=True)
    with pytest.warns(UserWarning, match="does not say what"):
        ours = read_pulseq(tmp_path / "old.seq")
    assert [b.rf.use for b in ours.blocks if b.rf is not None] == ["excitation", "refocusing"] * 3


BAD = {
    "not Pulseq": ("hello\n", r"no \[VERSION\] section"),
    "no number": ("[VERSION]\nmajor one\nminor 5\n", r"no \[VERSION\] section with major and minor numbers"),
    "the future": ("[VERSION]\nmajor 2\nminor 0\nrevision 0\n", r"version 2\.0; supported are 1\.2 to 1\.5"),
    "the next": ("[VERSION]\nmajor 1\nminor 6\nrevision 0\n", r"version 1\.6; supported are 1\.2 to 1\.5"),
    "the past": ("[VERSION]\nmajor 1\nminor 1\nrevision 0\n", r"version 1\.1; supported are 1\.2 to 1\.5"),
    "nothing played": (
        "[VERSION]\nmajor 1\nminor 5\nrevision 0\n\n[DEFINITIONS]\nBlockDurationRaster 1e-05\n\n",
        r"has no \[BLOCKS\]",
    ),
    "unknown section": ("[VERSION]\nmajor 1\nminor 5\nrevision 0\n[NOVELTY]\n1 2 3\n", "not a whole Pulseq file"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_no_pulseq_file_is_refused_by_name(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.seq"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as refused:
        read_pulseq(path)
    assert "bad.seq" in str(refused.value)


def test_a_file_that_was_cut_off_is_refused(scanner, encoding_of, tmp_path: Path) -> None:
    sequence = FAMILIES["gradient echo"](small(encoding_of), scanner)
    write_pulseq(tmp_path / "whole.seq", sequence, scanner)
    text = (tmp_path / "whole.seq").read_text(encoding="utf-8")
    for section in ("[RF]", "[SHAPES]", "[ADC]"):
        (tmp_path / "cut.seq").write_text(text[: text.index(section)], encoding="utf-8")
        with pytest.raises(ValueError, match="not a whole Pulseq file"):
            read_pulseq(tmp_path / "cut.seq")


def test_binary_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "raw.seq").write_bytes(bytes([0xFF, 0xFE, 0x00, 0x80]) * 40)
    with pytest.raises(ValueError, match="is not text"):
        read_pulseq(tmp_path / "raw.seq")
    with pytest.raises(FileNotFoundError):
        read_pulseq(tmp_path / "none.seq")


def test_an_instantaneous_pulse_is_refused_and_the_old_file_stays(scanner, encoding_of, tmp_path: Path) -> None:
    path = tmp_path / "scan.seq"
    path.write_text("older", encoding="utf-8")
    sequence = gradient_echo(
        encoding_of(),
        scanner,
        echo_time=7e-3,
        repetition_time=50e-3,
        flip_angle=0.4,
        pulse=PulseDesign(0.0, slice_selective=False),
    )
    with pytest.raises(ValueError, match="block 0: an instantaneous pulse cannot be written"):
        write_pulseq(path, sequence, scanner)
    assert path.read_text(encoding="utf-8") == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_names_are_refused(scanner, encoding_of, tmp_path: Path) -> None:
    sequence = FAMILIES["gradient echo"](small(encoding_of), scanner)
    with pytest.raises(ValueError, match=r"does not end in \.seq"):
        write_pulseq(tmp_path / "scan.txt", sequence, scanner)
    with pytest.raises(FileNotFoundError, match="make it first"):
        write_pulseq(tmp_path / "none" / "scan.seq", sequence, scanner)


def test_a_readout_off_the_raster_of_pulseq_is_moved_and_that_is_said(scanner, encoding_of, tmp_path: Path) -> None:
    encoding = encoding_of(sample_time=25e-6)
    sequence = gradient_echo(encoding, scanner, echo_time=7e-3, repetition_time=50e-3, flip_angle=0.4)
    with pytest.warns(UserWarning, match=r"moved by up to 0\.5 us"):
        write_pulseq(tmp_path / "scan.seq", sequence, scanner)


def test_offsets_in_ppm_need_the_field(scanner, encoding_of, tmp_path: Path) -> None:
    seq = foreign()
    system = seq.system
    seq.add_block(
        pypulseq.make_block_pulse(1.0, duration=1e-3, freq_ppm=-3.4, delay=100e-6, system=system, use="saturation")
    )
    seq.write(str(tmp_path / "ppm.seq"))
    with pytest.raises(ValueError, match="say B0"):
        read_pulseq(tmp_path / "ppm.seq")
    pulse = read_pulseq(tmp_path / "ppm.seq", B0=0.5).blocks[-1].rf
    assert pulse.frequency_offset == pytest.approx(-3.4e-6 * 0.5 * 42.577478518e6, rel=1e-5)
