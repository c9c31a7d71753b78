"""Every check speaks where something is wrong, and only there."""

from __future__ import annotations

import dataclasses

import ismrmrd
import numpy as np
import pytest

from pirecon.rawdata import Finding, audit, read_mrd
from tests.pirecon.rawdata.conftest import Line, lines_of, make_header, measure, write_file

N_Y, N_X = 48, 32


@pytest.fixture
def kspace() -> np.ndarray:
    """An object that is bright, smooth and in the middle, seen by two coils: k-space peaks at its centre."""
    y, x = np.meshgrid(np.linspace(-1, 1, N_Y), np.linspace(-1, 1, N_X), indexing="ij")
    image = np.exp(-8 * (y**2 + x**2))
    return measure(np.stack([image * (1 + 0.3 * x), image * (1 - 0.3 * x)])[:, None], N_X)


@pytest.fixture
def noise(complex_normal) -> Line:
    return Line(1e-3 * complex_normal(2, 64), flags=(ismrmrd.ACQ_IS_NOISE_MEASUREMENT,))


def look(tmp_path, lines, header=None) -> dict[str, Finding]:
    raw = read_mrd(write_file(tmp_path / "raw.h5", header or make_header((1, N_Y, N_X)), lines))
    return {finding.name: finding for finding in audit(raw)}


def claim(acceleration: int):
    header = make_header((1, N_Y, N_X))
    factor = ismrmrd.xsd.accelerationFactorType(kspace_encoding_step_1=acceleration, kspace_encoding_step_2=1)
    header.encoding[0].parallelImaging = ismrmrd.xsd.parallelImagingType(accelerationFactor=factor)
    return header


def test_a_clean_file_has_no_findings(tmp_path, kspace, noise):
    assert look(tmp_path, [noise, *lines_of(kspace)]) == {}


def test_a_shifted_peak(tmp_path, kspace, noise):
    found = look(tmp_path, [noise, *lines_of(np.roll(kspace, (3, -2), axis=(-1, -2)))])
    assert set(found) == {"k-space centre not where the header says"}
    assert "y 22 instead of 24, x 19 instead of 16" in found["k-space centre not where the header says"].found


def test_a_peak_does_not_depend_on_the_scale(tmp_path, kspace, noise):
    noise.data = noise.data * 1e-25
    assert look(tmp_path, [noise, *lines_of(1e-25 * kspace)]) == {}


def test_reversed_lines_with_a_wrong_centre(tmp_path, kspace, noise):
    lines = lines_of(kspace)
    for line in lines[1::2]:
        line.data, line.flags, line.centre = line.data[:, ::-1], (ismrmrd.ACQ_IS_REVERSE,), N_X // 2
    assert set(look(tmp_path, [noise, *lines])) >= {"reversed lines shifted"}


def test_reversed_lines_with_the_right_centre(tmp_path, kspace, noise):
    lines = lines_of(kspace)
    for line in lines[1::2]:
        line.data, line.flags, line.centre = line.data[:, ::-1], (ismrmrd.ACQ_IS_REVERSE,), N_X - 1 - N_X // 2
    assert look(tmp_path, [noise, *lines]) == {}


def test_no_noise_scan(tmp_path, kspace):
    assert set(look(tmp_path, lines_of(kspace))) == {"noise scan missing"}


def test_a_noise_scan_with_other_coils(tmp_path, kspace, noise):
    noise.data = noise.data[:1]
    assert "none with the image's 2 coils" in look(tmp_path, [noise, *lines_of(kspace)])["noise scan missing"].found


def test_noise_scan_of_unknown_bandwidth_and_with_a_dead_coil(tmp_path, kspace, noise):
    noise.data[1] = 0
    noise.head = {"sample_time_us": 0.0}
    found = look(tmp_path, [noise, *lines_of(kspace)])
    assert set(found) == {"noise scan without noise", "noise bandwidth unknown"}
    assert "[1]" in found["noise scan without noise"].found


@pytest.mark.parametrize("acceleration", [2, 3])
def test_undersampled_without_calibration(tmp_path, kspace, noise, acceleration):
    lines = [line for line in lines_of(kspace) if line.y % acceleration == 0]
    found = look(tmp_path, [noise, *lines], claim(acceleration))
    assert set(found) == {"calibration region missing"}


