"""Wishes about the scanner's physics that a file cannot meet: what is missing is said, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.conftest import Command, Scan, check_refusal

GRADIENT_ECHO = ("--phantom", "asymmetric", "--matrix", "1,24,20", "--coils", "4", "--seed", "3", "--sequence", "gre")
CANNOT: list[tuple[tuple[str, ...], str]] = [
    (("--sensing-coils", "9"), "the file has channels 0 to 3"),
    (("--sensing-coils", "0,1,2,3"), "so none is left for the image"),
    (("--ghosts",), "the header's trajectory is cartesian"),
    (("--relaxation",), "relaxation along the echo train cannot be put into E"),
    (("--off-resonance",), "give a map (--field-map)"),
    (("--concomitant",), "need the sequence (--sequence FILE.seq)"),
    (("--concomitant", "--sequence", "nowhere.seq"), "nowhere.seq: there is no such file"),
    (("--sequence", "letter.seq"), "letter.seq"),
    (("--field-map", "nowhere.nii.gz"), "nowhere.nii.gz"),
    (("--field-map", "letter.nii.gz"), "letter.nii.gz"),
    (("--field-map", "."), "."),
]


@pytest.mark.parametrize(("wish", "reason"), CANNOT)
def test_wishes_that_cannot_be_met(
    scan: Scan, pirecon_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], wish: tuple[str, ...], reason: str,
) -> None:  # fmt: skip
    raw, out = scan(*GRADIENT_ECHO), tmp_path / "image.nii.gz"
    for name in ("letter.seq", "letter.nii.gz"):
        (tmp_path / name).write_text("Dear all,")
    monkeypatch.chdir(tmp_path)
    assert pirecon_command("reconstruct", raw, "-o", out, "--method", "cg-sense", *wish) == 1
    check_refusal(" ".join(capsys.readouterr().err.split()), reason, out)


WRONG_USE = [
    ("--sensing-coils", "four"),
    ("--trajectory-unit", "furlong"),
    ("--no-off-resonance", "--field-map", "map.nii.gz"),
    ("--no-relaxation", "--t2-map", "map.nii.gz"),
]


@pytest.mark.parametrize("wish", WRONG_USE)
def test_words_that_mean_nothing_or_contradict_each_other(
    scan: Scan, pirecon_command: Command, tmp_path: Path, wish: tuple[str, ...]
) -> None:
    assert pirecon_command("reconstruct", scan(*GRADIENT_ECHO), "-o", tmp_path / "a.npy", *wish) == 2
    assert list(tmp_path.iterdir()) == []
