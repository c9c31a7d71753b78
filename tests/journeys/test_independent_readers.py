"""Software that is not ours reads the raw files of played scans and makes the right images of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from bloch.rawfile import RawScan, write_mrd
from experiments.independent import readers, scanned
from experiments.speed import bart


@pytest.fixture(scope="module")
def lines() -> RawScan:
    return scanned.scan(scanned.encoding((26, 24)), scanned.scanner())


@pytest.fixture(scope="module")
def spokes() -> RawScan:
    encoding, machine = scanned.square(), scanned.scanner()
    return scanned.scan(encoding, machine, readings=scanned.spokes(encoding, machine))


@pytest.fixture(scope="module")
def beside_spokes() -> RawScan:
    """The same object by lines: the truth of the spokes."""
    return scanned.scan(scanned.square(), scanned.scanner(), snr=None)


@pytest.fixture
def lines_file(lines: RawScan, tmp_path: Path) -> Path:
    write_mrd(tmp_path / "lines.h5", lines)
    return tmp_path / "lines.h5"


@pytest.fixture
def spokes_file(spokes: RawScan, tmp_path: Path) -> Path:
    write_mrd(tmp_path / "spokes.h5", spokes)
    return tmp_path / "spokes.h5"


@pytest.fixture(scope="module")
def mrpro() -> Path:
    python = readers.mrpro_python()
    if python is None:
        pytest.skip(readers.NO_MRPRO)
    return python


@pytest.mark.skipif(shutil.which(readers.TOOL) is None, reason=readers.NO_TOOL)
def test_the_ismrmrd_tool(lines_file: Path, lines: RawScan) -> None:
    wanted = np.linalg.norm(readers.coil_images(lines), axis=0)
    found = readers.with_tool(lines_file)
    assert readers.fitted_difference(found, wanted) < 0.05
    assert readers.fitted_difference(found[::-1], wanted) > 0.3


@pytest.mark.skipif(not bart.installed(), reason=bart.MISSING)
def test_spokes_through_bart(spokes_file: Path, beside_spokes: RawScan) -> None:
    """Unit, axes and sign of the stored trajectory, and every coil's phase."""
    found, wanted = readers.with_bart(spokes_file), readers.coil_images(beside_spokes)
    assert readers.fitted_difference(found, wanted) < 0.1
    assert readers.fitted_difference(found.conj(), wanted) > 0.3
    assert readers.fitted_difference(found.swapaxes(1, 2), wanted) > 0.3


def test_lines_through_mrpro(mrpro: Path, lines_file: Path, lines: RawScan) -> None:
    found = readers.with_mrpro(mrpro, lines_file, "cartesian")
    wanted = readers.coil_images(lines)
    assert readers.fitted_difference(found["coils"], wanted) < 0.05
    assert readers.fitted_difference(abs(found["combined"]), np.linalg.norm(wanted, axis=0)) < 0.05


def test_spokes_through_mrpro(mrpro: Path, spokes_file: Path, beside_spokes: RawScan) -> None:
    found = readers.with_mrpro(mrpro, spokes_file, "radial")
    assert readers.fitted_difference(found["coils"], readers.coil_images(beside_spokes)) < 0.1


def test_the_scan_is_the_only_group_of_the_file(lines_file: Path) -> None:
    """There are readers that take the first group of a file, and readers that take the last."""
    with h5py.File(lines_file) as file:
        assert list(file) == ["dataset"]