def test_undersampled_with_few_calibration_lines(tmp_path, kspace, noise):
    lines = [line for line in lines_of(kspace) if line.y % 2 == 0 or abs(line.y - N_Y // 2) <= 3]
    found = look(tmp_path, [noise, *lines], claim(2))
    assert set(found) == {"calibration region too small"}
    assert "9 lines" in found["calibration region too small"].found  # 20 to 28


@pytest.mark.parametrize("separate", [True, False])
def test_undersampled_with_enough_calibration_lines(tmp_path, kspace, noise, separate):
    middle = [line for line in lines_of(kspace) if abs(line.y - N_Y // 2) <= 8]
    outer = [line for line in lines_of(kspace) if line.y % 2 == 0 and (separate or abs(line.y - N_Y // 2) > 8)]
    if separate:
        middle = [dataclasses.replace(line, flags=(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,)) for line in middle]
    assert look(tmp_path, [noise, *outer, *middle], claim(2)) == {}


def test_one_coil_needs_no_calibration(tmp_path, kspace, noise):
    lines = [Line(line.data[:1], y=line.y) for line in lines_of(kspace) if line.y % 2 == 0]
    noise.data = noise.data[:1]
    assert look(tmp_path, [noise, *lines], claim(2)) == {}


@pytest.mark.parametrize(("claimed", "measured"), [(2, 1), (1, 2), (3, 2)])
def test_acceleration_other_than_claimed(tmp_path, kspace, noise, claimed, measured):
    middle = set(range(N_Y // 2 - 8, N_Y // 2 + 9))
    lines = [line for line in lines_of(kspace) if line.y % measured == 0 or line.y in middle]
    found = look(tmp_path, [noise, *lines], claim(claimed))
    assert set(found) == {"acceleration not as claimed"}
    assert f"claims {claimed}, lines are {measured} apart" in found["acceleration not as claimed"].found


def test_partial_fourier_and_asymmetric_echo(tmp_path, kspace, noise):
    lines = [line for line in lines_of(kspace) if line.y >= 12]
    for line in lines:
        line.data, line.centre = line.data[:, 6:], N_X // 2 - 6
    found = look(tmp_path, [noise, *lines])
    assert set(found) == {"partial Fourier", "asymmetric echo"}
    assert "12 steps before and 23 after" in found["partial Fourier"].found
    assert "10 steps before and 15 after" in found["asymmetric echo"].found


def test_a_dead_channel(tmp_path, kspace, noise):
    kspace[1] = 0
    found = look(tmp_path, [noise, *lines_of(kspace)])
    assert set(found) == {"all-zero channel"}
    assert "[1] of 2" in found["all-zero channel"].found


def test_mixed_readout_lengths(tmp_path, kspace, noise):
    lines = lines_of(kspace)
    for line in lines[:7]:
        line.data, line.centre = line.data[:, 2:], N_X // 2 - 2
    found = look(tmp_path, [noise, *lines])
    assert set(found) == {"mixed readout lengths"}
    assert found["mixed readout lengths"].found == "7 lines of 30 samples, 41 lines of 32 samples"


def test_missing_dwell_time_and_field(tmp_path, kspace, noise):
    lines = lines_of(kspace)
    for line in lines:
        line.head = {"sample_time_us": 0.0}
    header = make_header((1, N_Y, N_X))
    header.acquisitionSystemInformation = None
    header.experimentalConditions.H1resonanceFrequency_Hz = 0
    assert set(look(tmp_path, [noise, *lines], header)) == {
        "dwell time missing",
        "field strength missing",
        "noise bandwidth unknown",
    }


def test_nan_is_an_error_and_comes_first(tmp_path, kspace):
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, N_Y, N_X)), lines_of(kspace)))
    raw.samples[1000] = np.nan
    assert audit(raw)[0].severity == "error"


def test_missing_patient_position_reaches_the_audit(tmp_path, kspace, noise):
    header = make_header((1, N_Y, N_X))
    header.measurementInformation = None
    assert set(look(tmp_path, [noise, *lines_of(kspace)], header)) == {"missing patientPosition"}
