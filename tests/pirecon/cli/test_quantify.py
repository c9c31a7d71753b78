"""`pirecon quantify` on scans that the simulator played spin by spin: times, scale, refusals."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from bloch.phantom import Phantom
from bloch.rawfile import write_mrd
from bloch.receiver import volume_coil
from bloch.scanner import Scanner
from bloch.sequence import HARD_PULSE, TRANSAXIAL, Encoding, fully_sampled, spin_echo
from bloch.sequence.echo_train import TrainDesign
from bloch.simulate import Conditions, simulate
from bloch.tissue import tissue
from pirecon.cli.main import app

N, B0 = 20, 0.1
TISSUES = ("white_matter", "muscle")
TIMES = ((0.25, 0.02), (2.0, 0.02), (2.0, 0.09))  # TR, TE


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One file for each contrast, all with noise of their own level."""
    folder = tmp_path_factory.mktemp("contrasts")
    fractions = torch.zeros(2, 1, N, N)
    fractions[0, :, 5:15, 4:9] = 1
    fractions[1, :, 5:15, 11:16] = 1
    edge = 0.2 / N
    phantom = Phantom(fractions, TISSUES, (5e-3, edge, edge))
    encoding = Encoding(
        (1, N, N), (5e-3, 0.2, 0.2), np.zeros((1, 3)), TRANSAXIAL, fully_sampled((1, N)), sample_time=30e-6
    )
    scanner = Scanner(B0, volume_coil())
    paths = []
    for number, (repetition_time, echo_time) in enumerate(TIMES):
        sequence = spin_echo(
            encoding,
            scanner,
            echo_time=echo_time,
            repetition_time=repetition_time,
            design=TrainDesign(pulse=HARD_PULSE),
            n_dummies=4,
        )
        paths.append(folder / f"contrast{number}.h5")
        conditions = Conditions(snr=(100.0, 200.0, 150.0)[number], variation=0.0)
        write_mrd(paths[-1], simulate(phantom, sequence, scanner, conditions=conditions, seed=number))
    return paths


def quantify(files: list[Path], folder: Path, *options: str) -> str:
    result = CliRunner().invoke(
        app, ["quantify", *map(str, files), "-o", str(folder), "--method", "cg-sense", *options]
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_played_scans_give_back_the_tissue(files: list[Path], tmp_path: Path) -> None:
    quantify(files, tmp_path, "--synthetic", "1000,40")
    maps = {path.name[:-7]: nibabel.load(path).get_fdata() for path in tmp_path.glob("*.nii.gz")}
    body = np.isfinite(maps["T1"])
    assert 80 <= body.sum() <= 140  # 100 voxels hold tissue, a few beside them its ringing
    bodies = [tissue(name, B0) for name in TISSUES]
    interior = body & (np.nan_to_num(maps["proton_density"]) > 0.8 * np.nanmedian(maps["proton_density"]))
    white = interior & (maps["T2"] > 0.065)
    for mask, expected in ((white, bodies[0]), (interior & ~white, bodies[1])):
        assert 30 <= mask.sum() <= 60
        assert np.median(maps["T1"][mask]) == pytest.approx(expected.T1, rel=0.05)
        assert np.median(maps["T2"][mask]) == pytest.approx(expected.T2, rel=0.05)
    ratio = np.median(maps["proton_density"][white]) / np.median(maps["proton_density"][interior & ~white])
    assert ratio == pytest.approx(bodies[0].proton_density / bodies[1].proton_density, rel=0.06)
    assert np.median(maps["misfit"][white]) < 2
    assert np.isfinite(maps["synthetic_1"][white]).all()


def test_the_shipped_head_is_found_by_name_and_moves_no_tissue(files: list[Path], tmp_path: Path) -> None:
    quantify(files, tmp_path / "fit")
    quantify(files, tmp_path / "head", "--head", "default")
    T1, T2, T1_with_head, T2_with_head = (
        nibabel.load(tmp_path / way / f"{time}.nii.gz").get_fdata() for way in ("fit", "head") for time in ("T1", "T2")
    )
    body = np.isfinite(T1) & np.isfinite(T1_with_head)
    assert np.nanmax(np.abs(T1_with_head / T1 - 1)) > 0.01  # it does something
    white = body & (T2 > 0.065)
    for mask, expected in ((white, tissue(TISSUES[0], B0)), (body & ~white, tissue(TISSUES[1], B0))):
        assert np.median(T1_with_head[mask]) == pytest.approx(expected.T1, rel=0.05)
        assert np.median(T2_with_head[mask]) == pytest.approx(expected.T2, rel=0.05)


def test_two_contrasts_are_refused_with_what_is_missing(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not tell T1"):
        quantify(files[1:], tmp_path)
    with pytest.raises(ValueError, match="do not tell T2"):
        quantify(files[:2], tmp_path)


def test_a_synthetic_protocol_that_cannot_be_played_is_refused(files: list[Path], tmp_path: Path) -> None:
    assert "TE + TI below TR" in quantify(files, tmp_path, "--synthetic", "50,90")
