"""Simulated anatomies: what is drawn, at which field, and that the signals of tissues are mixed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from bloch.phantom import Phantom, magnetisation_image, tissue_signal
from bloch.sequence import Protocol
from bloch.tissue import tissues_at
from pirecon.training.scans.anatomy import abdomen_image, brain_image, knee_image
from pirecon.training.scans.image_library import SIZE, load_library
from pirecon.training.scans.image_shares import ImageShares


@pytest.mark.parametrize("make", [brain_image, knee_image, abdomen_image])
def test_images_are_bodies_in_air_that_differ(make: Callable[..., np.ndarray]) -> None:
    images = [make(seed) for seed in (0, 1, 2)]
    for image in images:
        assert image.shape == (SIZE, SIZE)
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert 0.1 < (image > 0.05).mean() < 0.95  # neither air alone nor a full field of view
        assert np.abs(np.diff(image)).max() > 0.1  # hard edges
    assert np.array_equal(images[0], make(0))
    assert np.abs(images[0] - images[1]).mean() > 0.02


def test_another_field_gives_the_same_anatomy_another_contrast() -> None:
    low, high = (brain_image(4, field_strength=(B0, B0)) for B0 in (0.05, 1.5))
    air = (low < 1e-4).mean(), (high < 1e-4).mean()
    assert air[0] == pytest.approx(air[1], abs=0.05)
    assert np.abs(low - high).mean() > 0.01


def test_a_voxel_of_two_tissues_gives_the_mean_of_their_signals() -> None:
    fractions = torch.zeros(2, 1, 1, 3)
    fractions[:, 0, 0] = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])
    phantom = Phantom(fractions, ("csf", "white_matter"), (1e-3, 1e-3, 1e-3))
    protocol = Protocol("spin_echo", 0.1, 1.0)
    image = magnetisation_image(phantom, protocol, 0.1)[0, 0]
    csf, white = (float(tissue_signal(tissues_at(0.1)[name], protocol)) for name in phantom.tissues)
    assert image.tolist() == pytest.approx([csf, (csf + white) / 2, white], rel=1e-5)


def test_a_field_in_gauss_is_refused() -> None:
    with pytest.raises(ValueError, match=r"within 0.01–7 T"):
        ImageShares(field_strength=(500.0, 5500.0))


def test_a_library_that_was_cut_off_is_noticed(tmp_path: Path) -> None:
    made = load_library("zeros", lambda: iter([np.zeros((SIZE, SIZE))] * 2), tmp_path, "key")
    assert made.shape == (2, SIZE, SIZE)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="is damaged"):
        load_library("zeros", lambda: iter([]), tmp_path, "key")
