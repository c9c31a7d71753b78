"""From a raw file to an image through the command line: error, orientation and scale are right."""

import h5py
import ismrmrd
import nibabel
import numpy as np
import pytest

from tests.journeys.conftest import expected_of, relative_error

PHANTOM = ("--engine", "closed-form", "--phantom", "asymmetric", "--variation", "0.5", "--seed", "3")


SINGLE = ("--matrix", "1,40,33", "--coils", "1", "--snr", "40")
PARALLEL = ("--matrix", "1,41,36", "--slices", "2", "--coils", "6", "--snr", "40", "--calibration", "16")
SLAB = ("--matrix", "7,24,20", "--coils", "2", "--snr", "40", "--alternating-readout", "--averages", "2")


@pytest.mark.parametrize("method", ["adjoint", "cg-sense", "wavelet", "tv", "unrolled"])
@pytest.mark.parametrize(
    ("options", "limit"), [(SINGLE, 0.1), ((*PARALLEL, "--acceleration", "2"), 0.25), (SLAB, 0.15)]
)
def test_every_method_finds_the_phantom(
    pirecon_command, scan, small_checkpoint, tmp_path, options, limit, method
) -> None:
    raw = scan(*PHANTOM, *options)
    out = tmp_path / "image.npy"
    assert (
        pirecon_command("reconstruct", raw, "-o", out, "--method", method, "--checkpoint", small_checkpoint, "-q") == 0
    )
    image = abs(np.load(out))
    truth = expected_of(raw) * (np.sqrt(2) if "--averages" in options else 1)
    # Zero-filling is allowed its aliases, the others are not.
    limit = 2 * limit if method == "adjoint" else limit
    assert relative_error(image.reshape(truth.shape), truth) < limit


def test_nifti_lies_where_the_scanner_said(pirecon_command, scan, tmp_path) -> None:
    raw = scan(*PHANTOM, "--matrix", "1,40,32", "--slices", "3", "--coils", "2", "--snr", "60", "--tilt", "20,-10,30")
    out = tmp_path / "image.nii.gz"
    assert pirecon_command("reconstruct", raw, "-o", out, "--method", "cg-sense", "-q") == 0
    image = nibabel.load(out)
    dataset = ismrmrd.Dataset(str(raw), create_if_needed=False)
    lines = [dataset.read_acquisition(i) for i in range(dataset.number_of_acquisitions())]
    head = next(
        a.getHead() for a in lines if not a.is_flag_set(ismrmrd.ACQ_IS_NOISE_MEASUREMENT) and a.getHead().idx.slice == 1
    )
    dataset.close()
    affine = image.affine
    for axis, direction in enumerate((head.read_dir, head.phase_dir, head.slice_dir)):
        step = affine[:3, axis] / np.linalg.norm(affine[:3, axis])
        assert np.dot(step, np.array(direction) * (-1, -1, 1)) == pytest.approx(1.0, abs=1e-5)
    # The centre voxel n//2 of the middle slice is at the position in its header (LPS; NIfTI is RAS).
    centre = affine @ [16, 20, 1, 1]
    np.testing.assert_allclose(centre[:3], np.array(head.position) * (-1, -1, 1), atol=1e-3)
    truth = expected_of(raw)[:, 0]
    assert relative_error(np.asarray(image.dataobj).T, truth) < 0.1


def test_super_resolution_keeps_the_field_of_view_and_the_measured_samples(pirecon_command, scan, tmp_path) -> None:
    raw = scan(*PHANTOM, "--matrix", "1,40,32", "--coils", "1", "--snr", "60", "--no-noise")
    coarse, fine = tmp_path / "coarse.nii.gz", tmp_path / "fine.nii.gz"
    arguments = ("--method", "cg-sense", "-q", "-o")
    assert pirecon_command("reconstruct", raw, *arguments, coarse, "--also", tmp_path / "coarse.npy") == 0
    assert (
        pirecon_command("reconstruct", raw, *arguments, fine, "--matrix", "1,80,64", "--also", tmp_path / "fine.npy")
        == 0
    )
    low, high = nibabel.load(coarse), nibabel.load(fine)
    np.testing.assert_allclose(high.header.get_zooms()[:2], np.array(low.header.get_zooms()[:2]) / 2, rtol=1e-5)
    np.testing.assert_allclose((high.affine @ [32, 40, 0, 1]), (low.affine @ [16, 20, 0, 1]), atol=1e-4)
    # Even samples of the fine image are the coarse one, whose values are twice as large in SNR units.
    image = np.load(tmp_path / "fine.npy").squeeze()[::2, ::2] * 2
    assert np.linalg.norm(image - np.load(tmp_path / "coarse.npy").squeeze()) < 0.02 * np.linalg.norm(image)


@pytest.mark.parametrize("method", ["cg-sense", "wavelet", "tv", "unrolled"])
def test_scaling_the_file_changes_nothing(pirecon_command, scan, small_checkpoint, tmp_path, method) -> None:
    raw = scan(
        *PHANTOM, "--matrix", "1,40,33", "--coils", "3", "--snr", "20", "--calibration", "16", "--acceleration", "2"
    )
    images = []
    for factor in (1.0, 1e6, 1e-6):
        path = tmp_path / f"scaled_{factor:g}.h5"
        path.write_bytes(raw.read_bytes())
        with h5py.File(path, "r+") as file:
            table = file["dataset/data"][:]
            for row in table:
                row["data"] = row["data"] * np.float32(factor)
            file["dataset/data"][:] = table
        out = tmp_path / f"{factor:g}.npy"
        assert (
            pirecon_command("reconstruct", path, "-o", out, "--method", method, "--checkpoint", small_checkpoint, "-q")
            == 0
        )
        images.append(np.load(out))
    for other in images[1:]:
        assert np.linalg.norm(other - images[0]) < 1e-4 * np.linalg.norm(images[0])


def test_outside_the_training_range_is_announced(pirecon_command, scan, small_checkpoint, tmp_path, capsys) -> None:
    raw = scan(*PHANTOM, "--matrix", "1,40,33", "--coils", "1", "--snr", "40", "--field", "0.3")
    assert pirecon_command("reconstruct", raw, "-o", tmp_path / "a.npy", "--checkpoint", small_checkpoint) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "field strength outside the training range: found 0.3, trained on 0.05 to 0.1" in said
    assert "snr outside" not in said


def test_mrd_images_are_read_by_the_ismrmrd_package(pirecon_command, scan, tmp_path) -> None:
    raw = scan(*PHANTOM, "--matrix", "1,40,33", "--coils", "1", "--snr", "40")
    out = tmp_path / "image.h5"
    assert (
        pirecon_command("reconstruct", raw, "-o", out, "--also", tmp_path / "image.npy", "--method", "cg-sense", "-q")
        == 0
    )
    with h5py.File(out) as file:
        group = next(iter(file["dataset"])) if "dataset" in file else next(iter(file))
    dataset = ismrmrd.Dataset(str(out), create_if_needed=False)
    image = dataset.read_image(group, 0)
    dataset.close()
    np.testing.assert_allclose(image.data.squeeze(), abs(np.load(tmp_path / "image.npy")).squeeze(), rtol=1e-5)
