"""Write a sequence as a Pulseq file, through pypulseq."""

from __future__ import annotations

import math
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bloch.scanner import Scanner
from bloch.sequence.events import Block, Gradient, Readout, RFPulse
from bloch.sequence.pulseq_labels import definitions_of, labels_of
from bloch.sequence.sequence import Sequence
from bloch.tissue import GYROMAGNETIC_RATIO


def write_pulseq(path: str | Path, sequence: Sequence, scanner: Scanner) -> None:
    """Write a ``.seq`` file, the whole of it or none.

    Pulseq's phases grow with the frequency, ours against it (docs/conventions: exp(−2πi δf t)), and its frequency
    offsets have phase zero at the start of an event, ours in its middle. So a pulse of phase p and offset Δf, centred
    c after the start of its shape, gets the phase −p − 2πΔf c; readouts likewise, and shapes are conjugated. The format
    holds amplitudes, phases and offsets with six significant digits.

    Args:
        path: ends in ``.seq``; an existing file is replaced.
        sequence: to write. The fields of its encoding and protocol become definitions, its lines labels.
        scanner: rasters and dead times.

    Raises:
        ValueError: an event that the format cannot hold.
        FileNotFoundError: the folder does not exist.

    Source: Layton et al., Magn Reson Med 77:1544 (2017); the pypulseq package, Ravi et al., J Open Source Softw
        4:1725 (2019), writes the file.
    """
    path = Path(path)
    if path.suffix != ".seq":
        raise ValueError(f"{path} does not end in .seq, by which other programs know a Pulseq file; rename it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: the folder {path.parent} does not exist; make it first")
    written = to_pypulseq(sequence, scanner)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}.", dir=path.parent) as folder:
        part = Path(folder) / path.name
        written.write(str(part), create_signature=True)
        os.replace(part, path)


def to_pypulseq(sequence: Sequence, scanner: Scanner) -> Any:
    """The sequence as an object of pypulseq, for its own checks and plots.

    Args:
        sequence: to convert.
        scanner: rasters and dead times.

    Returns:
        ``pypulseq.Sequence``.

    Raises:
        ValueError: an event that the format cannot hold.
    """
    import pypulseq  # takes a second, which only those who write files shall wait for

    system = pypulseq.Opts(
        max_grad=scanner.max_gradient * GYROMAGNETIC_RATIO * (1 + 1e-6),
        grad_unit="Hz/m",
        max_slew=scanner.max_slew * GYROMAGNETIC_RATIO * (1 + 1e-6),
        slew_unit="Hz/m/s",
        rf_dead_time=scanner.rf_dead_time,
        rf_ringdown_time=scanner.rf_ringdown_time,
        adc_dead_time=scanner.adc_dead_time,
        rf_raster_time=scanner.rf_raster,
        grad_raster_time=scanner.gradient_raster,
        adc_raster_time=scanner.adc_raster,
        block_duration_raster=scanner.gradient_raster,
        gamma=GYROMAGNETIC_RATIO,
        B0=scanner.B0,
    )
    writer = _Writer(pypulseq, system)
    for number, block in enumerate(sequence.blocks):
        writer.add(number, block)
    for key, value in definitions_of(sequence.encoding, sequence.protocol).items():
        writer.target.set_definition(key, value)
    if writer.shift > 1e-9:
        warnings.warn(
            f"readouts were moved by up to {writer.shift * 1e6:.3g} us onto Pulseq's raster of "
            f"{scanner.rf_raster * 1e6:g} us; an even number of it as sample_time keeps them where they are",
            stacklevel=2,
        )
    return writer.target


