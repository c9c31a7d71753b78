"""`pirecon train`: what stops it reaches the user."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pirecon.cli.main import app, main
from pirecon.training import fit


def test_an_interrupted_training_ends_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> Path:
        raise KeyboardInterrupt("stopped in stage 1 at step 7; run the command again to go on")

    monkeypatch.setattr(fit, "fit", stopped)
    (tmp_path / "config.toml").write_text('output = "a.safetensors"\n')
    result = CliRunner().invoke(app, ["train", str(tmp_path / "config.toml")])
    assert result.exit_code == 130
    assert "stopped in stage 1 at step 7; run the command again" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[network]\nprior = "unett"\n', "network: there is no prior called 'unett'; did you mean 'unet'?"),
        (
            "[[stages]]\nsteps = 1\n[[stages]]\nsteps = 1\nloss = { l3 = 1 }\n",
            "stages: item 1: there is no loss called 'l3'",
        ),
        ("[scans]\nsnr = [40, 2]\n", "scans: snr is (40.0, 2.0); expected (lowest, highest)"),
    ],
)
def test_what_a_config_cannot_ask_for_is_said_with_file_and_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], table: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(f'output = "a.safetensors"\n{table}')
    monkeypatch.setattr(sys, "argv", ["pirecon", "train", "c.toml"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert " ".join(capsys.readouterr().err.split()).startswith(f"pirecon: c.toml: {message}")


def test_a_prior_whose_package_is_absent_is_explained_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    config = tmp_path / "config.toml"
    config.write_text(f'output = "{tmp_path}/a.safetensors"\n[network]\nprior = "bm3d"\n')
    monkeypatch.setattr(sys, "argv", ["pirecon", "train", str(config)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("pirecon: the prior 'bm3d' needs the package bm3d")
