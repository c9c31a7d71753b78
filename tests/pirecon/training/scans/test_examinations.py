"""Scans of an examination: each has the SNR that was asked for, and each is one for a regime of single scans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pirecon.encoding import CartesianSense
from pirecon.training.regimes import build_regime
from pirecon.training.scans.contrasts import ContrastRange, ContrastStream
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.tissue_maps import tissue_names
from pirecon.unrolled import Architecture, build_network

SCANS = ScanRange((10.0, 10.0), (1.0, 1.0), coils=(1,), super_resolution=(1.0, 1.0), matrices=(64,))


def two_tissues(n: int = 96) -> np.ndarray:
    """White and grey matter side by side in air, ``(1, 4, n, n)``."""
    labels = np.full((n, n), tissue_names().index("white_matter"), np.float32)
    labels[:, n // 2 :] = tissue_names().index("grey_matter")
    inside = np.zeros((n, n), np.float32)
    inside[12:-12, 16:-16] = 1
    return np.stack([labels, labels, inside, 0 * inside])[None]


def test_snr_is_that_of_the_acquired_voxel() -> None:
    """A zero-filled image on a finer grid has less noise in a voxel, and the truth there is lower by as much."""
    coarse = replace(SCANS, super_resolution=(3.0, 3.0))
    deviations = []
    for index in range(8):
        stream = ContrastStream(two_tissues(), coarse, voxels=1, seed=1, contrasts=ContrastRange((3,), first=SCANS))
        exam = stream.batch(index)
        E = CartesianSense(exam["maps"].expand(-1, 3, -1, -1, -1, -1), exam["weights"])
        noise = torch.view_as_real(E.adjoint(exam["kspace"] - E(exam["truth"])))[0]
        for image, residual in zip(exam["truth"][0].abs(), noise, strict=True):
            level = image[image > 0.1 * image.max()].mean()
            assert float(level / residual.std()) == pytest.approx(10, rel=0.15)
        deviations.append(noise.flatten(1).std(1))
    # Some are coarser, and that is said by their noise.
    assert torch.cat(deviations).min() < 0.5 < 0.9 < torch.cat(deviations).max()


@pytest.mark.parametrize("regime", ["sure", "ensure"])
def test_regimes_of_single_scans_learn_from_every_contrast(regime: str) -> None:
    torch.manual_seed(0)
    network = build_network(Architecture(prior_options={"widths": [4, 8], "blocks": [1, 1]}, n_iterations=1))
    scans = replace(SCANS, matrices=(32,), acceleration=(2.0, 2.0))
    exam = ContrastStream(two_tissues(), scans, voxels=1, seed=1, contrasts=ContrastRange((3,))).batch(0)
    loss = build_regime(regime, {})(network, exam).network
    assert loss.ndim == 0
    loss.backward()
    assert max(float(p.grad.abs().max()) for p in network.parameters() if p.grad is not None) > 0
