"""`pirecon adapt`: a network goes in and comes out, tuned to one raw file and saying so."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from pirecon.cli.main import app
from pirecon.unrolled import Architecture, ModelCard, build_network, load_checkpoint, save_checkpoint

ARCHITECTURE = Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=1)
CARD = ModelCard(ARCHITECTURE, "0", "test", {"snr": (1.0, 50.0)}, metrics={"psnr": 31.0})


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "fresh.safetensors"
    save_checkpoint(path, build_network(ARCHITECTURE), CARD)
    return path


def test_adapts_to_the_demo_scan(checkpoint: Path, repository: Path, tmp_path: Path) -> None:
    output = tmp_path / "tuned.safetensors"
    raw = repository / "pirecon" / "demo" / "brain_0.064T.h5"
    given = {"--output": output, "--checkpoint": checkpoint, "--steps": 4, "--seconds": 300.0, "--learning-rate": 1e-3}
    given |= {"--seed": 3, "--device": "cpu"}
    command = ["adapt", str(raw), *(str(word) for pair in given.items() for word in pair)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    tuned, card = load_checkpoint(output)
    assert "zero-shot" in card.notes
    assert shlex.split(card.command) == ["pirecon", *command]
    assert card.metrics == {}  # of other weights
    assert card.training_range == {"snr": (1.0, 50.0)}
    assert tuned.n_iterations == 1


def test_learns_while_it_reconstructs(checkpoint: Path, repository: Path, tmp_path: Path) -> None:
    raw, output = repository / "pirecon" / "demo" / "brain_0.064T.h5", tmp_path / "image.png"
    for method, name in (("zero-shot", "zero-shot"), ("deep-image-prior", "deep image prior")):
        command = ["reconstruct", str(raw), "-o", str(output), "--checkpoint", str(checkpoint), "--method", method]
        result = CliRunner().invoke(app, [*command, "--seconds", "1", "--seed", "7"])
        assert result.exit_code == 0, result.output
        assert f"learning: image 0, {name}: " in result.output
        assert output.is_file()


def test_time_and_seed_go_with_methods_that_learn(tmp_path: Path) -> None:
    command = ["reconstruct", "scan.h5", "-o", str(tmp_path / "image.png"), "--method", "tv"]
    for option in ("--seconds", "--seed"):
        result = CliRunner().invoke(app, [*command, option, "5"])
        assert result.exit_code == 2
        assert f"Invalid value for {option}" in result.output


def test_another_ending_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["adapt", "scan.h5", "-o", str(tmp_path / "image.nii.gz")])
    assert result.exit_code == 2
    assert "safetensors" in result.output