class _Writer:
    """pypulseq's sequence while it grows, the events that it has, and the labels that hold."""

    def __init__(self, pypulseq: Any, system: Any) -> None:
        self.pypulseq, self.system = pypulseq, system
        self.target = pypulseq.Sequence(system)
        self.gradients: dict[tuple[int, str], Any] = {}
        self.labels: dict[str, int] = {}
        self.shift = 0.0

    def add(self, number: int, block: Block) -> None:
        if block.spoiler:
            raise ValueError(
                f"block {number} ends with an ideal spoiler, which no scanner has and no Pulseq file knows; write the "
                "sequence without ideally_spoiled, whose gradients spoil as far as they can"
            )
        events: list[Any] = [self.pypulseq.make_delay(block.duration)]
        if block.rf is not None:
            events.append(self.pulse(number, block.rf))
        for channel, gradient in zip("xyz", block.gradients, strict=True):
            if gradient is not None and np.any(gradient.amplitudes):
                events.append(self.gradient(number, channel, gradient))
        if block.readout is not None:
            events += self.readout(block.readout)
        self.target.add_block(*events)

    def pulse(self, number: int, rf: RFPulse) -> Any:
        step = self.system.rf_raster_time
        repeats = round(rf.raster / step)
        if rf.raster == 0:
            raise ValueError(
                f"block {number}: an instantaneous pulse cannot be written to a Pulseq file, since no transmitter "
                "plays it; give the pulse a duration (PulseDesign.duration, HARD_PULSE)"
            )
        if repeats < 1 or abs(rf.raster - repeats * step) > 1e-9:
            raise ValueError(
                f"block {number}: the pulse's steps of {rf.raster * 1e6:.6g} us are no multiple of the raster of "
                f"{step * 1e6:g} us; choose another PulseDesign.step"
            )
        shape = np.repeat(rf.rotations.conj() / (2 * math.pi * rf.raster), repeats)
        return self.pypulseq.make_arbitrary_rf(
            shape,
            rf.flip_angle,
            no_signal_scaling=True,
            dwell=step,
            delay=_rounded(rf.delay, step),
            freq_offset=rf.frequency_offset,
            phase_offset=_turn(-rf.phase - math.pi * rf.frequency_offset * rf.duration),
            use=rf.use,
            center=rf.duration / 2,
            system=self.system,
        )

    def gradient(self, number: int, channel: str, gradient: Gradient) -> Any:
        """Registered once: pypulseq then knows it by its number."""
        key = (id(gradient), channel)
        if key not in self.gradients:
            event = self.convert(number, channel, gradient)
            known = self.target.register_grad_event(event)
            event.id = known[0] if isinstance(known, tuple) else known
            self.gradients[key] = event
        return self.gradients[key]

    def convert(self, number: int, channel: str, gradient: Gradient) -> Any:
        raster = self.system.grad_raster_time
        times, amplitudes = gradient.times, gradient.amplitudes * GYROMAGNETIC_RATIO
        steps = times / raster
        if np.abs(steps - steps.round()).max() < 1e-4:
            return self.on_raster(channel, steps.round() * raster, amplitudes)
        inner, n = steps - steps[0].round(), len(steps)
        if n > 3 and np.allclose(inner[1:-1], np.arange(n - 2) + 0.5, atol=1e-4):  # as arbitrary gradients are stored
            return self.pypulseq.make_arbitrary_grad(
                channel, amplitudes[1:-1], first=amplitudes[0], last=amplitudes[-1], delay=times[0], system=self.system
            )
        raise ValueError(
            f"block {number}: the points of gradient {channel} are not on the raster of {raster * 1e6:g} us of Pulseq "
            "files; move them"
        )

    def on_raster(self, channel: str, times: np.ndarray, amplitudes: np.ndarray) -> Any:
        flat = len(times) == 3 or (len(times) == 4 and abs(amplitudes[1] - amplitudes[2]) <= 1e-9 * abs(amplitudes[1]))
        if not flat or amplitudes[0] != 0 or amplitudes[-1] != 0:
            return self.pypulseq.make_extended_trapezoid(
                channel, times=times, amplitudes=amplitudes, system=self.system
            )
        return self.pypulseq.make_trapezoid(
            channel,
            amplitude=amplitudes[1],
            rise_time=times[1] - times[0],
            flat_time=0.0 if len(times) == 3 else times[2] - times[1],
            fall_time=times[-1] - times[-2],
            delay=times[0],
            system=self.system,
        )

    def readout(self, readout: Readout) -> list[Any]:
        delay = _rounded(readout.delay, self.system.rf_raster_time)
        self.shift = max(self.shift, abs(delay - readout.delay))
        length = readout.n_samples * readout.dwell
        adc = self.pypulseq.make_adc(
            readout.n_samples,
            dwell=readout.dwell,
            delay=delay,
            freq_offset=readout.frequency_offset,
            phase_offset=_turn(-readout.phase - math.pi * readout.frequency_offset * length),
            system=self.system,
        )
        new = {} if readout.label is None else labels_of(readout.label)
        changed = {name: value for name, value in new.items() if value != self.labels.get(name)}
        self.labels |= changed
        return [adc, *(self.pypulseq.make_label(name, "SET", value) for name, value in changed.items())]


def _rounded(time: float, raster: float) -> float:
    return round(round(time / raster) * raster, 12)  # 10 × 1e-6 is a little less than 1e-5


def _turn(phase: float) -> float:
    """Between 0 and 2π."""
    return phase % (2 * math.pi)
