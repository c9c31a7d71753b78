"""Checkpoints describe themselves, come back bit by bit, and refuse what does not fit."""

import json
import os
from dataclasses import replace
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
    read_card,
    save_checkpoint,
    shipped_models,
)
from pirecon.unrolled.model_card import card_from_json, card_to_json

ARCHITECTURE = Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=2)
RANGE = {"snr": (5.0, 20.0), "acceleration": (1.0, 2.0), "coils": (1, 4), "field_strength": (0.05, 0.1)}


def card(architecture: Architecture = ARCHITECTURE) -> ModelCard:
    return ModelCard(
        architecture,
        "0.1.0",
        "pirecon train x.toml",
        RANGE,
        {"psnr": 31.5},
        "a test",
        data="none",
        hours=0.5,
        known_failures=("everything",),
    )


@pytest.mark.parametrize("n_priors", [0, 1, 2])
def test_round_trip(tmp_path: Path, n_priors: int) -> None:
    architecture = Architecture(
        prior_options={"widths": [4, 8], "blocks": [1, 1]},
        n_iterations=3,
        n_priors=n_priors,
        scheme="proximal-gradient",
    )
    network = build_network(architecture)
    save_checkpoint(tmp_path / "a.safetensors", network, card(architecture))
    again, found = load_checkpoint(tmp_path / "a.safetensors")
    assert found == card(architecture)
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
    with pytest.raises(
        ValueError, match=r"weights do not fit .*priors.0.head.weight has shape \(4, 3, 3, 3\), expected \(6, 3, 3, 3\)"
    ):
        load_checkpoint(tmp_path / "a.safetensors")
    longer = replace(ARCHITECTURE, prior_options={"widths": [4, 8, 8], "blocks": [1, 1, 1]})
    save_checkpoint(tmp_path / "a.safetensors", build_network(ARCHITECTURE), card(longer))
    with pytest.raises(ValueError, match=r"priors.0.down.1.0.first.weight is missing"):
        load_checkpoint(tmp_path / "a.safetensors")
    save_checkpoint(tmp_path / "a.safetensors", build_network(longer), card())
    with pytest.raises(ValueError, match=r"belongs to no layer|has shape"):
        load_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize(("dtype", "error"), [(torch.float16, 2**-11), (torch.bfloat16, 2**-8)])
def test_half_precision_halves_the_file(tmp_path: Path, dtype: torch.dtype, error: float) -> None:
    network = build_network(Architecture(prior_options={"widths": [32, 32], "blocks": [1, 1]}))
    save_checkpoint(tmp_path / "whole.safetensors", network, card())
    half = card(Architecture(prior_options={"widths": [32, 32], "blocks": [1, 1]}))
    save_checkpoint(tmp_path / "half.safetensors", network, half, dtype=dtype)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.55 * sizes[0]
    again = load_checkpoint(tmp_path / "half.safetensors")[0].state_dict()
    assert all(tensor.dtype == torch.float32 for tensor in again.values())
    whole = network.state_dict()
    assert torch.equal(again["log_weight"], whole["log_weight"])
    for name, tensor in whole.items():
        torch.testing.assert_close(again[name], tensor, rtol=error, atol=1e-7)


def test_weights_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    network = build_network(ARCHITECTURE)
    network.state_dict()["priors.0.head.weight"][0, 0, 0, 0] = 1e6
    with pytest.raises(
        ValueError, match=r"priors.0.head.weight holds weights of up to 1e\+06, too large for torch.float16"
    ):
        save_checkpoint(tmp_path / "a.safetensors", network, card(), dtype=torch.float16)
    with pytest.raises(ValueError, match=r"not torch.float64"):
        save_checkpoint(tmp_path / "a.safetensors", network, card(), dtype=torch.float64)
    assert list(tmp_path.iterdir()) == []


def test_an_absent_module_is_named(tmp_path: Path) -> None:
    foreign = replace(ARCHITECTURE, prior="nowhere.priors:Mine")
    save_checkpoint(tmp_path / "a.safetensors", build_network(ARCHITECTURE), card(foreign))
    with pytest.raises(ValueError, match=r"cannot be built here; its prior is code of the module 'nowhere.priors'"):
        load_checkpoint(tmp_path / "a.safetensors")
    assert read_card(tmp_path / "a.safetensors").architecture == foreign  # a card runs no code


@pytest.mark.parametrize(
    ("step", "scheme", "options"),
    [("proximal", "modl", {"cg_iterations": 3}), ("gradient", "proximal-gradient", {})],
)
def test_the_words_of_the_first_checkpoints_are_understood(step: str, scheme: str, options: dict) -> None:
    fields = json.loads(card_to_json(card()))
    for new in ("scheme", "scheme_options", "recompute", "refine_maps"):
        del fields["architecture"][new]
    fields["architecture"] |= {"step": step, "cg_iterations": 3}
    for new in ("data", "hours", "known_failures"):
        del fields[new]
    found = card_from_json(json.dumps(fields)).architecture
    assert (found.scheme, found.scheme_options) == (scheme, options)


def test_what_ships_can_be_listed_and_loaded() -> None:
    models = dict(shipped_models())
    assert "default" in models
    for name, shipped in models.items():
        assert load_checkpoint(name)[1] == shipped
        assert shipped.training_range


def test_outside_the_training_range_is_said() -> None:
    E = CartesianSense(torch.ones(1, 1, 20, 20, dtype=torch.complex64), torch.ones(1, 1, 20, 20))
    image = torch.full((1, 20, 20), 10.0, dtype=torch.complex64)
    assert outside_training_range(card(), E(image), E, image, field_strength=0.055) == []
    messages = outside_training_range(card(), E(image), E, 10 * image, field_strength=1.5)
    assert len(messages) == 2
    assert "snr outside the training range: found 100, trained on 5 to 20" in messages[0]
    assert "field strength" in messages[1]


def test_failures_are_sentences_not_letters() -> None:
    with pytest.raises(TypeError, match="tuple of sentences"):
        replace(card(), known_failures="fine texture is smoothed")


def test_others_may_read_a_checkpoint_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_checkpoint(tmp_path / "a.safetensors", build_network(ARCHITECTURE), card())
    finally:
        os.umask(before)
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o640
