"""Examinations with several contrasts: what a batch holds, and that its signals are bloch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bloch.phantom import protocol_signal, tissue_signal
from bloch.tissue import tissue
from pirecon.encoding import CartesianSense
from pirecon.training.scans.contrasts import ContrastRange, ContrastStream, tissue_truth
from pirecon.training.scans.protocols import KEYS, protocol_tensors, protocols_of, random_protocols
from pirecon.training.scans.simulation import ScanRange
from pirecon.training.scans.tissue_maps import TissueMaps, mixed_signal, tissue_names

SCANS = ScanRange(snr=(20.0, 40.0), matrices=(32,), coils=(1, 3), super_resolution=(1.0, 2.0))


def blocks(n: int = 72) -> np.ndarray:
    """White matter, grey matter and fluid side by side, with edges inside the voxels of the image."""
    labels = np.zeros((n, n), np.float32)
    for i, name in enumerate(("white_matter", "grey_matter", "csf")):
        labels[:, 10 + 17 * i : 27 + 17 * i] = tissue_names().index(name)
    inside = np.zeros((n, n), np.float32)
    inside[8:-8, 10:61] = 1
    return np.stack([labels, labels, inside, 0 * inside])[None]


def stream(seed: int = 3, contrasts: ContrastRange | None = None) -> ContrastStream:
    return ContrastStream(blocks(), SCANS, voxels=8000, seed=seed, contrasts=contrasts)


def test_the_same_batch_for_a_seed_and_another_for_another() -> None:
    first, again, other = stream().batch(5), stream().batch(5), stream(4).batch(5)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert other["kspace"].shape != first["kspace"].shape or not torch.equal(other["kspace"], first["kspace"])


def test_noise_of_every_contrast_has_unit_deviation_where_measured() -> None:
    residuals = []
    for index in range(4):
        batch = stream().batch(index)
        E = CartesianSense(batch["maps"], batch["weights"])
        left = (batch["kspace"] - E(batch["truth"]))[(batch["weights"] > 0).expand(batch["kspace"].shape)]
        residuals.append(torch.view_as_real(left).flatten())
    noise = torch.cat(residuals)
    assert abs(float(noise.square().mean()) - 1) < 5 * math.sqrt(2 / len(noise))


def test_contrasts_can_differ_in_resolution_and_snr() -> None:
    sharp = ScanRange(snr=(200.0, 200.0), acceleration=(1.0, 1.0), super_resolution=(1.0, 1.0))
    coarse = ScanRange(snr=(5.0, 5.0), acceleration=(1.0, 1.0), super_resolution=(2.0, 2.0), matrices=(32,))
    exam = ContrastStream(blocks(), coarse, voxels=4000, seed=1, contrasts=ContrastRange(first=sharp)).batch(0)
    measured = exam["weights"].mean((-1, -2)).flatten(1)
    assert torch.allclose(measured[:, 0], torch.ones(()))
    assert torch.allclose(measured[:, 1:], torch.tensor(0.25), atol=0.02)
    peak = exam["truth"].abs().flatten(2).amax(-1)
    assert (peak[:, 0] > 5 * peak[:, 1:].amax(1)).all()


def test_signals_are_those_of_the_simulator_for_every_tissue_and_protocol() -> None:
    rng = np.random.default_rng(0)
    for protocol in random_protocols(9, 0.2, rng):
        for name in ("white_matter", "csf", "fat"):
            body = tissue(name, 0.2)
            values = (torch.tensor(v, dtype=torch.float64) for v in (body.proton_density, body.T1, body.T2))
            mine = protocol_signal(protocol, *values, torch.tensor(body.T2_star, dtype=torch.float64))
            assert float(mine) == pytest.approx(float(tissue_signal(body, protocol)), rel=1e-12)


def test_protocols_survive_the_way_through_a_batch() -> None:
    protocols = random_protocols(8, 0.1, np.random.default_rng(1))
    batch = {key: value[None] for key, value in protocol_tensors(protocols).items()}
    assert set(batch) == set(KEYS)
    values = [torch.tensor(v, dtype=torch.float64) for v in (0.8, 0.4, 0.1, 0.09)]
    for before, after in zip(protocols, protocols_of(batch, 0), strict=True):
        expected = float(protocol_signal(after, *values))
        assert float(protocol_signal(before, *values)) == pytest.approx(expected, rel=1e-5)


def test_signals_of_a_mixed_voxel_add_up_while_its_relaxation_times_do_not() -> None:
    protocol = random_protocols(2, 0.1, np.random.default_rng(2))[1]
    half = torch.full((2, 2, 2), 0.5)
    T1, T2 = (torch.tensor(pair)[:, None, None].expand(2, 2, 2) for pair in ((0.3, 4.0), (0.08, 1.5)))
    maps = TissueMaps(half, torch.ones(2, 2, 2), T1, T2, T2)
    each = [protocol_signal(protocol, torch.tensor(1.0), T1[i, 0, 0], T2[i, 0, 0], T2[i, 0, 0]) for i in (0, 1)]
    assert torch.allclose(mixed_signal(maps, protocol), (each[0] + each[1]) / 2)
    truth = tissue_truth(maps, (1, 1), torch.ones(1, 1))
    assert float(truth["pure"]) == 0
    assert float(truth["t1"]) == pytest.approx(math.sqrt(0.3 * 4.0), rel=1e-5)


def test_maps_of_the_tissue_stand_where_the_images_stand() -> None:
    """Long T1 is dark in the T1-weighted image: fluid, on the side where the map says it is."""
    batch = stream(contrasts=ContrastRange(contrasts=(3,), field_strength=(0.1, 0.1))).batch(1)
    fluid = (batch["t1"] > 2) & (batch["pd"] > 0.3)
    tissues = (batch["t1"] < 1) & (batch["pd"] > 0.3)
    t1_weighted = batch["truth"][:, 0].abs() / batch["pd"].clamp_min(0.1)
    assert fluid.any()
    assert t1_weighted[fluid].median() < 0.7 * t1_weighted[tissues].median()


def test_no_contrast_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        random_protocols(0, 0.1, np.random.default_rng(0))
