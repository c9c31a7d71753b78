"""What a raw file holds, before any of it is sorted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pirecon.rawdata.encoding_space import EncodingSpace
from pirecon.rawdata.finding import Finding


@dataclass(frozen=True)
class Streams:
    """Which readouts serve what: indices into ``RawData.readouts``, every readout in exactly one stream.

    Attributes:
        imaging: lines of the image.
        calibration: lines only for coil calibration.
        calibration_and_imaging: lines for both.
        noise: measured without excitation.
        phase_correction: of echo trains.
        navigation: navigators.
        dummy: played for the steady state.
        other: feedback, surface coil correction, phase stabilisation, and what belongs to another encoding.
    """

    imaging: np.ndarray
    calibration: np.ndarray
    calibration_and_imaging: np.ndarray
    noise: np.ndarray
    phase_correction: np.ndarray
    navigation: np.ndarray
    dummy: np.ndarray
    other: np.ndarray


@dataclass(frozen=True)
class Physics:
    """What the header says of field and timing; None or empty where it says nothing.

    Attributes:
        field_strength: T; from the frequency where only that is known.
        centre_frequency: of the proton, Hz.
        echo_times: s.
        repetition_times: s.
        inversion_times: s.
        flip_angles: rad.
    """

    field_strength: float | None = None
    centre_frequency: float | None = None
    echo_times: tuple[float, ...] = ()
    repetition_times: tuple[float, ...] = ()
    inversion_times: tuple[float, ...] = ()
    flip_angles: tuple[float, ...] = ()


@dataclass(frozen=True)
class RawData:
    """A raw file: one table of all readouts and one array of all samples.

    Attributes:
        path: the file.
        header: its parsed XML header, an ``ismrmrd.xsd.ismrmrdHeader`` (units of the file).
        encoding: the chosen encoding, SI.
        readouts: the MRD acquisition headers, structured array ``(n_readouts,)`` (units of the file: mm, µs).
        samples: of all readouts one after another, each ``(coil, sample)``; complex64 ``(n_samples,)``.
        offsets: readout ``i`` is ``samples[offsets[i]:offsets[i + 1]]``; int64 ``(n_readouts + 1,)``.
        streams: the readouts by purpose.
        physics: field, frequency and times; the properties below give them one by one.
        findings: what was repaired while reading; :func:`pirecon.rawdata.audit.audit` adds what the data tell.
        trajectories: of every readout, as stored: objects ``(n_readouts,)``, each float32 ``(sample · axes,)``; None
            where the file has none.
    """

    path: Path
    header: Any
    encoding: EncodingSpace
    readouts: np.ndarray
    samples: np.ndarray
    offsets: np.ndarray
    streams: Streams
    physics: Physics
    findings: tuple[Finding, ...] = ()
    trajectories: np.ndarray | None = None

    @property
    def imaging_lines(self) -> np.ndarray:
        """Readouts that the image is made of: imaging, and calibration-and-imaging."""
        return np.sort(np.concatenate([self.streams.imaging, self.streams.calibration_and_imaging]))

    @property
    def calibration_lines(self) -> np.ndarray:
        """Readouts for coil calibration: calibration, and calibration-and-imaging."""
        return np.sort(np.concatenate([self.streams.calibration, self.streams.calibration_and_imaging]))

    @property
    def n_coils(self) -> int:
        """Receive channels of the imaging lines."""
        return int(self.readouts["active_channels"][self.imaging_lines[0]])

    @property
    def field_strength(self) -> float | None:
        """B0, T."""
        return self.physics.field_strength

    @property
    def centre_frequency(self) -> float | None:
        """Of the proton, Hz."""
        return self.physics.centre_frequency

    @property
    def echo_time(self) -> float | None:
        """The first echo time, s."""
        return next(iter(self.physics.echo_times), None)

    @property
    def repetition_time(self) -> float | None:
        """The first repetition time, s."""
        return next(iter(self.physics.repetition_times), None)

    @property
    def inversion_time(self) -> float | None:
        """The first inversion time, s."""
        return next(iter(self.physics.inversion_times), None)

    @property
    def flip_angle(self) -> float | None:
        """The first flip angle, rad."""
        return next(iter(self.physics.flip_angles), None)

    @property
    def dwell_time(self) -> float | None:
        """Time between the samples of the imaging lines, s; None where the file does not say."""
        dwell = float(self.readouts["sample_time_us"][self.imaging_lines[0]]) * 1e-6
        return dwell if 0 < dwell < 1 else None

    def readout(self, index: int) -> np.ndarray:
        """The samples of one readout, complex64 ``(coil, sample)``, not copied."""
        n_coils = int(self.readouts["active_channels"][index])
        return self.samples[self.offsets[index] : self.offsets[index + 1]].reshape(n_coils, -1)

    def block(self, indices: np.ndarray) -> np.ndarray:
        """The samples of readouts of equal shape, complex64 ``(readout, coil, sample)``; not copied where they "
        "adjoin."""
        shape = self.readout(int(indices[0])).shape
        size = shape[0] * shape[1]
        starts = self.offsets[indices]
        if np.array_equal(starts, starts[0] + size * np.arange(len(indices))):
            return self.samples[starts[0] : starts[0] + size * len(indices)].reshape(-1, *shape)
        rows = np.empty((len(indices), size), dtype=self.samples.dtype)
        for row, start in zip(rows, starts, strict=True):
            row[:] = self.samples[start : start + size]
        return rows.reshape(-1, *shape)
