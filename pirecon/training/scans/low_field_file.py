"""A raw file of a high field, written again as the lower field would have measured it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import get_args

import ismrmrd
import numpy as np
from ismrmrd.hdf5 import acquisition_header_dtype

from bloch.sequence import Protocol
from bloch.sequence.protocol import SequenceName
from pirecon.image.whole_file import whole_file
from pirecon.measurement.calibrate import noise_covariance
from pirecon.priors.registry import nearest
from pirecon.rawdata import RawData, sort_kspace
from pirecon.rawdata.gyromagnetic_ratio import GYROMAGNETIC_RATIO
from pirecon.rawdata.non_cartesian import is_cartesian, sort_readouts
from pirecon.training.scans.low_field import LowField, degrade_raw, relaxation_factor, snr_factor


def degrade_file(
    raw: RawData, path: str | os.PathLike[str], change: LowField, *, sequence: str | None = None, seed: int = 0
) -> float:
    """Write ``raw`` as an MRD file of the lower field, whole or not at all.

    Every line keeps its header and trajectory; the file's header states the new field. Waveforms (ECG, …) are left out.

    Args:
        raw: the scan; its noise is that of its noise scan, or found in it.
        path: ends in .h5; an existing file is replaced.
        change: to which field.
        sequence: a name of ``bloch.sequence``, as "spin_echo", whose signal equation, at the header's times, tells how
            relaxation changes the signal of ``change.tissue``; None leaves that out.
        seed: of the noise.

    Returns:
        r: the SNR of the written scan over that of ``raw``.

    Raises:
        ValueError: ``path`` is the scan itself; the file does not say its field or, where a sequence asks for them, its
            times; a field that is not lower; an unknown sequence or tissue.
        OSError: the file cannot be written.
    """
    if Path(path).exists() and Path(path).samefile(raw.path):
        raise ValueError(f"{path} is the scan itself, which would be lost; choose another name for the output")
    B0 = raw.field_strength
    if B0 is None:
        raise ValueError(
            f"{raw.path} does not say its field strength, which a lower field starts from: neither "
            "systemFieldStrength_T nor H1resonanceFrequency_Hz is in its header; add one"
        )
    factor = snr_factor(change, B0, relaxation=1.0 if sequence is None else _relaxation(raw, B0, change, sequence))
    kspace = sort_kspace(raw) if is_cartesian(raw) else sort_readouts(raw)
    made = degrade_raw(raw, factor, noise_covariance(raw, kspace), np.random.default_rng(seed), change=change)
    header = deepcopy(raw.header)
    system = header.acquisitionSystemInformation or ismrmrd.xsd.acquisitionSystemInformationType()
    system.systemFieldStrength_T = change.field_strength
    header.acquisitionSystemInformation = system
    header.experimentalConditions.H1resonanceFrequency_Hz = round(GYROMAGNETIC_RATIO * change.field_strength)
    with whole_file(path, suffix=".h5") as temporary, ismrmrd.File(str(temporary), "w") as file:
        file["dataset"].header = header
        file["dataset"].acquisitions = list(_acquisitions(made))
    return factor


def _relaxation(raw: RawData, B0: float, change: LowField, sequence: str) -> float:
    names = get_args(SequenceName)
    if sequence not in names:
        raise ValueError(f"there is no sequence {sequence!r}; {nearest(sequence, names, 'known are')}")
    times = (raw.echo_time, raw.repetition_time)
    if None in times:
        raise ValueError(f"{raw.path} states no TE or no TR, which the signal of {sequence} needs; leave sequence out")
    angle = {} if raw.flip_angle is None else {"flip_angle": raw.flip_angle}
    protocol = Protocol(sequence, *times, inversion_time=raw.inversion_time, **angle)  # type: ignore[arg-type]
    return relaxation_factor(protocol, protocol, (B0, change.field_strength), change.tissue)


def _acquisitions(raw: RawData) -> Iterator[ismrmrd.Acquisition]:
    for line, head in enumerate(raw.readouts.astype(acquisition_header_dtype)):
        n_samples, n_axes = int(head["number_of_samples"]), int(head["trajectory_dimensions"])
        path = np.zeros((n_samples, n_axes), np.float32)
        if raw.trajectories is not None:
            path = np.asarray(raw.trajectories[line], np.float32).reshape(n_samples, n_axes)
        yield ismrmrd.Acquisition(head, np.ascontiguousarray(raw.readout(line), np.complex64), path)
