"""``bloch`` as a user types it."""

from __future__ import annotations

from pathlib import Path

import h5py
import ismrmrd
import numpy as np
import pytest

from bloch.cli import main
from bloch.phantom import tissue_signal
from bloch.standard.protocols import CLOSED_FORM, SequenceChoice, standard_protocol
from bloch.tissue import tissues_at

SMALL = ["--phantom", "asymmetric", "--matrix", "1,24,20", "--coils", "3"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Exit code of ``bloch *arguments``."""
    monkeypatch.setattr("sys.argv", ["bloch", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def data(path: Path) -> list[np.ndarray]:
    dataset = ismrmrd.Dataset(str(path), create_if_needed=False)
    samples = [dataset.read_acquisition(i).data.copy() for i in range(dataset.number_of_acquisitions())]
    dataset.close()
    return samples


def test_a_scan_is_written_with_a_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, picture = tmp_path / "raw.h5", tmp_path / "out.png"
    assert run(monkeypatch, "simulate", *SMALL, "--slices", "2", "-o", raw, "--preview", picture) == 0
    assert len(data(raw)) == 32 + 2 * 24
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("phantom", ["shepp-logan", "asymmetric"])
@pytest.mark.parametrize("extra", [[], ["--slices", "2"], ["--matrix", "4,20,18", "--tilt", "10,0,5"]])
def test_every_phantom_gives_signal_in_slices_and_slabs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phantom: str, extra: list[str]
) -> None:
    raw = tmp_path / "raw.h5"
    assert run(monkeypatch, "simulate", *SMALL, "--phantom", phantom, *extra, "-o", raw, "--no-noise", "-q") == 0
    with h5py.File(raw) as file:
        assert (abs(file["dataset/truth/image"][:]).max(axis=(1, 2, 3)) > 0.05).all()


def test_options_reach_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "raw.h5"
    options = ["--field", "0.3", "--sequence", "gre", "--acceleration", "3", "--calibration", "8", "--averages", "2"]
    assert run(monkeypatch, "simulate", *SMALL, *options, "--oversampling", "1", "--no-noise-scan", "-o", raw) == 0
    with h5py.File(raw) as file:
        header = ismrmrd.xsd.CreateFromDocument(file["dataset/xml"][0])
    assert header.acquisitionSystemInformation.systemFieldStrength_T == 0.3
    assert header.sequenceParameters.sequence_type == "Flash"
    assert header.encoding[0].parallelImaging.accelerationFactor.kspace_encoding_step_1 == 3
    samples = data(raw)
    assert samples[0].shape == (3, 20)
    assert len(samples) == 2 * len({*range(0, 24, 3), *range(8, 16)})


def test_the_same_seed_gives_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / name for name in ("a.h5", "b.h5", "c.h5")]
    for path, seed in zip(paths, ("5", "5", "6"), strict=True):
        assert run(monkeypatch, "simulate", *SMALL, "--seed", seed, "-o", path) == 0
    first, again, other = (np.stack(data(path)) for path in paths)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("engine", ["isochromats", "closed-form"])
def test_a_noise_seed_changes_the_noise_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    paths = [tmp_path / name for name in ("a.h5", "b.h5")]
    options = [*SMALL, "--sequence", "gre", "--engine", engine, "--seed", "5", "--snr", "20"]
    for path, number in zip(paths, ("1", "2"), strict=True):
        assert run(monkeypatch, "simulate", *options, "--noise-seed", number, "-o", path) == 0
    noise, samples = zip(*((np.stack(d[:32]), np.stack(d[32:])) for d in map(data, paths)), strict=True)
    likeness = abs(np.vdot(*noise)) / np.prod([np.linalg.norm(n) for n in noise])
    assert likeness < 6 / np.sqrt(noise[0].size)  # of independent draws: 1 / √(number of them)
    assert (samples[0] - samples[1]).std() == pytest.approx(np.sqrt(2) * noise[0].std(), rel=0.05)
    with h5py.File(paths[0]) as first, h5py.File(paths[1]) as second:
        for name in ("image", "sensitivity_maps", "noise_covariance"):
            np.testing.assert_array_equal(first[f"dataset/truth/{name}"], second[f"dataset/truth/{name}"])


def test_quiet_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "simulate", *SMALL, "-q", "-o", tmp_path / "raw.h5") == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize(
    "wrong",
    [
        ["--matrix", "24"],
        ["--matrix", "0,8,8"],
        ["--field", "99"],
        ["--sequence", "fse"],
        ["--coils", "0"],
        ["--tilt", "x"],
    ],
)
def test_wrong_usage_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: list[str]) -> None:
    assert run(monkeypatch, "simulate", *SMALL, *wrong, "-o", tmp_path / "raw.h5") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--acceleration", "2.5"], "whole acceleration"),
        (["--partial-fourier", "0.4"], "more than half"),
        (["--snr", "-3"], "SNR must be"),
    ],
)
def test_wrong_data_ends_with_1_and_one_paragraph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: list[str], message: str
) -> None:
    assert run(monkeypatch, "simulate", *SMALL, *wrong, "-o", tmp_path / "raw.h5") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert message in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "simulate", *SMALL, "-o", tmp_path / "absent" / "raw.h5") == 1
    assert "does not exist" in " ".join(capsys.readouterr().err.split())


def test_tissue_prints_every_tissue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "tissue", "--field", "0.3") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("grey_matter", "white_matter", "csf", "T1 / ms"))


@pytest.mark.parametrize("sequence", CLOSED_FORM)
@pytest.mark.parametrize("B0", [0.055, 0.3, 1.5])
def test_standard_protocols_show_the_brain(sequence: SequenceChoice, B0: float) -> None:
    protocol, tissues = standard_protocol(sequence, B0), tissues_at(B0)
    grey, white, csf = (float(tissue_signal(tissues[t], protocol)) for t in ("grey_matter", "white_matter", "csf"))
    assert min(abs(grey), abs(white)) > 0.02
    assert abs(white - csf) > 0.2 * abs(white)
    if sequence is not SequenceChoice.gre:  # whose T1 weighting balances proton density at the lowest fields
        assert abs(grey - white) > 0.02 * abs(grey)
    if sequence is SequenceChoice.flair:
        assert abs(csf) < 0.01 * abs(grey)
