"""Checkpoints describe themselves, come back bit by bit, and refuse what does not fit."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pirecon.encoding import CartesianSense
from pirecon.unrolled import (
    Architecture,
    ModelCard,
    build_network,
    load_checkpoint,
    outside_training_range,
    save_checkpoint,
)

ARCHITECTURE = Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=2)
RANGE = {"snr": (5.0, 20.0), "acceleration": (1.0, 2.0), "coils": (1, 4), "field_strength": (0.05, 0.1)}


def card(architecture: Architecture = ARCHITECTURE) -> ModelCard:
    return ModelCard(architecture, "0.1.0", "pirecon train x.toml", RANGE, {"psnr": 31.5}, "a test")


@pytest.mark.parametrize("shared", [True, False])
def test_round_trip(tmp_path: Path, shared: bool) -> None:
    architecture = Architecture(
        prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=3, shared=shared, scheme="proximal-gradient"
    )
    network = build_network(architecture)
    save_checkpoint(tmp_path / "a.safetensors", network, card(architecture))
    again, found = load_checkpoint(tmp_path / "a.safetensors")
    assert found.architecture == architecture
    assert found.metrics == {"psnr": 31.5}
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_unknown_name_lists_what_ships() -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint 'defualt'.*shipped"):
        load_checkpoint("defualt")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04 this is no checkpoint")
    with pytest.raises(ValueError, match=r"pickle.safetensors is not a readable safetensors file"):
        load_checkpoint(tmp_path / "pickle.safetensors")
    save_file({"w": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ValueError, match=r"foreign.safetensors: expected the format"):
        load_checkpoint(tmp_path / "foreign.safetensors")


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    wrong = Architecture(prior_options={"widths": [6, 8], "blocks": [1, 1]}, n_iterations=2)
    save_checkpoint(tmp_path / "a.safetensors", build_network(ARCHITECTURE), card(wrong))
    with pytest.raises(ValueError, match=r"weights do not fit the architecture"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_outside_the_training_range_is_said() -> None:
    E = CartesianSense(torch.ones(1, 1, 20, 20, dtype=torch.complex64), torch.ones(1, 1, 20, 20))
    image = torch.full((1, 20, 20), 10.0, dtype=torch.complex64)
    assert outside_training_range(card(), E(image), E, image, field_strength=0.055) == []
    messages = outside_training_range(card(), E(image), E, 10 * image, field_strength=1.5)
    assert len(messages) == 2
    assert "snr outside the training range: found 100, trained on 5 to 20" in messages[0]
    assert "field strength" in messages[1]
