"""`pirecon models` lists what ships and prints cards."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pirecon.cli.main import app
from pirecon.unrolled import Architecture, ModelCard, build_network, save_checkpoint


def test_the_table_names_what_ships() -> None:
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0
    assert "default" in result.output
    assert "2 to 40" in result.output


def test_a_card_says_what_it_knows_and_what_it_does_not(tmp_path: Path) -> None:
    architecture = Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, scheme="hqs")
    path = tmp_path / "mine.safetensors"
    ranges = {"snr": (2.0, 40.0), "field_strength": (0.05, 0.1)}
    card = ModelCard(architecture, "0.1.0", "pirecon train x.toml", ranges, {"psnr": 31.54}, hours=1.5)
    save_checkpoint(path, build_network(architecture), card)
    lines = CliRunner().invoke(app, ["models", str(path)]).output.splitlines()
    for line in (
        "network: unet, hqs, 5 iterations, shared weights",
        "duration: 1.5 hours",
        "data: not recorded",
        "  field strength 0.05 to 0.1 T",
        "  psnr 31.54",
        "  none recorded",
    ):
        assert line in lines


def test_an_unknown_name_lists_what_ships() -> None:
    result = CliRunner().invoke(app, ["models", "defualt"])
    assert isinstance(result.exception, FileNotFoundError)
    with pytest.raises(FileNotFoundError, match=r"shipped: .*default"):
        raise result.exception
