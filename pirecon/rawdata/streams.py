"""Sort readouts by purpose."""

from __future__ import annotations

import ismrmrd
import numpy as np

from pirecon.rawdata.raw_data import Streams


def has_flag(flags: np.ndarray, flag: int) -> np.ndarray:
    """Which of ``flags`` have an MRD acquisition flag; MRD counts bits from 1 (``ismrmrd.h``,
    ISMRMRD_AcquisitionFlags).

    Args:
        flags: uint64 ``(n,)``.
        flag: ``ismrmrd.ACQ_...``.

    Returns:
        bool ``(n,)``.
    """
    return (flags >> np.uint64(flag - 1)) & np.uint64(1) == 1


def split_streams(readouts: np.ndarray, encoding: int) -> Streams:
    """Give every readout to exactly one stream. Where flags contradict each other the first of these wins: noise,
    dummy, navigation, phase correction, other, calibration-and-imaging, calibration; what has none of them is imaging.

    Args:
        readouts: MRD acquisition headers ``(n,)``.
        encoding: which encoding's lines; the noise scan counts for all.

    Returns:
        Indices by stream, in the order of measurement.

    Source: MRD AcquisitionFlags, https://ismrmrd.readthedocs.io/en/latest/mrd_raw_data.html.
    """
    flags = readouts["flags"]
    left = np.ones(len(readouts), dtype=bool)

    def take(*names: int) -> np.ndarray:
        chosen = left & np.any([has_flag(flags, name) for name in names], axis=0)
        left[chosen] = False
        return np.flatnonzero(chosen)

    noise = take(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)
    foreign = left & (readouts["encoding_space_ref"] != encoding)
    left[foreign] = False
    dummy = take(ismrmrd.ACQ_IS_DUMMYSCAN_DATA)
    navigation = take(ismrmrd.ACQ_IS_NAVIGATION_DATA)
    phase_correction = take(ismrmrd.ACQ_IS_PHASECORR_DATA)
    other = take(
        ismrmrd.ACQ_IS_HPFEEDBACK_DATA,
        ismrmrd.ACQ_IS_RTFEEDBACK_DATA,
        ismrmrd.ACQ_IS_SURFACECOILCORRECTIONSCAN_DATA,
        ismrmrd.ACQ_IS_PHASE_STABILIZATION_REFERENCE,
        ismrmrd.ACQ_IS_PHASE_STABILIZATION,
    )
    calibration_and_imaging = take(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING)
    calibration = take(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION)
    return Streams(
        imaging=np.flatnonzero(left),
        calibration=calibration,
        calibration_and_imaging=calibration_and_imaging,
        noise=noise,
        phase_correction=phase_correction,
        navigation=navigation,
        dummy=dummy,
        other=np.sort(np.concatenate([other, np.flatnonzero(foreign)])),
    )
