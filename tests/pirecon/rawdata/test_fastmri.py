"""HDF5 files in the manner of fastMRI and M4Raw."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from pirecon.rawdata import RawDataError, audit, read_mrd, sort_kspace
from tests.pirecon.rawdata.conftest import make_header, measure


def write(path, kspace, header, **more):
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace.astype(np.complex64)
        file["ismrmrd_header"] = header.toXML() if hasattr(header, "toXML") else header
        for name, value in more.items():
            file[name] = value
    return path


def test_multicoil_kspace_is_sorted_with_its_readout_along_x(tmp_path, complex_normal):
    images = complex_normal(3, 2, 1, 7, 8)  # (slice, coil, z, y, x)
    stored = np.stack(
        [measure(image, 16)[:, 0].transpose(0, 2, 1) for image in images]
    )  # (slice, coil, readout, phase)
    header = make_header((1, 7, 16), recon=(1, 7, 8), centre=(0, 1))  # limits of the original file, not of the array
    raw = read_mrd(write(tmp_path / "raw.h5", stored, header))
    kspace = sort_kspace(raw)
    assert kspace.batch_axes == ("slice",)
    assert np.allclose(kspace.data, np.stack([measure(image, 8) for image in images]), atol=1e-5)
    assert np.allclose(np.diff(kspace.geometry.centres, axis=0), [[0, 0, 3e-3]] * 2)
    assert any(finding.name == "not MRD but fastMRI or M4Raw" for finding in audit(raw))


def test_columns_of_zeros_and_masked_columns_were_not_measured(tmp_path, complex_normal):
    kspace = complex_normal(1, 2, 8, 6)
    kspace[..., 0] = 0
    mask = np.array([1, 1, 0, 1, 1, 1], dtype=np.uint8)
    sorted_ = sort_kspace(read_mrd(write(tmp_path / "raw.h5", kspace, make_header((1, 6, 8)), mask=mask)))
    assert (sorted_.weights[0, 0, :, 0] > 0).tolist() == [False, True, False, True, True, True]


def test_single_coil_files_have_no_coil_axis(tmp_path, complex_normal):
    kspace = complex_normal(2, 8, 6)
    sorted_ = sort_kspace(read_mrd(write(tmp_path / "raw.h5", kspace, make_header((1, 6, 8)).toXML().encode())))
    assert np.allclose(sorted_.data[:, 0, 0], kspace.transpose(0, 2, 1), atol=1e-6)


def test_zero_filled_width_beats_the_header(tmp_path, complex_normal):
    kspace = complex_normal(1, 1, 8, 10)
    sorted_ = sort_kspace(read_mrd(write(tmp_path / "raw.h5", kspace, make_header((1, 6, 8)))))
    assert sorted_.geometry.matrix == (1, 10, 8)


def test_nan_is_not_taken_for_unmeasured(tmp_path, complex_normal):
    kspace = complex_normal(1, 1, 8, 6)
    kspace[..., 2] = np.nan
    with pytest.raises(RawDataError, match="NaN"):
        read_mrd(write(tmp_path / "raw.h5", kspace, make_header((1, 6, 8))))


@pytest.mark.parametrize("shape", [(8, 6), (1, 1, 1, 8, 6), (0, 1, 8, 6)])
def test_other_shapes_are_refused(tmp_path, shape):
    with pytest.raises(RawDataError, match="'kspace' has shape"):
        read_mrd(write(tmp_path / "raw.h5", np.ones(shape), make_header((1, 6, 8))))


def test_without_header_or_signal_it_is_refused(tmp_path):
    path = write(tmp_path / "raw.h5", np.zeros((1, 1, 8, 6)), make_header((1, 6, 8)))
    with pytest.raises(RawDataError, match="all of 'kspace' is zero"):
        read_mrd(path)
    with h5py.File(path, "a") as file:
        del file["ismrmrd_header"]
    with pytest.raises(RawDataError, match="no 'ismrmrd_header'"):
        read_mrd(path)
