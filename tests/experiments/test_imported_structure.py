"""Structure that a guide left in a result is found, that of another anatomy is not taken for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.multi_contrast.imported_structure import imported_structure
from pirecon.training.scans.procedural import random_image


def anatomy(seed: int) -> torch.Tensor:
    """Shapes and textures, real ``(y, x)``."""
    return torch.from_numpy(random_image(64, np.random.default_rng(seed)).astype(np.float32))


def test_edges_of_the_guide_are_told_from_those_of_another_anatomy() -> None:
    unguided = torch.stack([5 + anatomy(seed) for seed in range(6)]).to(torch.complex64)
    guide = torch.stack([anatomy(seed + 50) for seed in range(6)])
    other = torch.stack([anatomy(seed + 90) for seed in range(6)])
    imported = imported_structure(unguided - 0.3 * guide, unguided, guide)  # inverted: a contrast, not an anatomy
    elsewhere = imported_structure(unguided - 0.3 * other, unguided, guide)
    assert (imported.agreement > imported.chance + 0.3).all()
    assert float((elsewhere.agreement - elsewhere.chance).mean()) < 0.05


def test_the_change_is_that_of_the_magnitude_over_the_unguided_image() -> None:
    unguided = torch.polar(2 + anatomy(1), anatomy(2))
    found = imported_structure(1.1j * unguided, unguided, anatomy(3))
    assert float(found.change) == pytest.approx(0.1, rel=1e-4)
