"""Sequences from Pulseq files, with what a raw file needs to know of them."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import replace
from pathlib import Path

from bloch.scanner import Scanner
from bloch.sequence import Encoding, Line, Protocol, Sequence
from bloch.sequence.pulseq_read import read_pulseq


def read_sequence(path: Path, scanner: Scanner, *, encoding: Encoding) -> Sequence:
    """Read a ``.seq`` file; what it does not say of its encoding is taken from what the user says.

    A file without encoding and labels is measured along its own trajectory: readouts are numbered, and the raw file
    holds where each sample lies in k-space.

    Args:
        path: of the file.
        scanner: field strength.
        encoding: matrix, field of view and slices to say in the raw file if the file does not say them.

    Returns:
        Sequence with encoding, protocol and labels.

    Raises:
        ValueError: no Pulseq file, an unknown version, or no readouts.

    Warns:
        UserWarning: the file says nothing of its encoding.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give the Pulseq file (.seq) that is to be played")
    read = read_pulseq(path, B0=scanner.B0)
    readouts = [b.readout for b in read.blocks if b.readout is not None]
    if not readouts:
        raise ValueError(f"{path} never opens the receiver: it has {len(read.blocks)} blocks and no readout (ADC)")
    protocol = read.protocol or _protocol(read)
    if read.encoding is not None and all(r.label is not None for r in readouts):
        return replace(read, protocol=protocol)
    field_of_view = _field_of_view(path)
    said = "--field-of-view and --thickness" if field_of_view is None else "the file"
    warnings.warn(
        f"{path} does not say how k-space is encoded; its trajectory goes into the raw file, with the matrix of "
        f"--matrix and the field of view of {said}",
        stacklevel=2,
    )
    encoding = replace(
        encoding,
        field_of_view=field_of_view or encoding.field_of_view,
        trajectory="other",
        sample_time=readouts[0].dwell,
        oversampling=1,
    )
    numbered = iter(range(len(readouts)))
    blocks = tuple(
        b if b.readout is None else replace(b, readout=replace(b.readout, label=Line(0, next(numbered), 0)))
        for b in read.blocks
    )
    return Sequence(blocks, protocol, encoding)


def _field_of_view(path: Path) -> tuple[float, float, float] | None:
    """The definition ``FOV`` of a Pulseq file (x y z, m), as z, y, x; None where it is missing or no such triple."""
    found = re.search(r"^FOV\s+(\S+)\s+(\S+)\s+(\S+)\s*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    try:
        x, y, z = (float(edge) for edge in found.groups()) if found else (0.0, 0.0, 0.0)
    except ValueError:
        return None
    return (z, y, x) if min(x, y, z) > 0 and max(x, y, z) < 2 else None


def _protocol(sequence: Sequence) -> Protocol:
    """What can be told from the pulses: times between excitations, and the angle of the first."""
    excitations, now = [], 0.0
    for b in sequence.blocks:
        if b.rf is not None and b.rf.use == "excitation":
            excitations.append(now + b.rf.delay + b.rf.duration / 2)
        now += b.duration
    first = next((b.rf for b in sequence.blocks if b.rf is not None and b.rf.use == "excitation"), None)
    repetition_time = excitations[1] - excitations[0] if len(excitations) > 1 else sequence.duration
    angle = math.pi / 2 if first is None else first.flip_angle
    return Protocol("other", echo_time=0.0, repetition_time=repetition_time, flip_angle=angle)
