"""Guided training scans: the guide shows the scanned anatomy where it says so, moved as far as it may."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pirecon.priors.guided import prepare_guide
from pirecon.training.data import KINDS
from pirecon.training.regimes import build_regime
from pirecon.training.scans.anatomy import brain_contrasts
from pirecon.training.scans.guide import GuidedScans, GuidedStream, guided_sources, redrawn
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.procedural import random_image
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.stream import Source
from pirecon.training.scans.training_data import StreamSettings
from pirecon.unrolled import Architecture, build_network

RANGE = ScanRange(
    matrices=(48,), coils=(1,), snr=(20.0, 40.0), acceleration=(1.0, 1.0), super_resolution=(1.0, 1.0), rough_phase=0.0,
    line_modulation=0.0, lost_samples=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    images = np.stack([random_image(128, np.random.default_rng(seed)) for seed in range(8)])
    return [Source("procedural", images, 1.0)]


def stream(sources: list[Source], guides: GuidedScans, scans: ScanRange = RANGE) -> GuidedStream:
    return GuidedStream(sources, guides, StreamSettings(ImageShares(), scans, voxels=4 * 48 * 54, seed=1))


def test_batches_follow_from_the_seed_and_hold_a_guide_each(sources: list[Source]) -> None:
    guides = GuidedScans(wrong=0.3, absent=0.3)
    first, again = (stream(sources, guides).batch(3) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert first["guide"].shape == first["truth"].shape
    batches = [stream(sources, guides).batch(index) for index in range(12)]
    has, right = (torch.cat([batch[name] for batch in batches]) for name in ("has_guide", "right_guide"))
    guide = torch.cat([batch["guide"].abs().sum((1, 2, 3)) > 0 for batch in batches])
    assert torch.equal(has > 0, guide)
    assert bool((has >= right).all())
    assert 0.2 < float((has - right).mean()) < 0.5
    assert 0.5 < float(has.mean()) < 0.9


def test_right_guides_are_trusted_and_wrong_ones_are_not(sources: list[Source]) -> None:
    trust = {}
    for name, guides in (("right", GuidedScans(wrong=0, absent=0)), ("wrong", GuidedScans(wrong=1, absent=0))):
        batches = [stream(sources, guides).batch(index) for index in range(4)]
        trust[name] = torch.cat([prepare_guide(b["truth"], b["guide"])[0][:, 1].mean((1, 2, 3)) for b in batches])
    assert float(trust["right"].median()) > 0.15
    assert float(trust["wrong"].mean()) < 0.2 * float(trust["right"].mean())


def test_a_guide_without_motion_lies_where_the_image_does(sources: list[Source]) -> None:
    still = GuidedScans(wrong=0, absent=0, translation=0.0, rotation=0.0)
    batch = stream(sources, still).batch(1)
    placement = prepare_guide(batch["truth"], batch["guide"])[1]
    sure = placement.lead > 0.1
    assert int(sure.sum()) >= 2
    assert float(placement.shift[sure].abs().max()) < 1
    assert float(placement.rotation[sure].abs().max()) <= math.radians(2.01)  # half a voxel at the rim


def test_redrawn_grey_values_keep_the_edges() -> None:
    image = torch.from_numpy(random_image(96, np.random.default_rng(3)))
    other = redrawn(image, np.random.default_rng(5))
    assert float(other[image == 0].abs().max()) == 0
    assert bool((torch.diff(other, dim=1)[torch.diff(image, dim=1) == 0] == 0).all())
    assert float((other - image / image.max()).abs().max()) > 0.1


def test_brains_have_contrasts_of_one_anatomy() -> None:
    contrasts = torch.from_numpy(brain_contrasts(4))
    assert contrasts.shape == (3, 384, 384)
    air = [contrast < 1e-3 for contrast in contrasts]
    assert float((air[0] == air[1]).float().mean()) > 0.97
    small = torch.nn.functional.avg_pool2d(contrasts[:, None], 4)
    correlation = np.corrcoef(small.flatten(1).numpy())
    assert correlation[np.triu_indices(3, 1)].min() < 0.99


def test_brains_are_drawn_at_the_field_of_the_config(tmp_path: Path) -> None:
    def brains(field_strength: tuple[float, float]) -> np.ndarray:
        images = ImageShares(brains=1, shares={"brains": 1.0}, cache=str(tmp_path), field_strength=field_strength)
        return np.array(guided_sources(images)[0].images[0], np.float32)

    low, high = brains((0.05, 0.05)), brains((1.5, 1.5))
    assert ((low > 0.01) == (high > 0.01)).mean() > 0.95  # the same anatomy
    assert np.abs(low - high).mean() > 0.01


def test_a_second_average_has_the_same_signal_and_independent_noise(sources: list[Source]) -> None:
    once = stream(sources, GuidedScans()).batch(2)
    twice = stream(sources, GuidedScans(), replace(RANGE, averages=2)).batch(2)
    assert all(torch.equal(once[name], twice[name]) for name in once)  # the option changes nothing else
    difference = torch.view_as_real(twice["kspace2"] - twice["kspace"])
    assert difference.std().item() == pytest.approx(2**0.5, rel=0.02)


def test_the_regime_lowers_the_guided_loss(sources: list[Source]) -> None:
    torch.manual_seed(2)
    network = build_network(
        Architecture(prior="guided_unet", prior_options={"widths": [8, 8], "blocks": [1, 1]}, n_iterations=1)
    )
    regime, batch = build_regime("guided", {}), stream(sources, GuidedScans()).batch(0)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        loss = regime(network, batch).network
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.02


def test_a_network_without_a_guide_is_refused(sources: list[Source]) -> None:
    network = build_network(Architecture(prior_options={"widths": [8, 8], "blocks": [1, 1]}, n_iterations=1))
    with pytest.raises(ValueError, match="takes a guide"):
        build_regime("guided", {})(network, stream(sources, GuidedScans()).batch(0))


def test_the_kind_is_known_and_checks_itself() -> None:
    assert KINDS["guided"] is GuidedScans
    with pytest.raises(ValueError, match="shares"):
        GuidedScans(wrong=0.7, absent=0.5)
    with pytest.raises(ValueError, match="degrees"):
        replace(GuidedScans(), rotation=3.0)
    with pytest.raises(ValueError, match="nothing to train on"):
        guided_sources(ImageShares(shares={"procedural": 0.0}))
