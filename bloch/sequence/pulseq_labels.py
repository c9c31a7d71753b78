"""How labels and definitions of Pulseq files correspond to lines, encodings and protocols."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from bloch.sequence.encoding import Encoding, Line, TrajectoryName
from bloch.sequence.protocol import Protocol, SequenceName
from bloch.sequence.sampling import SamplingPattern

COUNTERS = {"LIN": "ky", "PAR": "kz", "SLC": "slice", "AVG": "average", "ECO": "contrast", "SEG": "segment"}
"""Pulseq's counters and the fields of a ``Line``."""


def labels_of(line: Line) -> dict[str, int]:
    """Pulseq's labels of a line: counters and flags.

    REF marks calibration, IMA calibration that belongs to the image too, NAV a line for phase correction, REV one that
    is read backwards.
    """
    labels = {name: int(getattr(line, field)) for name, field in COUNTERS.items()}
    labels["REV"] = int(line.is_reversed)
    labels["NAV"] = int(line.phase_correction)
    labels["REF"] = int(line.calibration)
    labels["IMA"] = int(line.calibration and line.imaging)
    return labels


def line_of(labels: dict[str, int], *, shot: int) -> Line:
    """The line that labels describe; those that are missing are 0."""
    reference, navigator = bool(labels.get("REF", 0)), bool(labels.get("NAV", 0))
    return Line(
        **{field: labels.get(name, 0) for name, field in COUNTERS.items()},
        calibration=reference,
        imaging=not navigator and (not reference or bool(labels.get("IMA", 0))),
        is_reversed=bool(labels.get("REV", 0)),
        shot=shot,
        phase_correction=navigator,
    )


def definitions_of(encoding: Encoding | None, protocol: Protocol | None) -> dict[str, Any]:
    """Definitions of a file, x first: FOV, SlicePositions, TE, TR, TI are customary (m, s), the others are ours."""
    found: dict[str, Any] = {}
    if encoding is not None:
        found |= {
            "FOV": list(encoding.field_of_view[::-1]),
            "Matrix": list(encoding.matrix[::-1]),
            "Oversampling": encoding.oversampling,
            "SampleTime": encoding.sample_time,
            "Averages": encoding.n_averages,
            "SlicePositions": np.asarray(encoding.centres, float).ravel().tolist(),
            "Directions": np.asarray(encoding.directions, float).ravel().tolist(),
            "Trajectory": encoding.trajectory,
        }
    if protocol is not None:
        found |= {
            "Name": protocol.name,
            "TE": protocol.echo_time,
            "TR": protocol.repetition_time,
            "FlipAngle": protocol.flip_angle,
            "EchoTrainLength": protocol.echo_train_length,
        }
        if protocol.inversion_time is not None:
            found["TI"] = protocol.inversion_time
        if protocol.echo_spacing is not None:
            found["EchoSpacing"] = protocol.echo_spacing
        if protocol.echo_times:
            found["EchoTimes"] = list(protocol.echo_times)
        if protocol.refocusing_angles:
            found["RefocusingAngles"] = list(protocol.refocusing_angles)
    return found


def encoding_of(definitions: dict[str, Any], lines: list[Line]) -> Encoding | None:
    """The encoding that a file of ours defines; None of a file that lacks a definition.

    Args:
        definitions: of the file.
        lines: of its readouts, from which the sampling follows.

    Returns:
        Encoding, or None.
    """
    needed = {"FOV", "Matrix", "Oversampling", "SampleTime", "Averages", "SlicePositions", "Directions", "Trajectory"}
    if not needed <= definitions.keys() or str(definitions["Trajectory"]) not in get_args(TrajectoryName):
        return None
    n_x, n_y, n_z = (int(n) for n in definitions["Matrix"])
    x, y, z = (float(length) for length in definitions["FOV"])
    straight = definitions["Trajectory"] in ("cartesian", "epi")  # otherwise ky counts spokes or interleaves
    imaging, calibration = np.zeros((n_z, n_y), bool), np.zeros((n_z, n_y), bool)
    for line in lines:
        where = (line.kz, line.ky if straight else slice(None))
        if line.kz < n_z and (line.ky < n_y or not straight):
            imaging[where] |= line.imaging
            calibration[where] |= line.calibration
    separate = any(line.calibration and not line.imaging for line in lines)
    return Encoding(
        (n_z, n_y, n_x),
        (z, y, x),
        np.atleast_1d(definitions["SlicePositions"]).astype(float).reshape(-1, 3),
        np.array(definitions["Directions"], float).reshape(3, 3),
        SamplingPattern(imaging, calibration, separate=separate),
        oversampling=int(definitions["Oversampling"]),
        n_averages=int(definitions["Averages"]),
        sample_time=float(definitions["SampleTime"]),
        trajectory=definitions["Trajectory"],
    )


def protocol_of(definitions: dict[str, Any]) -> Protocol | None:
    """The protocol that a file of ours defines; None of a file that lacks a definition."""
    needed = {"Name", "TE", "TR", "FlipAngle", "EchoTrainLength"}
    if not needed <= definitions.keys() or str(definitions["Name"]) not in get_args(SequenceName):
        return None
    spacing, inversion = definitions.get("EchoSpacing"), definitions.get("TI")
    return Protocol(
        definitions["Name"],
        float(definitions["TE"]),
        float(definitions["TR"]),
        inversion_time=None if inversion is None else float(inversion),
        flip_angle=float(definitions["FlipAngle"]),
        echo_train_length=int(definitions["EchoTrainLength"]),
        echo_spacing=None if spacing is None else float(spacing),
        echo_times=_numbers(definitions.get("EchoTimes", ())),
        refocusing_angles=_numbers(definitions.get("RefocusingAngles", ())),
    )


def _numbers(values: Any) -> tuple[float, ...]:
    """One number or several, as definitions have them."""
    return tuple(float(value) for value in np.atleast_1d(values))
