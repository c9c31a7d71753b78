"""The file as the ismrmrd package reads it, acquisition by acquisition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import ismrmrd
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bloch.closed_form import simulate_closed_form
from bloch.phantom import Phantom
from bloch.rawfile import RawScan, write_mrd
from bloch.scanner import Scanner
from bloch.sequence import (
    TRANSAXIAL,
    Protocol,
    SamplingPattern,
    central_block,
    equispaced,
    fully_sampled,
    partial_fourier,
)
from tests.bloch.rawfile.conftest import make_encoding

SHAPE = (1, 21)


def read(path: Path) -> tuple[ismrmrd.xsd.ismrmrdHeader, list[ismrmrd.Acquisition]]:
    dataset = ismrmrd.Dataset(str(path), create_if_needed=False)
    header = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
    acquisitions = [dataset.read_acquisition(i) for i in range(dataset.number_of_acquisitions())]
    dataset.close()
    return header, acquisitions


@pytest.fixture
def embedded(box: Phantom, protocol: Protocol, scanner: Scanner) -> RawScan:
    pattern = SamplingPattern(equispaced(SHAPE, (1, 2)), central_block(SHAPE, 6), acceleration=(1, 2))
    centres = tuple((0.0, 0.0, 5e-3 * (s - 1)) for s in range(3))
    encoding = make_encoding(sampling=pattern, centres=centres, n_averages=2, alternating_readout=True)
    return simulate_closed_form(box, protocol, scanner, encoding, snr=20, seed=1)


def test_readouts_come_back_as_they_were_written(embedded: RawScan, tmp_path: Path) -> None:
    write_mrd(tmp_path / "raw.h5", embedded)
    _, acquisitions = read(tmp_path / "raw.h5")
    assert len(acquisitions) == len(embedded.noise) + len(embedded.lines)
    written = np.concatenate((embedded.noise, embedded.samples))
    for acquisition, samples in zip(acquisitions, written, strict=True):
        np.testing.assert_array_equal(acquisition.data, samples)
        assert acquisition.active_channels == acquisition.available_channels == 3
        assert acquisition.number_of_samples == 32
        assert acquisition.sample_time_us == 25
        assert all(acquisition.isChannelActive(c) for c in range(3))
    assert [a.scan_counter for a in acquisitions] == list(range(len(acquisitions)))


def test_counters_and_flags_say_what_each_readout_is(embedded: RawScan, tmp_path: Path) -> None:
    write_mrd(tmp_path / "raw.h5", embedded)
    _, acquisitions = read(tmp_path / "raw.h5")
    noise, lines = acquisitions[:4], acquisitions[4:]
    assert all(a.is_flag_set(ismrmrd.ACQ_IS_NOISE_MEASUREMENT) for a in noise)
    assert not any(a.is_flag_set(ismrmrd.ACQ_IS_NOISE_MEASUREMENT) for a in lines)
    expected = sorted({*range(0, 21, 2), *range(7, 13)})
    for average in range(2):
        for s in range(3):
            here = [a for a in lines if a.idx.slice == s and a.idx.average == average]
            assert [a.idx.kspace_encode_step_1 for a in here] == expected
            both = [a for a in here if a.is_flag_set(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING)]
            assert [a.idx.kspace_encode_step_1 for a in both] == list(range(7, 13))
            assert here[0].is_flag_set(ismrmrd.ACQ_FIRST_IN_SLICE)
            assert here[-1].is_flag_set(ismrmrd.ACQ_LAST_IN_SLICE)
            assert sum(a.is_flag_set(ismrmrd.ACQ_FIRST_IN_SLICE) for a in here) == 1
            assert [a.is_flag_set(ismrmrd.ACQ_IS_REVERSE) for a in here] == [i % 2 == 1 for i in range(len(here))]
            for a in here:
                assert a.center_sample == (15 if a.is_flag_set(ismrmrd.ACQ_IS_REVERSE) else 16)
    assert [a.is_flag_set(ismrmrd.ACQ_LAST_IN_MEASUREMENT) for a in lines].index(True) == len(lines) - 1


def test_slices_are_interleaved_and_lie_where_the_header_says(embedded: RawScan, tmp_path: Path) -> None:
    write_mrd(tmp_path / "raw.h5", embedded)
    _, acquisitions = read(tmp_path / "raw.h5")
    order = [a.idx.slice for a in acquisitions[4:] if a.is_flag_set(ismrmrd.ACQ_FIRST_IN_SLICE)]
    assert order == [0, 2, 1] * 2
    for a in acquisitions[4:]:
        assert a.position[2] == pytest.approx(5 * (a.idx.slice - 1))


def test_header_describes_the_scan(embedded: RawScan, tmp_path: Path) -> None:
    write_mrd(tmp_path / "raw.h5", embedded)
    header, _ = read(tmp_path / "raw.h5")
    system, encoding = header.acquisitionSystemInformation, header.encoding[0]
    assert system.systemFieldStrength_T == 0.064
    assert system.receiverChannels == 3
    assert system.relativeReceiverNoiseBandwidth == 1
    assert header.experimentalConditions.H1resonanceFrequency_Hz == pytest.approx(42.577e6 * 0.064, rel=1e-4)
    assert header.measurementInformation.patientPosition.value == "HFS"
    encoded, recon = encoding.encodedSpace, encoding.reconSpace
    assert (encoded.matrixSize.x, encoded.matrixSize.y, encoded.matrixSize.z) == (32, 21, 1)
    assert (recon.matrixSize.x, recon.matrixSize.y, recon.matrixSize.z) == (16, 21, 1)
    assert (encoded.fieldOfView_mm.x, encoded.fieldOfView_mm.y, encoded.fieldOfView_mm.z) == (280, 160, 5)
    assert recon.fieldOfView_mm.x == 140
    limits = encoding.encodingLimits
    assert (limits.kspace_encoding_step_1.minimum, limits.kspace_encoding_step_1.maximum) == (0, 20)
    assert limits.kspace_encoding_step_1.center == 10
    assert limits.average.maximum == 1
    assert limits.slice.maximum == 2
    parallel = encoding.parallelImaging
    assert parallel.accelerationFactor.kspace_encoding_step_1 == 2
    assert parallel.calibrationMode.value == "embedded"
    assert encoding.trajectory.value == "cartesian"
    assert encoding.echoTrainLength == 8
    parameters = header.sequenceParameters
    assert (parameters.TR, parameters.TE, parameters.echo_spacing) == ([3000], [80], [10])
    assert parameters.flipAngle_deg == [90]


def test_header_holds_the_echo_time_of_every_contrast(embedded: RawScan, tmp_path: Path) -> None:
    protocol = Protocol("multi_echo_gradient_echo", 0.007, 0.06, echo_times=(0.007, 0.021, 0.035))
    write_mrd(tmp_path / "raw.h5", replace(embedded, protocol=protocol))
    header, _ = read(tmp_path / "raw.h5")
    assert list(header.sequenceParameters.TE) == pytest.approx([7, 21, 35])


def test_separate_calibration_comes_first_and_is_no_image(
    box: Phantom, protocol: Protocol, scanner: Scanner, tmp_path: Path
) -> None:
    shape = (4, 12)
    pattern = SamplingPattern(equispaced(shape, (2, 3)), central_block(shape, 4), separate=True, acceleration=(2, 3))
    scan = simulate_closed_form(box, protocol, scanner, make_encoding((4, 12, 9), sampling=pattern), snr=20)
    write_mrd(tmp_path / "raw.h5", scan)
    header, acquisitions = read(tmp_path / "raw.h5")
    kinds = [a.is_flag_set(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION) for a in acquisitions[4:]]
    assert kinds == [True] * 16 + [False] * 8
    steps = {(a.idx.kspace_encode_step_2, a.idx.kspace_encode_step_1) for a in acquisitions[4:20]}
    assert steps == {(z, y) for z in range(4) for y in range(4, 8)}
    parallel = header.encoding[0].parallelImaging
    assert parallel.calibrationMode.value == "separate"
    factor = parallel.accelerationFactor
    assert (factor.kspace_encoding_step_1, factor.kspace_encoding_step_2) == (3, 2)


def test_partial_fourier_shows_in_the_limits(
    box: Phantom, protocol: Protocol, scanner: Scanner, tmp_path: Path
) -> None:
    pattern = SamplingPattern(partial_fourier(SHAPE, 0.75), np.zeros(SHAPE, bool))
    write_mrd(tmp_path / "raw.h5", simulate_closed_form(box, protocol, scanner, make_encoding(sampling=pattern)))
    header, acquisitions = read(tmp_path / "raw.h5")
    limit = header.encoding[0].encodingLimits.kspace_encoding_step_1
    assert (limit.minimum, limit.maximum, limit.center) == (5, 20, 10)
    assert [a.idx.kspace_encode_step_1 for a in acquisitions] == list(range(5, 21))


@pytest.mark.parametrize("flip", [1, -1])
def test_oblique_directions_are_written_with_their_signs(
    box: Phantom, protocol: Protocol, scanner: Scanner, tmp_path: Path, flip: int
) -> None:
    directions = TRANSAXIAL @ Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
    directions[1] *= flip
    encoding = make_encoding(directions=directions, centres=((0.01, -0.005, 0.002),))
    write_mrd(tmp_path / "raw.h5", simulate_closed_form(box, protocol, scanner, encoding))
    _, acquisitions = read(tmp_path / "raw.h5")
    for a in acquisitions:
        np.testing.assert_allclose([a.slice_dir[:], a.phase_dir[:], a.read_dir[:]], directions, atol=1e-6)
        np.testing.assert_allclose(a.position[:], [10, -5, 2], atol=1e-5)


def test_the_truth_lies_in_the_same_file(embedded: RawScan, tmp_path: Path) -> None:
    write_mrd(tmp_path / "raw.h5", embedded)
    with h5py.File(tmp_path / "raw.h5") as file:
        truth = file["dataset/truth"]
        assert truth["image"].shape == (3, 1, 21, 16)
        assert truth["sensitivity_maps"].shape == (3, 3, 1, 21, 16)
        assert truth["noise_covariance"].shape == (3, 3)
        assert all(truth[name].attrs["about"] for name in truth)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    embedded: RawScan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "raw.h5"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("bloch.rawfile.mrd._write_truth", fail)
    with pytest.raises(OSError, match="disk full"):
        write_mrd(path, embedded)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["raw.h5"]


def test_what_does_not_fit_is_refused(embedded: RawScan, tmp_path: Path) -> None:
    encoding = make_encoding()
    broken = RawScan(encoding, embedded.protocol, 0.064, embedded.lines, embedded.samples[:5], embedded.noise)
    with pytest.raises(ValueError, match="the plan asks for"):
        write_mrd(tmp_path / "raw.h5", broken)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        write_mrd(tmp_path / "absent" / "raw.h5", embedded)
    with pytest.raises(ValueError, match="make both of the same size"):
        make_encoding(sampling=fully_sampled((1, 20)))
    with pytest.raises(ValueError, match="orthogonal"):
        make_encoding(directions=np.ones((3, 3)))
    assert list(tmp_path.iterdir()) == []
