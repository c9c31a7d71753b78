"""Methods by name, and the checkpoints that they take."""

import warnings
from pathlib import Path

import pytest
import torch

from pirecon.encoding import CartesianSense
from pirecon.methods import choose_method
from pirecon.scan_specific.methods import Learning
from pirecon.unrolled import Architecture, ModelCard, build_network, plug_and_play, save_checkpoint

SMALL: dict[str, object] = {"widths": [4, 8], "blocks": [1, 1]}


def checkpoint(folder: Path, scheme: str, *, coils: tuple[float, float] | None = None) -> Path:
    architecture = Architecture(prior_options=SMALL, scheme=scheme, n_iterations=3)
    torch.manual_seed(1)
    network = build_network(architecture)
    torch.nn.init.normal_(network.state_dict()["priors.0.tail.weight"], std=0.05)
    path = folder / f"{scheme}.safetensors"
    save_checkpoint(path, network, ModelCard(architecture, "0.1.0", "none", {} if coils is None else {"coils": coils}))
    return path


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no reconstruction method 'sense'; choose one of .*unrolled, plug-and-play"):
        choose_method("sense")


def test_plug_and_play_takes_a_denoiser_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs a denoiser that was trained alone.*of the scheme 'modl'"):
        choose_method("plug-and-play", checkpoint=checkpoint(tmp_path, "modl"))
    path = checkpoint(tmp_path, "plug-and-play")
    E = CartesianSense(torch.ones(1, 1, 12, 16, dtype=torch.complex64), torch.ones(1, 1, 12, 16))
    y = E(10 * torch.randn(1, 12, 16, dtype=torch.complex64))
    image = choose_method("plug-and-play", checkpoint=path)(y, E)
    denoiser = build_network(Architecture(prior_options=SMALL, scheme="plug-and-play"))
    assert not torch.allclose(image, plug_and_play(y, E, denoiser.priors[0], n_iterations=3))  # untrained: another


@pytest.mark.parametrize("name", ["unrolled", "zero-shot"])
def test_a_scan_unlike_those_of_the_training_is_said_once(tmp_path: Path, name: str) -> None:
    path = checkpoint(tmp_path, "modl", coils=(4, 8))
    E = CartesianSense(torch.ones(1, 1, 12, 16, dtype=torch.complex64), torch.ones(1, 1, 12, 16))
    y = E(10 * torch.randn(1, 12, 16, dtype=torch.complex64))
    method = choose_method(name, checkpoint=path, learning=Learning(seconds=1e-6, report=lambda sentence: None))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(2):
            method(y, E)
    assert [str(w.message).partition(";")[0] for w in warned] == [
        "coils outside the training range: found 1, trained on 4 to 8"
    ]
