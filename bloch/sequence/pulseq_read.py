"""Read a Pulseq file, through pypulseq."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bloch.sequence.encoding import Line
from bloch.sequence.events import Block, Gradient, PulseUse, Readout, RFPulse
from bloch.sequence.pulseq_labels import encoding_of, line_of, protocol_of
from bloch.sequence.sequence import Sequence
from bloch.tissue import GYROMAGNETIC_RATIO

OLDEST, NEWEST = (1, 2), (1, 5)
USES: dict[str, PulseUse] = {
    "excitation": "excitation",
    "refocusing": "refocusing",
    "inversion": "inversion",
    "saturation": "saturation",
    "preparation": "preparation",
}


def read_pulseq(path: str | Path, *, B0: float | None = None, rf_step: float = 10e-6) -> Sequence:
    """Read a ``.seq`` file. Phases and offsets are turned into ours as ``write_pulseq`` turns them into Pulseq's.

    Args:
        path: of the file.
        B0: field strength for offsets that the file gives in ppm, T.
        rf_step: neighbouring samples of a pulse are joined up to this length, s; equal ones always, so that nothing
            is lost of a shape with longer steps.

    Returns:
        Sequence; with encoding and protocol where ``write_pulseq`` wrote them, None otherwise. Blocks belong to
        no slice.

    Raises:
        ValueError: not a Pulseq file, a version that is not supported, or a broken file.
        OSError: the file cannot be read.
    """
    import pypulseq  # takes a second, which only those who read files shall wait for

    path = Path(path)
    _check_version(path)
    source = pypulseq.Sequence()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Loading older Pulseq format file")
        warnings.filterwarnings("ignore", category=ResourceWarning)  # pypulseq does not close a file that it gives up
        try:
            source.read(str(path), remove_duplicates=False)
            reader = _Reader(source, B0=B0, rf_step=rf_step)
            blocks = tuple(reader.block(number) for number in source.block_events)
        except _Unsupported:
            raise
        except Exception as error:  # pypulseq meets a broken file with whatever its parser stumbles over
            raise ValueError(
                f"{path} is not a whole Pulseq file: its sections cannot be read. It may be cut off or edited by "
                "hand, or use an extension that is not supported (supported: TRIGGERS, LABELSET, LABELINC, DELAYS); "
                "write it again"
            ) from error.with_traceback(None)
    if not blocks:
        raise ValueError(f"{path} has no [BLOCKS], so nothing is played; it may be cut off: write it again")
    if reader.guessed:
        warnings.warn(
            f"{path} does not say what {reader.guessed} of its pulses are for; those above 100 degrees were taken as "
            "refocusing, the others as excitation",
            stacklevel=2,
        )
    lines = [b.readout.label for b in blocks if b.readout is not None and b.readout.label is not None]
    return Sequence(blocks, protocol_of(source.definitions), encoding_of(source.definitions, lines))


class _Unsupported(ValueError):
    """Something in a whole file that we cannot play."""


def _check_version(path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text, so it is no Pulseq file (version 1.x is text)") from error
    section = re.search(r"^\[VERSION\]\s*$([^\[]*)", text, re.MULTILINE)
    numbers = dict(re.findall(r"^(major|minor|revision)\s+(\S+)", section.group(1), re.MULTILINE)) if section else {}
    try:
        version = (int(numbers["major"]), int(numbers["minor"]))
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path} has no [VERSION] section with major and minor numbers; it is no Pulseq file, or cut off"
        ) from error
    if not OLDEST <= version <= NEWEST:
        raise ValueError(
            f"{path} is of Pulseq version {version[0]}.{version[1]}; supported are {OLDEST[0]}.{OLDEST[1]} to "
            f"{NEWEST[0]}.{NEWEST[1]}: write it again with a library of such a version"
        )


class _Reader:
    """Events of a pypulseq sequence, each converted once."""

    def __init__(self, source: Any, *, B0: float | None, rf_step: float) -> None:
        self.source, self.B0, self.rf_step = source, B0, rf_step
        self.events: dict[tuple[str, int], Any] = {}
        self.shapes: dict[tuple[float, ...], tuple[np.ndarray, float]] = {}
        self.labels: dict[str, int] = {}
        self.labelled, self.guessed, self.excitations = False, 0, 0
        self.shots: dict[int, tuple[int, int, int]] = {}

    def block(self, number: int) -> Block:
        _, rf_id, *gradient_ids, adc_id, extension_id = (int(i) for i in self.source.block_events[number][:7])
        keys = [
            ("rf", rf_id),
            *zip(("gx", "gy", "gz"), gradient_ids, strict=True),
            ("adc", adc_id),
            ("label", extension_id),
        ]
        if any(key[1] and key not in self.events for key in keys):
            self.convert(self.source.get_block(number), dict(keys))
        rf, gx, gy, gz, adc, labels = (self.events[key] if key[1] else None for key in keys)
        for label in labels or ():
            self.labelled = True
            before = self.labels.get(label.label, 0) if label.type == "labelinc" else 0
            self.labels[label.label] = before + int(label.value)
        if rf is not None and rf.use == "excitation":
            self.excitations += 1
        line: Line | None = None
        if adc is not None and self.labelled:
            line = line_of(self.labels, shot=self.shot())
        readout = None if adc is None else replace(adc, label=line)
        return Block(float(self.source.block_durations[number]), rf, gx, gy, gz, readout)

    def shot(self) -> int:
        """Number of the slice's shot: a new one begins with an excitation whose segment does not go on counting."""
        slice, segment = self.labels.get("SLC", 0), self.labels.get("SEG", 0)
        shot, excitation, before = self.shots.get(slice, (-1, -1, -1))
        if shot < 0 or (excitation != self.excitations and segment <= before):
            shot += 1
        self.shots[slice] = (shot, self.excitations, segment)
        return shot

    def convert(self, block: Any, ids: dict[str, int]) -> None:
        """Every event of a pypulseq block under its kind and number."""
        if ids["rf"]:
            self.events[("rf", ids["rf"])] = self.pulse(block.rf, ids["rf"])
        for axis in ("gx", "gy", "gz"):
            if ids[axis]:
                self.events[(axis, ids[axis])] = _gradient(getattr(block, axis))
        if ids["adc"]:
            self.events[("adc", ids["adc"])] = self.readout(block.adc)
        if ids["label"]:
            self.events[("label", ids["label"])] = list((block.label or {}).values())

    def offset(self, event: Any) -> tuple[float, float]:
        """Frequency and phase, with those in ppm of the field."""
        parts = (getattr(event, "freq_ppm", 0.0), getattr(event, "phase_ppm", 0.0))
        if any(parts) and self.B0 is None:
            raise _Unsupported("the file gives offsets in ppm of the field; say B0 to turn them into Hz")
        larmor = 0.0 if self.B0 is None else 1e-6 * GYROMAGNETIC_RATIO * self.B0
        return float(event.freq_offset + larmor * parts[0]), float(event.phase_offset + larmor * parts[1])

    def pulse(self, rf: Any, number: int) -> RFPulse:
        key = tuple(float(v) for v in self.source.rf_library.data[number][:4])
        if key not in self.shapes:
            self.shapes[key] = self.shape(rf)
        rotations, raster = self.shapes[key]
        frequency, phase = self.offset(rf)
        use = USES.get(rf.use)
        if use is None:
            self.guessed += 1
            use = "refocusing" if abs(rotations.sum()) > math.radians(100) else "excitation"
        ours = -phase - math.pi * frequency * len(rotations) * raster
        return RFPulse(rotations, raster, math.remainder(ours, 2 * math.pi), frequency, float(rf.delay), use)

    def shape(self, rf: Any) -> tuple[np.ndarray, float]:
        """Turns of every step, and the step: the longest that joins only equal samples, or ``rf_step``."""
        raster = float(self.source.rf_raster_time)
        n = round(rf.shape_dur / raster)
        t = (np.arange(n) + 0.5) * raster
        signal = rf.signal
        if len(signal) != n or np.abs(rf.t - t).max() > 1e-9:  # points joined by straight lines
            signal = np.interp(t, rf.t, signal.real) + 1j * np.interp(t, rf.t, signal.imag)
        changes = np.flatnonzero(np.abs(np.diff(signal)) > 1e-6 * np.abs(signal).max()) + 1
        lossless = int(np.gcd.reduce([n, *changes]))
        joined = next(g for g in range(max(round(self.rf_step / raster), 1), 0, -1) if n % g == 0)
        group = max(lossless, joined)
        turns = 2 * math.pi * raster * signal.conj().reshape(-1, group).sum(axis=1)
        return turns, group * raster

    def readout(self, adc: Any) -> Readout:
        if adc.phase_modulation is not None and len(adc.phase_modulation):
            raise _Unsupported("the file modulates the phase of a readout sample by sample, which is not supported")
        frequency, phase = self.offset(adc)
        ours = math.remainder(-phase - math.pi * frequency * adc.num_samples * adc.dwell, 2 * math.pi)
        return Readout(int(adc.num_samples), float(adc.dwell), float(adc.delay), ours, frequency)


def _gradient(event: Any) -> Gradient:
    """Points joined by straight lines, T/m; samples of arbitrary shapes lie between their first and last value."""
    if event.type == "trap":
        times = np.cumsum([event.delay, event.rise_time, event.flat_time, event.fall_time])
        amplitudes = np.array([0.0, event.amplitude, event.amplitude, 0.0])
    else:
        times, amplitudes = event.delay + event.tt, np.asarray(event.waveform, float)
        if event.tt[0] > 1e-9:
            times = np.concatenate([[event.delay], times, [event.delay + event.shape_dur]])
            amplitudes = np.concatenate([[event.first], amplitudes, [event.last]])
    distinct = np.append(np.diff(times) > 1e-9, True)  # a triangle has no flat top, a block pulse no ramp
    return Gradient(times[distinct], amplitudes[distinct] / GYROMAGNETIC_RATIO)
