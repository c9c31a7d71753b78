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
