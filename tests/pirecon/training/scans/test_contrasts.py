"""Examinations with several contrasts: what a batch holds, and that its signals are bloch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bloch.phantom import protocol_signal, tissue_signal
from bloch.sequence import Protocol
from bloch.tissue import tissue
from pirecon.encoding import CartesianSense
from pirecon.training.scans.contrasts import ContrastRange, ContrastStream, tissue_truth
from pirecon.training.scans.protocols import KEYS, protocol_tensors, protocols_of, random_protocols
from pirecon.training.scans.scan_range import ScanRange
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


def written_out(protocol: Protocol, PD: float, T1: float, T2: float, T2_star: float) -> float:
    """The steady state of Bernstein, King & Zhou (2004), chapters 14 and 16, without the simulator's code."""
    TE, TR = protocol.echo_time, protocol.repetition_time
    E1 = math.exp(-TR / T1)
    last_pulse_to_excitation = math.exp(-(TR - TE / 2) / T1)
    if protocol.name == "spoiled_gradient_echo":
        sine, cosine = math.sin(protocol.flip_angle), math.cos(protocol.flip_angle)
        return PD * sine * (1 - E1) / (1 - cosine * E1) * math.exp(-TE / T2_star)
    if protocol.name == "spin_echo":
        longitudinal = 1 - 2 * last_pulse_to_excitation + E1
    elif protocol.name == "inversion_recovery":
        assert protocol.inversion_time is not None
        longitudinal = 1 - 2 * math.exp(-protocol.inversion_time / T1) + 2 * last_pulse_to_excitation - E1
    else:
        assert protocol.name == "turbo_spin_echo"
        assert protocol.echo_spacing is not None
        longitudinal = 1 - math.exp(-(TR - protocol.echo_train_length * protocol.echo_spacing) / T1)
    return PD * longitudinal * math.exp(-TE / T2)


def test_signals_of_tissues_are_the_equations_of_the_book() -> None:
    protocols = random_protocols(40, 0.2, np.random.default_rng(0))
    assert {p.name for p in protocols} == {
        "spin_echo",
        "spoiled_gradient_echo",
        "turbo_spin_echo",
        "inversion_recovery",
    }
    for protocol in protocols:
        for name in ("white_matter", "csf", "fat"):
            body = tissue(name, 0.2)
            expected = written_out(protocol, body.proton_density, body.T1, body.T2, body.T2_star)
            assert float(tissue_signal(body, protocol)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_images_of_a_batch_are_the_equations_of_its_maps() -> None:
    """|truth| = gain · PD · |S(T1, T2)| inside the blocks of one tissue, for every contrast of some examinations."""
    scans = ScanRange(snr=(20.0, 40.0), matrices=(48,), coils=(3,))
    kinds = set()
    for index in range(6):
        batch = ContrastStream(blocks(), scans, voxels=1, seed=7, contrasts=ContrastRange((5,))).batch(index)
        inside = torch.nn.functional.avg_pool2d(batch["pure"], 7, stride=1, padding=3)[0, 0] == 1
        assert inside.sum() > 20
        PD, T1, T2 = (batch[key][0, 0][inside].tolist() for key in ("pd", "t1", "t2"))
        for contrast, protocol in enumerate(protocols_of(batch, 0)):
            kinds.add(protocol.name)
            found = (batch["truth"][0, contrast, 0].abs() / batch["gain"][0, contrast])[inside].numpy()
            signals = [abs(written_out(protocol, *v, v[-1])) for v in zip(PD, T1, T2, strict=True)]
            off = np.abs(found - signals) / np.max(signals)
            # Edges ring into the blocks, and gradient echoes decay by T2*, of which the batch's maps know nothing.
            assert np.median(off) < (0.05 if protocol.name == "spoiled_gradient_echo" else 0.02), (index, protocol)
    assert len(kinds) == 4


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
