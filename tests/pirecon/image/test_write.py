"""Files appear whole or not at all, and what cannot be written is refused with a reason."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
import torch

from pirecon.image import mrd_image
from pirecon.image.image import Image
from pirecon.image.whole_file import whole_file
from pirecon.image.write import check_output_path, write_image
from pirecon.rawdata.geometry import Geometry

AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
SUFFIXES = (".nii", ".nii.gz", ".h5", ".npy", ".png")


@pytest.fixture
def image(generator: torch.Generator) -> Image:
    centres = np.arange(3)[:, None] * np.array([0, 0, 0.005])
    geometry = Geometry((1, 12, 14), (0.005, 0.002, 0.002), centres, AXIAL)
    return Image(torch.randn(3, 1, 12, 14, dtype=torch.complex64, generator=generator), geometry, ("slice",))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_only_the_named_file_appears(suffix: str, image: Image, tmp_path: Path) -> None:
    write_image(image, tmp_path / f"out{suffix}")
    assert [file.name for file in tmp_path.iterdir()] == [f"out{suffix}"]


def test_npy_is_the_complex_array(image: Image, tmp_path: Path) -> None:
    write_image(replace(image, data=image.data.conj()), tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), image.data.conj().resolve_conj().numpy())


@pytest.mark.parametrize("name", ["OUT.NII.GZ", "OUT.Nii", "OUT.H5", "my.scan.v2.npy"])
def test_ending_is_read_without_regard_to_case(name: str, image: Image, tmp_path: Path) -> None:
    write_image(image, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", ["out", "out.gz", "out.dcm", "out.nii.bz2", ".nii.gz"])
def test_unknown_ending_names_the_choices(name: str, image: Image, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"choose one of \.nii\.gz .*\.nii .*\.h5 \(MRD.*\.npy .*\.png"):
        write_image(image, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_folder_is_refused(suffix: str, image: Image, tmp_path: Path) -> None:
    for refuse in (check_output_path, lambda p: write_image(image, p)):
        with pytest.raises(FileNotFoundError, match=r"folder .*missing does not exist.*create it"):
            refuse(tmp_path / "missing" / f"out{suffix}")
    assert not list(tmp_path.iterdir())


def test_folder_as_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.nii").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_output_path(tmp_path / "out.nii")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder which refuses files even of the superuser")
def test_folder_that_takes_no_files_is_refused() -> None:
    with pytest.raises(PermissionError, match="takes no new files"):
        check_output_path("/proc/self/out.nii.gz")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_checking_leaves_nothing_behind(suffix: str, tmp_path: Path) -> None:
    check_output_path(tmp_path / f"out{suffix}")
    assert not list(tmp_path.iterdir())


def _break_nifti(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def half(self: object, path: Path) -> None:
        Path(path).write_bytes(b"half a file")
        raise error

    monkeypatch.setattr(nibabel.Nifti1Image, "to_filename", half)


def _break_mrd(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    dataset = mrd_image._import_ismrmrd().Dataset
    append = dataset.append_image

    def second_fails(self: object, series: str, mrd: object) -> None:
        if mrd.image_index == 2:  # type: ignore[attr-defined]
            raise error
        append(self, series, mrd)

    monkeypatch.setattr(dataset, "append_image", second_fails)


def _break_npy(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def half(path: Path, array: np.ndarray) -> None:
        Path(path).write_bytes(array.tobytes()[:10])
        raise error

    monkeypatch.setattr(np, "save", half)


def _break_png(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    import matplotlib.image

    def half(path: Path, array: np.ndarray, **options: object) -> None:
        Path(path).write_bytes(b"half a file")
        raise error

    monkeypatch.setattr(matplotlib.image, "imsave", half)


BREAKS = {".nii": _break_nifti, ".nii.gz": _break_nifti, ".h5": _break_mrd, ".npy": _break_npy, ".png": _break_png}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [OSError("no space left"), RuntimeError("bug"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("existing", [False, True])
def test_a_crash_while_writing_changes_nothing(
    suffix: str, error: BaseException, existing: bool, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"out{suffix}"
    if existing:
        path.write_bytes(b"yesterday's image")
    BREAKS[suffix](monkeypatch, error)
    with pytest.raises(type(error)):
        write_image(image, path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([b"yesterday's image"] if existing else [])


def test_the_error_of_a_full_disk_names_the_target(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match=r"out\.nii: could not be written \(no space left\)"),
        whole_file(tmp_path / "out.nii"),
    ):
        raise OSError("no space left")


def test_an_older_image_is_replaced(image: Image, tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"out{suffix}"
        write_image(replace(image, data=image.data * 3), path)
        write_image(image, path)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), image.data.numpy())
    with h5py.File(tmp_path / "out.h5") as file:
        assert len(file["dataset/image_0/header"]) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_permissions_are_those_of_any_new_file(image: Image, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_image(image, tmp_path / "out.nii.gz")
    mode = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "out.nii.gz")]
    assert mode[0] == mode[1]


def test_a_symbolic_link_is_followed(image: Image, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.npy").symlink_to(tmp_path / "there" / "real.npy")
    write_image(image, tmp_path / "link.npy")
    assert (tmp_path / "link.npy").is_symlink()
    assert (tmp_path / "there" / "real.npy").is_file()


@pytest.mark.parametrize("dataset", ["dataset/data", "another/data", "kspace"])
def test_raw_data_are_never_replaced_by_an_image(dataset: str, image: Image, tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file[dataset] = np.arange(3)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"holds raw data.*choose another name"):
        write_image(image, path)
    assert path.read_bytes() == before


def test_real_raw_data_are_recognised(shared_data: Path) -> None:
    # Where the folder itself is read-only it is that which is refused.
    with pytest.raises((ValueError, PermissionError)):
        check_output_path(shared_data / "brain_0.055T_6A_FSE.h5")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_images_are_refused(suffix: str, value: float, image: Image, tmp_path: Path) -> None:
    data = image.data.clone()
    data[1, 0, 2, 3] = value
    with pytest.raises(ValueError, match="1 voxels that are not a number or infinite"):
        write_image(replace(image, data=data), tmp_path / f"out{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_contradicting_geometry_is_refused(suffix: str, image: Image, tmp_path: Path) -> None:
    few_centres = replace(image.geometry, centres=image.geometry.centres[:2])
    for wrong, message in [
        (replace(image, geometry=image.geometry.with_matrix((1, 6, 7))), r"geometry\.matrix is \(1, 6, 7\)"),
        (replace(image, geometry=few_centres), r"3 slice\(s\), but geometry\.centres has shape \(2, 3\)"),
        (replace(image, batch_axes=()), r"batch_axes names \(\)"),
        (replace(image, data=image.data[0], batch_axes=()), r"1 slice\(s\), but geometry\.centres has shape \(3, 3\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_image(wrong, tmp_path / f"out{suffix}")
    assert not list(tmp_path.iterdir())


def test_slices_that_nifti_cannot_hold_are_refused_beforehand(image: Image, tmp_path: Path) -> None:
    uneven = replace(image.geometry, centres=np.array([0, 1, 5])[:, None] * np.array([0, 0, 0.005]))
    refused: list[Callable[[], None]] = [
        lambda: check_output_path(tmp_path / "out.nii.gz", geometry=uneven),
        lambda: write_image(replace(image, geometry=uneven), tmp_path / "out.nii.gz"),
    ]
    for refuse in refused:
        with pytest.raises(ValueError, match="no even stack"):
            refuse()
    write_image(replace(image, geometry=uneven), tmp_path / "out.h5")
    assert [file.name for file in tmp_path.iterdir()] == ["out.h5"]
