"""Wrong files and wrong usage: a paragraph that helps, the right exit code, no traceback, no output file."""

from pathlib import Path

import h5py
import numpy as np
import pytest

SCAN = ("--phantom", "asymmetric", "--matrix", "1,24,20", "--coils", "2", "--seed", "3")


def damaged(raw: Path, kind: str, folder: Path) -> Path:
    """A copy of ``raw`` with the damage called ``kind``."""
    path = folder / f"{kind}.h5"
    content = raw.read_bytes()
    if kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "not_hdf5":
        path.write_text("This is a letter to the editor, not raw data.\n" * 50)
    elif kind == "no_group":
        h5py.File(path, "w").create_dataset("numbers", data=np.zeros(4))
    else:
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            table = file["dataset/data"][:]
            if kind == "nan":
                table[-1]["data"][3] = np.nan
                file["dataset/data"][:] = table
            elif kind == "huge_header":
                xml = file["dataset/xml"][0].decode()
                file["dataset/xml"][0] = xml.replace("<x>", "<x>100000").replace("<y>", "<y>100000")
            elif kind == "entities":
                file["dataset/xml"][0] = (
                    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><ismrmrdHeader>&e;</ismrmrdHeader>'
                )
    return path


@pytest.mark.parametrize("kind", ["truncated", "not_hdf5", "no_group", "nan", "huge_header", "entities"])
@pytest.mark.parametrize("command", ["info", "reconstruct"])
def test_damaged_files(pirecon_command, scan, tmp_path, capsys, kind, command) -> None:
    path = damaged(scan(*SCAN), kind, tmp_path)
    out = tmp_path / "image.nii.gz"
    arguments = ["-o", out, "--method", "cg-sense"] if command == "reconstruct" else []
    assert pirecon_command(command, path, *arguments) == 1
    said = capsys.readouterr().err
    assert f"{kind}.h5" in "".join(said.split())
    assert "Traceback" not in said
    assert 40 < len(said) < 1000
    assert not out.exists()


def test_a_wrong_path(pirecon_command, tmp_path, capsys) -> None:
    assert pirecon_command("reconstruct", tmp_path / "nowhere.h5", "-o", tmp_path / "a.nii.gz") == 1
    assert "nowhere.h5" in "".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "missing_folder/a.nii.gz"), "missing_folder"),
        (("-o", "a.nii.gz", "--checkpoint", "defualt"), "defualt"),
        (("-o", "a.nii.gz", "--method", "tv", "--matrix", "1,8,8"), "coarser than the acquired"),
    ],
)
def test_wishes_that_the_data_cannot_meet(
    pirecon_command, scan, tmp_path, capsys, monkeypatch, arguments, said
) -> None:
    raw = scan(*SCAN)
    monkeypatch.chdir(tmp_path)
    assert pirecon_command("reconstruct", raw, *arguments) == 1
    assert said in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "a.docx"),
        ("--method", "magic"),
        ("--matrix", "1,2"),
        ("--matrix", "1,32,32", "--voxel", "2"),
        ("--device", "abacus"),
        ("--colour",),
    ],
)
def test_wrong_usage_is_exit_code_two(pirecon_command, scan, tmp_path, arguments) -> None:
    assert pirecon_command("reconstruct", scan(*SCAN), "-o", tmp_path / "a.npy", *arguments) == 2
    assert list(tmp_path.iterdir()) == []


def test_unknown_key_in_a_training_config(pirecon_command, tmp_path, capsys) -> None:
    (tmp_path / "c.toml").write_text('output = "a.safetensors"\nsead = 3\n')
    assert pirecon_command("train", tmp_path / "c.toml") == 1
    assert "did you mean 'seed'" in " ".join(capsys.readouterr().err.split())
