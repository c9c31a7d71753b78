"""Files that cannot be used: one paragraph that names the file, what was found and what helps."""

from __future__ import annotations

import tracemalloc

import h5py
import numpy as np
import pytest

from pirecon.rawdata import RawDataError, read_mrd
from tests.pirecon.rawdata.conftest import Line, lines_of, make_header, write_file


@pytest.fixture
def good(tmp_path, complex_normal):
    return write_file(tmp_path / "scan.h5", make_header((1, 16, 16)), lines_of(complex_normal(2, 1, 16, 16)))


def refuse(path, match: str, **arguments) -> None:
    with pytest.raises(RawDataError, match=match) as caught:
        read_mrd(path, **arguments)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 700
    assert message.endswith(".")


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.6, 0.95, 0.999])
def test_truncated(good, fraction):
    content = good.read_bytes()
    good.write_bytes(content[: int(fraction * len(content))])
    refuse(good, "HDF5.*(cut off|Convert)")


def test_damaged_inside(good):
    content = bytearray(good.read_bytes())
    for start in range(2048, len(content) - 64, 997):
        content[start : start + 64] = b"\xff" * 64
    good.write_bytes(content)
    with pytest.raises(RawDataError, match=str(good)):
        read_mrd(good)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (b"hello", "not an HDF5 file"),
        (b"\x1f\x8b" + bytes(600), "gzip"),
        (bytes(128) + b"DICM" + bytes(500), "DICOM"),
        (bytes(700), "siemens_to_ismrmrd"),
    ],
)
def test_not_hdf5(tmp_path, content, match):
    path = tmp_path / "scan.h5"
    path.write_bytes(content)
    refuse(path, match)


def test_wrong_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5: there is no such file"):
        read_mrd(tmp_path / "nothing.h5")
    refuse(tmp_path, "folder")


def test_no_dataset_group(tmp_path, good):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["measurements"] = np.arange(3)
    refuse(path, "no group 'dataset'.*'measurements'")
    refuse(good, "no group 'dataset_2'.*'dataset'", dataset="dataset_2")
    refuse(good, "encoding 3 was asked for", encoding=3)


def test_group_of_another_name_is_found(good):
    with h5py.File(good, "a") as file:
        file.move("dataset", "scan_1")
    assert len(read_mrd(good).readouts) == 16


@pytest.mark.parametrize("missing", ["xml", "data"])
def test_incomplete_group(good, missing):
    with h5py.File(good, "a") as file:
        del file["dataset"][missing]
    refuse(good, f"no '{missing}'")


def test_empty_dataset(good):
    with h5py.File(good, "a") as file:
        file["dataset/data"].resize(0, axis=0)
    refuse(good, "holds no readout")


def test_table_of_another_kind(good):
    with h5py.File(good, "a") as file:
        del file["dataset/data"]
        file["dataset/data"] = np.zeros(4)
    refuse(good, "no table of MRD acquisitions")


@pytest.mark.parametrize(
    "text", [b"<ismrmrdHeader><enc", b'<!DOCTYPE a [<!ENTITY x "y">]><ismrmrdHeader>&x;</ismrmrdHeader>']
)
def test_broken_xml(tmp_path, complex_normal, text):
    refuse(write_file(tmp_path / "scan.h5", text, lines_of(complex_normal(1, 1, 4, 4))), "XML header")


@pytest.mark.parametrize("value", [np.nan, np.inf, complex(0, -np.inf)])
def test_nan_or_infinite_samples(tmp_path, complex_normal, value):
    lines = lines_of(complex_normal(2, 1, 8, 8))
    lines[5].data[1, 3] = value
    refuse(write_file(tmp_path / "scan.h5", make_header((1, 8, 8)), lines), "NaN or infinite, the first in readout 5")


def test_huge_but_finite_samples_are_read(tmp_path, complex_normal):
    lines = lines_of(1e38 * np.sign(complex_normal(2, 1, 8, 8).real))
    assert len(read_mrd(write_file(tmp_path / "scan.h5", make_header((1, 8, 8)), lines)).readouts) == 8


def test_one_readout_only(tmp_path, complex_normal):
    refuse(
        write_file(tmp_path / "scan.h5", make_header((1, 8, 8)), [Line(complex_normal(2, 8), y=4)]), "one readout only"
    )


def test_zero_coils(tmp_path):
    lines = [Line(np.zeros((0, 8)), y=y) for y in range(4)]
    refuse(write_file(tmp_path / "scan.h5", make_header((1, 4, 8)), lines), "zero coils")


def test_coils_that_change(tmp_path, complex_normal):
    lines = [Line(complex_normal(2 if y else 3, 8), y=y) for y in range(4)]
    refuse(write_file(tmp_path / "scan.h5", make_header((1, 4, 8)), lines), "1 readouts with 3")


def test_nothing_but_zeros(tmp_path):
    refuse(write_file(tmp_path / "scan.h5", make_header((1, 4, 8)), lines_of(np.zeros((2, 1, 4, 8)))), "are zero")


def test_readout_shorter_than_its_header(good):
    with h5py.File(good, "a") as file:
        row = file["dataset/data"][3]
        row["data"] = row["data"][:-2]
        file["dataset/data"][3] = row
    refuse(good, "readout 3 holds 62 numbers, but its header says 64")


def test_a_claim_of_a_million_squared_is_refused_in_little_memory(tmp_path, complex_normal):
    header = make_header((1, 1_000_000, 1_000_000), centre=(0, 500_000))
    path = write_file(tmp_path / "scan.h5", header, lines_of(complex_normal(1, 1, 8, 8)))
    tracemalloc.start()
    try:
        refuse(path, "1000000 × 1000000")
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_a_table_that_was_never_written_is_refused(good):
    with h5py.File(good, "a") as file:
        file["dataset/data"].resize(10**9, axis=0)
    refuse(good, "claims .* GiB")


def test_an_array_that_was_never_written_is_refused(tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", shape=(10, 10, 60_000, 60_000), dtype=np.complex64, chunks=(1, 1, 100, 100))
        file["ismrmrd_header"] = make_header((1, 8, 8)).toXML()
    refuse(path, "claims .* GiB")
