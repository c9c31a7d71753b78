"""Headers that contradict the data or themselves: what is decided, and that it is said."""

from __future__ import annotations

import numpy as np
import pytest

from pirecon.rawdata import RawDataError, audit, read_mrd, sort_kspace
from tests.pirecon.rawdata.conftest import Line, lines_of, make_header, measure, write_file


def findings_of(raw) -> dict[str, str]:
    return {finding.name: finding.severity for finding in audit(raw)}


def test_missing_limits_put_the_centre_in_the_middle_of_the_matrix(tmp_path, complex_normal):
    full = complex_normal(1, 1, 7, 6)
    header = make_header((1, 7, 6))
    header.encoding[0].encodingLimits.kspace_encoding_step_1 = None
    header.encoding[0].encodingLimits.kspace_encoding_step_2 = None
    raw = read_mrd(write_file(tmp_path / "raw.h5", header, lines_of(full)))
    assert np.allclose(sort_kspace(raw).data, full)
    assert findings_of(raw)["encoding limits missing"] == "info"


def test_a_centre_of_zero_is_not_believed_where_it_loses_half_of_the_lines(tmp_path, complex_normal):
    full = complex_normal(1, 1, 8, 6)
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 8, 6), centre=(0, 0)), lines_of(full)))
    assert np.allclose(sort_kspace(raw).data, full)
    assert findings_of(raw)["k-space centre impossible"] == "warning"


def test_more_lines_than_the_matrix_make_the_matrix_grow(tmp_path, complex_normal):
    full = complex_normal(1, 1, 12, 6)
    header = make_header((1, 8, 6), extent_mm=(3.0, 24.0, 6.0), centre=(0, 6))
    header.encoding[0].encodingLimits.kspace_encoding_step_1.maximum = 11
    raw = read_mrd(write_file(tmp_path / "raw.h5", header, lines_of(full)))
    kspace = sort_kspace(raw)
    assert np.allclose(kspace.data, full)
    assert kspace.geometry.voxel_size[1] == pytest.approx(2e-3)  # 24 mm, 12 lines
    assert findings_of(raw)["contradictory matrix"] == "warning"


def test_stray_lines_outside_the_limits_are_left_out(tmp_path, complex_normal):
    full = complex_normal(1, 1, 8, 6)
    lines = [*lines_of(full), Line(complex_normal(1, 6), y=4000)]
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 8, 6)), lines))
    assert np.allclose(sort_kspace(raw).data, full)
    assert findings_of(raw)["lines outside the encoding limits"] == "warning"


def test_center_sample_zero_means_the_middle(tmp_path, complex_normal):
    image = np.zeros((1, 1, 6, 9), dtype=complex)
    image[..., 2:5, 3:7] = 1
    full = measure(image, 9)
    lines = lines_of(full)
    for line in lines:
        line.centre = 0
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 6, 9)), lines))
    assert np.allclose(sort_kspace(raw).data, full, atol=1e-6)
    assert findings_of(raw)["center_sample is 0"] == "info"


def test_a_half_echo_keeps_its_centre_at_sample_zero(tmp_path):
    image = np.zeros((1, 1, 6, 16), dtype=complex)
    image[..., 2:5, 5:12] = 1
    full = measure(image, 16)
    lines = [Line(full[:, 0, y, 8:], y=y, centre=0) for y in range(6)]
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 6, 16)), lines)))
    assert np.allclose(kspace.data[..., 8:], full[..., 8:], atol=1e-6)
    assert (kspace.weights[..., :8] == 0).all()


def test_lines_without_the_oversampling_that_the_header_claims(tmp_path, complex_normal):
    full = complex_normal(1, 1, 5, 8)
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 5, 16), recon=(1, 5, 8)), lines_of(full)))
    kspace = sort_kspace(raw)
    assert np.allclose(kspace.data, full)
    assert kspace.geometry.voxel_size[2] == pytest.approx(1e-3)
    assert findings_of(raw)["contradictory readout length"] == "info"


def test_lines_longer_than_the_matrix_are_oversampled(tmp_path, complex_normal):
    image = complex_normal(1, 1, 5, 8)
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((1, 5, 8)), lines_of(measure(image, 16))))
    kspace = sort_kspace(raw)
    assert np.allclose(kspace.data, measure(image, 8), atol=1e-5)
    assert findings_of(raw)["contradictory readout length"] == "warning"


def test_phase_oversampling_stays_in_and_readout_oversampling_goes(tmp_path, complex_normal):
    header = make_header((1, 12, 16), recon=(1, 9, 8))
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", header, lines_of(complex_normal(1, 1, 12, 16)))))
    assert kspace.data.shape == (1, 1, 12, 8)
    assert kspace.geometry.matrix == (1, 12, 8)
    assert np.allclose(kspace.geometry.voxel_size, (3e-3, 2e-3, 1e-3))


def test_an_interpolated_reconstruction_matrix_does_not_change_the_grid(tmp_path, complex_normal):
    header = make_header((1, 6, 16), recon=(1, 6, 8))
    header.encoding[0].reconSpace.matrixSize.x = 512  # the scanner zero-fills; the field of view is what counts
    kspace = sort_kspace(read_mrd(write_file(tmp_path / "raw.h5", header, lines_of(complex_normal(1, 1, 6, 16)))))
    assert kspace.data.shape == (1, 1, 6, 8)


def test_lines_that_are_exactly_zero_were_never_measured(tmp_path, complex_normal):
    full = complex_normal(2, 3, 5, 6)
    full[:, 2] = 0
    full[:, 0, 1] = 0
    full[:, 1, 3, 0] = 0  # a line may start with zeros
    raw = read_mrd(write_file(tmp_path / "raw.h5", make_header((3, 5, 6)), lines_of(full)))
    measured = sort_kspace(raw).weights[0, ..., 0] > 0
    assert measured.numpy().tolist() == [[True, False, True, True, True], [True] * 5, [False] * 5]
    assert findings_of(raw)["all-zero partition"] == "warning"


def test_a_grid_far_larger_than_the_data_is_refused(tmp_path, complex_normal):
    header = make_header((1, 60_000, 60_000), centre=(0, 1))
    with pytest.raises(RawDataError, match=r"60000 × 60000.*64 grid points per sample"):
        read_mrd(write_file(tmp_path / "raw.h5", header, lines_of(complex_normal(1, 1, 3, 8))))
