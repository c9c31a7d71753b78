"""The XML header of an MRD file."""

from __future__ import annotations

import math

import numpy as np
from ismrmrd import xsd

from bloch.rawfile.raw_scan import RawScan
from bloch.sequence.encoding import TriInt
from bloch.tissue import GYROMAGNETIC_RATIO

MAX_INDEX = 65535  # counters, samples and channels of an acquisition header are 16 bits wide


def header(scan: RawScan) -> xsd.ismrmrdHeader:
    """The header of a scan; lengths in mm, times in ms, angles in degrees.

    Args:
        scan: to describe.

    Returns:
        Header for ``ismrmrd.xsd.ToXML``.

    Source: ismrmrd.xsd of the ISMRM raw data format, Inati et al., Magn Reson Med 77:411 (2017).
    """
    measurement = xsd.measurementInformationType(
        measurementID=f"bloch_{scan.protocol.name}",
        patientPosition=xsd.patientPositionType.HFS,
        protocolName=scan.protocol.name,
    )
    system = xsd.acquisitionSystemInformationType(
        systemVendor="bloch",
        systemModel="simulated scanner",
        systemFieldStrength_T=scan.B0,
        relativeReceiverNoiseBandwidth=1.0,  # its filter is a perfect box
        receiverChannels=scan.samples.shape[1],
        coilLabel=_coil_labels(scan),
    )
    return xsd.ismrmrdHeader(
        version=1,
        measurementInformation=measurement,
        acquisitionSystemInformation=system,
        experimentalConditions=xsd.experimentalConditionsType(
            H1resonanceFrequency_Hz=round(GYROMAGNETIC_RATIO * scan.B0)
        ),
        encoding=[_encoding(scan)],
        sequenceParameters=_sequence_parameters(scan),
    )


def _coil_labels(scan: RawScan) -> list[xsd.coilLabelType]:
    """Names of the channels; there is no field for sensing coils, so they are told by their names."""
    n_coils = scan.samples.shape[1]
    n_receive = n_coils - scan.n_sensing
    names = [f"receive_{c}" for c in range(n_receive)] + [f"sensing_{c}" for c in range(scan.n_sensing)]
    return [xsd.coilLabelType(coilNumber=c, coilName=name) for c, name in enumerate(names)]


def _encoding(scan: RawScan) -> xsd.encodingType:
    e = scan.encoding
    acceleration_z, acceleration_y = e.sampling.acceleration
    if not e.sampling.calibration.any():
        mode = xsd.calibrationModeType.OTHER
    elif e.sampling.separate:
        mode = xsd.calibrationModeType.SEPARATE
    else:
        mode = xsd.calibrationModeType.EMBEDDED
    return xsd.encodingType(
        # Stored trajectories count in units of 1 / the encoded field of view, and spokes are oversampled every way.
        encodedSpace=_space(scan, oversampling=e.oversampling if scan.trajectory is None else 1),
        reconSpace=_space(scan, oversampling=1),
        encodingLimits=_limits(scan),
        trajectory=xsd.trajectoryType(e.trajectory),
        parallelImaging=xsd.parallelImagingType(
            accelerationFactor=xsd.accelerationFactorType(
                kspace_encoding_step_1=acceleration_y, kspace_encoding_step_2=acceleration_z
            ),
            calibrationMode=mode,
        ),
        echoTrainLength=scan.protocol.echo_train_length,
    )


def _space(scan: RawScan, *, oversampling: int) -> xsd.encodingSpaceType:
    nz, ny, nx = scan.encoding.matrix
    z, y, x = (round(float(length) * 1e3, 6) for length in scan.encoding.field_of_view)
    return xsd.encodingSpaceType(
        matrixSize=xsd.matrixSizeType(x=nx * oversampling, y=ny, z=nz),
        fieldOfView_mm=xsd.fieldOfViewMm(x=x * oversampling, y=y, z=z),
    )


def _limits(scan: RawScan) -> xsd.encodingLimitsType:
    """First and last line that the image has, and the index of k = 0."""
    nz, ny, _ = scan.encoding.matrix
    by_lines = scan.encoding.trajectory in ("cartesian", "epi")  # otherwise ky counts spokes or interleaves
    imaging = [line for line in scan.lines if line.imaging]
    ky, kz = ([getattr(line, axis) for line in imaging] for axis in ("ky", "kz"))
    n_samples, n_slices = scan.samples.shape[2], len(scan.encoding.centres)
    n_contrasts, n_segments = (1 + max(getattr(line, axis) for line in scan.lines) for axis in ("contrast", "segment"))
    one = xsd.limitType(minimum=0, maximum=0, center=0)
    return xsd.encodingLimitsType(
        kspace_encoding_step_0=xsd.limitType(minimum=0, maximum=n_samples - 1, center=n_samples // 2),
        kspace_encoding_step_1=xsd.limitType(minimum=min(ky), maximum=max(ky), center=ny // 2 if by_lines else 0),
        kspace_encoding_step_2=xsd.limitType(minimum=min(kz), maximum=max(kz), center=nz // 2),
        average=xsd.limitType(minimum=0, maximum=scan.encoding.n_averages - 1, center=0),
        slice=xsd.limitType(minimum=0, maximum=n_slices - 1, center=n_slices // 2),
        contrast=xsd.limitType(minimum=0, maximum=n_contrasts - 1, center=0),
        segment=xsd.limitType(minimum=0, maximum=n_segments - 1, center=0),
        phase=one, repetition=one, set=one,
    )  # fmt: skip


def _sequence_parameters(scan: RawScan) -> xsd.sequenceParametersType:
    p = scan.protocol
    names = {
        "spin_echo": "SpinEcho",
        "turbo_spin_echo": "TurboSpinEcho",
        "inversion_recovery": "InversionRecovery",
        "spoiled_gradient_echo": "Flash",
    }
    return xsd.sequenceParametersType(
        TR=[p.repetition_time * 1e3],
        TE=[time * 1e3 for time in p.echo_times or (p.echo_time,) if time > 0],
        TI=[] if p.inversion_time is None else [p.inversion_time * 1e3],
        flipAngle_deg=[math.degrees(p.flip_angle)],
        sequence_type=names.get(p.name, p.name),
        echo_spacing=[] if p.echo_spacing is None else [p.echo_spacing * 1e3],
    )


def check_fits(scan: RawScan) -> None:
    """Refuse what an MRD file cannot hold.

    Raises:
        ValueError: no readouts, an axis above 65535, or samples that do not match the plan.
    """
    n_readouts, n_coils, n_samples = scan.samples.shape
    expected = (len(scan.lines), n_coils, n_samples if scan.trajectory is not None else scan.encoding.n_samples)
    if scan.samples.shape != expected or n_readouts == 0:
        raise ValueError(f"the samples have shape {scan.samples.shape}, the plan asks for {expected} with readouts > 0")
    sizes: TriInt = (*scan.encoding.matrix[:2], n_samples)
    if max(*sizes, n_coils, len(scan.encoding.centres)) > MAX_INDEX:
        raise ValueError(f"an MRD file counts in 16 bits, up to {MAX_INDEX}: {sizes} (kz, ky, samples) does not fit")
    if not np.isfinite(scan.samples).all():
        raise ValueError("the samples hold infinite or undefined values; look at the phantom and the noise level")
