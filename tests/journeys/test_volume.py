"""A 3D raw file and a network whose prior sees volumes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pirecon.unrolled import Architecture, ModelCard, build_network, save_checkpoint

Scan = Callable[..., Path]
Reconstruct = Callable[..., tuple[np.ndarray, str]]


@pytest.fixture(scope="module")
def volume_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained: it reconstructs as CG-SENSE does."""
    architecture = Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1], "n_axes": 3}, n_iterations=2)
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "volume.safetensors"
    save_checkpoint(path, build_network(architecture), ModelCard(architecture, "0.1.0", "untrained", {}))
    return path


def test_a_slab_is_reconstructed_as_a_whole(scan: Scan, reconstruct: Reconstruct, volume_checkpoint: Path) -> None:
    raw = scan("--engine", "closed-form", "--matrix", "10,28,24", "--sequence", "gre")
    image, notes = reconstruct(raw, "--method", "unrolled", "--checkpoint", volume_checkpoint)
    plain, _ = reconstruct(raw)
    assert image.shape == (10, 28, 24)
    assert np.corrcoef(image.ravel(), plain.ravel())[0, 1] > 0.98
    assert "outside the training range" not in notes


def test_slices_are_reconstructed_one_by_one_and_that_is_said(
    scan: Scan, reconstruct: Reconstruct, volume_checkpoint: Path
) -> None:
    raw = scan("--engine", "closed-form", "--matrix", "1,28,24", "--sequence", "gre", "--slices", "2")
    image, notes = reconstruct(raw, "--method", "unrolled", "--checkpoint", volume_checkpoint)
    assert image.shape == (2, 28, 24)
    assert "found 1 along z, but the prior of this checkpoint sees volumes" in notes
