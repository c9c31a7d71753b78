"""Spokes and spirals through the command line: from raw files with, without and in spite of their trajectory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bloch.scanner import Scanner
from bloch.sequence import write_pulseq
from bloch.standard.coils import CoilChoice, coils_for
from bloch.standard.encodings import ReadoutRequest, SliceRequest, encoding_for
from bloch.standard.protocols import SequenceChoice, standard_protocol
from bloch.standard.sampling import SamplingRequest
from bloch.standard.sequences import Playing, TrajectoryChoice, sequence_for
from tests.journeys.conftest import (
    Command,
    Reconstruct,
    Scan,
    edited,
    expected_of,
    relative_difference,
    relative_error,
)

N = 48
BODY = ("--phantom", "asymmetric", "--variation", "0.5", "--seed", "3", "--snr", "40", "--coils", "4")
TURNS = {"radial": 76, "golden-angle": 76, "spiral": 24}


def scan_of(scan: Scan, trajectory: str) -> Path:
    """A gradient echo with as many turns as fill k-space."""
    options = ("--sequence", "gre", "--matrix", f"1,{N},{N}", "--trajectory", trajectory, "--turns", TURNS[trajectory])
    return scan(*BODY, *options)


def sequence_of(trajectory: str, n_turns: int, path: Path) -> Path:
    """The Pulseq file of that scan, if ``n_turns`` are its own. Real spoilers last as long as ideal ones."""
    scanner = Scanner(0.064, coils_for(CoilChoice.loops, 4, (0, 0, 1)), max_gradient=25e-3)
    where = SliceRequest((1, N, N), 1, 0.25, 5e-3)
    encoding = encoding_for(where, SamplingRequest(), ReadoutRequest(20e3), scanner, seed=3)
    playing = Playing(trajectory=TrajectoryChoice(trajectory), n_turns=n_turns, ideal_spoiling=False)
    sequence = sequence_for(standard_protocol(SequenceChoice.gre, 0.064), encoding, scanner, playing=playing)
    write_pulseq(path, sequence, scanner)
    return path


def without_trajectory(raw: Path, path: Path) -> Path:
    """As scanners write it that keep the trajectory to themselves."""

    def change(table: np.ndarray) -> np.ndarray:
        for row in table:
            row["head"]["trajectory_dimensions"] = 0
            row["traj"] = np.zeros(0, np.float32)
        return table

    return edited(raw, path, change)


def with_trajectory_times(raw: Path, path: Path, factor: float) -> Path:
    """In another unit."""

    def change(table: np.ndarray) -> np.ndarray:
        for row in table:
            row["traj"] = row["traj"] * np.float32(factor)
        return table

    return edited(raw, path, change)


@pytest.mark.parametrize("method", ["cg-sense", "unrolled"])
@pytest.mark.parametrize(("trajectory", "limit"), [("radial", 0.08), ("golden-angle", 0.08), ("spiral", 0.15)])
def test_the_image_is_upright_and_has_the_right_scale(
    scan: Scan, reconstruct: Reconstruct, trajectory: str, limit: float, method: str
) -> None:
    raw = scan_of(scan, trajectory)
    image, said = reconstruct(raw, "--method", method)
    truth = expected_of(raw, oversampling=1).squeeze()
    assert relative_error(image, truth) < limit
    assert min(relative_error(other, truth) for other in (image[::-1], image[:, ::-1], image.T)) > 3 * limit
    assert "trajectory stored with the readouts, unit 1/fov found" in said
    assert ("trajectory outside the training range" in said) == (method == "unrolled")


@pytest.mark.parametrize("trajectory", ["radial", "spiral"])
def test_a_finer_grid_keeps_the_places(scan: Scan, reconstruct: Reconstruct, trajectory: str) -> None:
    raw = scan_of(scan, trajectory)
    coarse, _ = reconstruct(raw)
    fine, _ = reconstruct(raw, "--matrix", f"1,{2 * N},{2 * N}")
    assert fine.shape == (2 * N, 2 * N)
    # Even samples of the fine image are the coarse one, whose values are twice as large in SNR units.
    error = relative_error(2 * fine[::2, ::2], coarse)
    assert error < 0.12
    assert min(relative_error(2 * fine[i::2, j::2], coarse) for i, j in ((0, 1), (1, 0), (1, 1))) > 1.5 * error


@pytest.mark.parametrize(("factor", "unit"), [(1 / N, "cycles/voxel"), (2 * np.pi / N, "rad/voxel"), (4.0, "1/m")])
@pytest.mark.parametrize("named", [False, True])
def test_the_unit_of_the_trajectory_does_not_matter(
    scan: Scan, reconstruct: Reconstruct, tmp_path: Path, factor: float, unit: str, named: bool
) -> None:
    raw = scan_of(scan, "radial")
    usual, _ = reconstruct(raw)
    other = with_trajectory_times(raw, tmp_path / "other.h5", factor)
    image, said = reconstruct(other, *(("--trajectory-unit", unit) if named else ()))
    assert relative_error(image, usual) < 1e-3
    assert f"unit {unit} {'as given' if named else 'found from its reach'}" in said


@pytest.mark.parametrize("trajectory", ["radial", "spiral"])
@pytest.mark.filterwarnings("ignore:readouts were moved by up to 0.5 us")
def test_the_sequence_stands_in_for_the_trajectory(
    scan: Scan, reconstruct: Reconstruct, tmp_path: Path, trajectory: str
) -> None:
    raw = scan_of(scan, trajectory)
    usual, _ = reconstruct(raw)
    bare = without_trajectory(raw, tmp_path / "bare.h5")
    sequence = sequence_of(trajectory, TURNS[trajectory], tmp_path / "own.seq")
    image, said = reconstruct(bare, "--sequence", sequence)
    assert relative_difference(image, usual) < 0.02  # half a microsecond of the sequence file's raster
    assert "of the gradients in own.seq" in said
    both, said = reconstruct(raw, "--sequence", sequence)
    assert relative_difference(both, usual) < 0.01
    assert "trajectory stored with the readouts" in said


@pytest.mark.filterwarnings("ignore:readouts were moved by up to 0.5 us")
def test_the_sequence_of_another_scan_is_refused(
    scan: Scan, pirecon_command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = without_trajectory(scan_of(scan, "radial"), tmp_path / "bare.h5")
    sequence = sequence_of("radial", 60, tmp_path / "other.seq")
    out = tmp_path / "image.nii.gz"
    assert pirecon_command("reconstruct", bare, "-o", out, "--sequence", sequence) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "other.seq" in said.replace(" ", "")
    assert "the sequence has 60 readouts" in said
    assert "the raw file has 76" in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("factor", "arguments", "reason"),
    [
        (0.0, (), "the trajectory is 0 everywhere"),
        (0.01, (), "fits no unit"),
        (np.nan, (), "NaN"),
        (1.0, ("--trajectory-unit", "cycles/voxel"), "reaches 4.8e+03 %"),
        (None, (), "Give the Pulseq file of the scan (--sequence)"),
        (None, ("--sequence", "nowhere.seq"), "nowhere.seq: there is no such file"),
        (None, ("--sequence", "letter.seq"), "letter.seq"),
    ],
)
def test_wrong_trajectories(
    scan: Scan, pirecon_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], factor: float | None, arguments: tuple[str, ...], reason: str,
) -> None:  # fmt: skip
    raw, damaged = scan_of(scan, "radial"), tmp_path / "damaged.h5"
    if factor is None:
        without_trajectory(raw, damaged)
    else:
        with_trajectory_times(raw, damaged, factor)
    (tmp_path / "letter.seq").write_text("Dear all,")
    monkeypatch.chdir(tmp_path)
    assert pirecon_command("reconstruct", damaged, "-o", "image.nii.gz", *arguments) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert reason in said
    assert "Traceback" not in said
    assert 40 < len(said) < 1000
    assert not Path("image.nii.gz").exists()
