"""The shipped feature network: small, says what it is, knows its lesson, and orders images by their damage."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pirecon.training.losses import Perceptual
from pirecon.training.losses.corruptions import CORRUPTIONS, blur, corrupted_copies
from pirecon.training.losses.features import WEIGHTS, load_features
from pirecon.training.losses.train_features import main
from pirecon.training.scans.procedural import random_image


@cache
def pictures() -> Tensor:
    """Images that training has not seen (another size and seed), ``(n, y, x)``."""
    images = [random_image(96, np.random.default_rng([77, seed])) for seed in range(12)]
    return torch.from_numpy(np.stack(images))


def test_it_is_small_and_its_card_names_the_command() -> None:
    assert WEIGHTS.stat().st_size < 300_000
    network, card = load_features()
    assert card["classes"] == list(CORRUPTIONS)
    assert str(card["command"]).startswith("python -m pirecon.training.losses.train_features --procedural")
    assert not any(p.requires_grad for p in network.parameters())


def test_it_recognises_corruptions_of_unseen_images() -> None:
    rng = np.random.default_rng(5)
    network, _ = load_features()
    answers = torch.stack([network(corrupted_copies(image, 64, rng)).argmax(1) for image in pictures()])
    right = (answers == torch.arange(len(CORRUPTIONS))).float().mean()
    assert right > 2 / len(CORRUPTIONS)  # chance is one in seven


def test_every_corruption_costs_and_the_clean_image_does_not() -> None:
    rng, loss = np.random.default_rng(6), Perceptual()
    for image in pictures()[:4]:
        clean, *damaged = corrupted_copies(image, 64, rng).to(torch.complex64)
        assert loss(clean[None], clean[None]).item() == 0
        assert all(loss(copy[None], clean[None]).item() > 1e-5 for copy in damaged)


def test_an_empty_image_costs_one_and_more_noise_costs_more() -> None:
    loss = Perceptual()
    truth = pictures()[:3, None].to(torch.complex64)
    noise = torch.view_as_complex(torch.randn(*truth.shape, 2, generator=torch.Generator().manual_seed(1)))
    assert loss(torch.zeros_like(truth), truth).item() == pytest.approx(1, abs=1e-5)
    costs = [loss(truth + level * noise, truth).item() for level in (0.0, 0.03, 0.1, 0.3)]
    assert costs == sorted(costs)
    assert costs[1] > 0


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_keep_the_grid_and_only_the_clean_one_keeps_the_image(name: str) -> None:
    image = pictures()[0, :70, :50].to(torch.complex64)
    damaged = CORRUPTIONS[name](image, np.random.default_rng(3))
    assert damaged.shape == image.shape
    assert torch.equal(damaged, image) == (name == "clean")


def test_blur_keeps_the_mean() -> None:
    image = pictures()[1].to(torch.complex64)[:71, :49]  # the centre of k is at the window's centre for odd sizes
    blurred = blur(image, np.random.default_rng(3))
    torch.testing.assert_close(blurred.mean(), image.mean(), rtol=1e-4, atol=1e-5)


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing; reinstall pirecon, or .*train_features"):
        load_features(tmp_path / "none.safetensors")


def test_the_command_writes_weights_that_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pirecon.training.losses import train_features

    images = pictures().numpy()
    source = train_features.Source("procedural", images, 1.0)
    monkeypatch.setattr(train_features, "load_sources", lambda shares: [source])
    monkeypatch.setattr(train_features, "IMAGES", 1)
    monkeypatch.setattr(train_features, "EXAMINED", 1)
    path = tmp_path / "features.safetensors"
    monkeypatch.setattr("sys.argv", ["train_features", "--steps", "2", "--output", str(path)])
    main()
    _, card = load_features(path)
    assert card["classes"] == list(CORRUPTIONS)
    assert "--steps 2" in str(card["command"])
    assert str(tmp_path) not in str(card)
