"""``pirecon reconstruct --guide``: another contrast of the patient, from NIfTI."""

from __future__ import annotations

import h5py
import nibabel
import numpy as np
import pytest
import torch

from pirecon.unrolled import Architecture, ModelCard, build_network, save_checkpoint

N = 48


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A network with random weights that lets its guide change the image."""
    torch.manual_seed(1)
    options = {"widths": [8, 8], "blocks": [1, 1]}
    architecture = Architecture(prior="guided_unet", prior_options=options, n_iterations=1)
    network = build_network(architecture)
    torch.nn.init.normal_(network.priors[0].tail.weight, std=0.05)
    path = tmp_path_factory.mktemp("guided") / "guided.safetensors"
    save_checkpoint(path, network, ModelCard(architecture, "0", "test", {}))
    return path


@pytest.fixture(scope="module")
def journey(scan, checkpoint):
    raw = scan("--phantom", "brain", "--matrix", f"1,{N},{N}", "--field", "0.3", "--coils", "2", "--seed", "4",
               "--isochromats", "2")  # fmt: skip
    return raw, checkpoint


def magnitude(path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def test_a_guide_of_the_patient_changes_the_image_and_a_mirrored_one_does_not(
    pirecon_command, journey, tmp_path, capsys
):
    raw, checkpoint = journey
    plain, guided, wrong = (tmp_path / f"{name}.nii.gz" for name in ("plain", "guided", "wrong"))
    command = ("reconstruct", raw, "--checkpoint", checkpoint)
    assert pirecon_command(*command, "-o", plain) == 0
    with h5py.File(raw) as file:
        truth = np.abs(file["dataset/truth/image"][...]).reshape(N, N).astype(np.float32)
    affine = nibabel.load(plain).affine
    # The guide lies on a grid of its own: half the voxels along y, and everything from the other end.
    turn = np.diag([-1.0, 1, 1, 1])
    turn[0, 3] = N - 1
    good, bad = tmp_path / "good.nii.gz", tmp_path / "bad.nii.gz"
    nibabel.Nifti1Image((truth.max() - truth.T)[::-1, :, None], affine @ turn).to_filename(good)
    nibabel.Nifti1Image(np.roll(truth.T[:, ::-1], 5, 0)[:, :, None], affine).to_filename(bad)
    capsys.readouterr()
    assert pirecon_command(*command, "-o", guided, "--guide", good) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "guide: good.nii.gz, placed by its affine, covers 100 % of the voxels" in said
    assert "trusted in" in said
    assert pirecon_command(*command, "-o", wrong, "--guide", bad) == 0
    assert "reconstructed without it" in " ".join(capsys.readouterr().err.split())
    assert np.array_equal(magnitude(wrong), magnitude(plain))
    assert np.linalg.norm(magnitude(guided) - magnitude(plain)) > 1e-3 * np.linalg.norm(magnitude(plain))


def test_networks_without_a_guide_and_guides_elsewhere_are_refused(pirecon_command, journey, tmp_path, capsys):
    raw, checkpoint = journey
    far = tmp_path / "far.nii.gz"
    nibabel.Nifti1Image(np.ones((8, 8, 8), np.float32), np.diag([1, 1, 1, 1]) + 500 * np.eye(4, k=3)).to_filename(far)
    for options, words in (
        ((), "takes no guide"),
        (("--method", "tv"), "takes no guide"),
        (("--checkpoint", checkpoint), "covers 0.0 %"),
    ):
        assert pirecon_command("reconstruct", raw, "-o", tmp_path / "x.nii.gz", "--guide", far, *options) != 0
        assert words in " ".join(capsys.readouterr().err.split())
        assert not (tmp_path / "x.nii.gz").exists()
