"""Simulated 3D scans are what they claim to be."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pirecon.encoding import CartesianSense
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.simulation import random_coils, random_phase, smooth_between
from pirecon.training.scans.training_data import StreamSettings
from pirecon.training.scans.volume_library import head_volumes, procedural_volume
from pirecon.training.scans.volumes import Volumes, VolumeStream, random_encodings, random_part

SCANS = ScanRange(matrices=(24, 32), coils=(1, 3), acceleration=(2.0, 4.0), super_resolution=(1.0, 2.0), averages=2)


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> VolumeStream:
    images = ImageShares(brains=0, cache=str(tmp_path_factory.mktemp("volumes")))
    data = Volumes(slices=(16, 20), solids=1, solid_share=1.0)
    return data.stream(StreamSettings(images, SCANS, voxels=2 * 16 * 28 * 28, seed=3))


def test_noise_is_one_everywhere_measured_and_truth_explains_the_rest(stream: VolumeStream) -> None:
    noise, partitions = [], set()
    for index in range(6):
        batch = stream.batch(index)
        n, z, y, x = batch["truth"].shape
        assert batch["maps"].shape[2:] == (z, y, x)
        assert batch["weights"].shape[:2] == (n, 1)
        assert batch["weights"].shape[3:] == (y, x)
        assert batch["kspace"].shape[2:] == batch["weights"].shape[2:]
        measured = (batch["weights"] > 0).expand_as(batch["kspace"])
        E = CartesianSense(batch["maps"], batch["weights"])
        noise += [(batch[name] - E(batch["truth"]))[measured] for name in ("kspace", "kspace2")]
        assert not batch["kspace"][~measured].any()
        assert torch.linalg.vector_norm(batch["maps"], dim=1).sub(1).abs().max() < 1e-4
        partitions.add(batch["weights"].shape[2] / z)
    assert torch.view_as_real(torch.cat(noise)).std().item() == pytest.approx(1.0, rel=0.01)
    assert min(partitions) < 0.9 < max(partitions) == 1  # some are thick, some are not


def test_a_batch_depends_on_seed_and_number_alone(stream: VolumeStream) -> None:
    first, other = stream.batch(4), stream.batch(5)
    assert all(torch.equal(value, stream.batch(4)[name]) for name, value in first.items())
    assert not torch.equal(first["truth"].flatten()[:50], other["truth"].flatten()[:50])


def test_volumes_are_read_from_the_cache(stream: VolumeStream) -> None:
    path = stream.solids[0].arrays.path
    written = path.stat().st_mtime_ns
    images = ImageShares(brains=0, cache=str(path.parent))
    again = Volumes(slices=(16,), solids=1, solid_share=1.0).stream(StreamSettings(images, SCANS, 1, seed=1))
    assert path.stat().st_mtime_ns == written
    assert torch.equal(again.solids[0].read(), stream.solids[0].read())


@pytest.mark.parametrize("acceleration", [1.5, 2.5, 4.0, 6.0])
def test_encodings_are_about_as_many_as_asked_round_a_full_block(acceleration: float) -> None:
    masks = [random_encodings((30, 41), acceleration, np.random.default_rng(seed)) for seed in range(60)]
    assert 30 * 41 / np.mean([mask.sum() for mask in masks]) == pytest.approx(acceleration, rel=0.12)
    assert all(mask[13:18, 18:23].all() for mask in masks)


def test_coils_of_a_box_are_smooth_along_every_axis_and_differ() -> None:
    maps = random_coils(4, (20, 24, 28), np.random.default_rng(1))
    assert maps.abs().square().sum(0).sqrt().mean().item() == pytest.approx(1.0, rel=1e-4)
    for axis in (-3, -2, -1):
        assert (maps.diff(n=2, dim=axis).abs().max() / maps.abs().max()).item() < 0.25
        assert maps.diff(dim=axis).abs().max() > 1e-3  # and not the same all along it
    assert torch.linalg.matrix_rank(maps.flatten(1)) == 4


def test_interpolation_in_three_dimensions_keeps_ramps_along_their_axes() -> None:
    z, y, x = torch.meshgrid(*(torch.linspace(0, 1, n) for n in (9, 10, 11)), indexing="ij")
    ramp = 2 * z - y + 3 * x
    found = smooth_between(ramp[None, None], (17, 19, 31))[0, 0]
    z, y, x = torch.meshgrid(*(torch.linspace(0, 1, n) for n in (17, 19, 31)), indexing="ij")
    inner = (slice(4, -4),) * 3  # cubic pieces at the edge lack a neighbour
    # Torch's cubic does not keep a ramp to the last digit: a twentieth of the step between two nodes.
    assert torch.allclose(found[inner], (2 * z - y + 3 * x)[inner], atol=0.03)
    assert torch.allclose(found[::2, ::2, ::3].diff(dim=0).mean(), torch.tensor(2 / 8), atol=0.01)


def test_a_phase_without_turns_varies_along_every_axis() -> None:
    phasor = random_phase((20, 24, 28), np.random.default_rng(2), largest_wraps=0.0)
    assert torch.allclose(phasor.abs(), torch.ones(()), atol=1e-5)
    assert all(phasor.diff(dim=axis).abs().max() > 1e-2 for axis in range(3))


def test_a_part_has_the_size_that_its_voxels_say() -> None:
    z, y, x = torch.meshgrid(*(torch.arange(64.0) - 31.5,) * 3, indexing="ij")
    ball = ((z / 12) ** 2 + (y / 12) ** 2 + (x / 12) ** 2 < 1).float()
    found = [random_part(ball, (48, 40, 40), (1.5, 1.0, 2.0), np.random.default_rng(seed)) for seed in range(12)]
    # Voxels of the part are 1.5 times finer than those of the scan.
    sizes = [(part > 0.5).sum().item() * 1.5 * 1.0 * 2.0 / 1.5**3 for part in found]
    whole = [size for size in sizes if size > 0.6 * ball.sum().item()]  # those that are not cut
    assert len(whole) >= 4
    assert np.median(whole) == pytest.approx(ball.sum().item(), rel=0.15)


def test_procedural_volumes_have_edges_and_air() -> None:
    volume = procedural_volume(32, np.random.default_rng(2))
    assert volume.shape == (32, 32, 32)
    assert volume.min() == 0
    assert (volume == 0).mean() > 0.05
    steps = np.abs(np.diff(volume, axis=0))[volume[1:] > 0]
    assert np.percentile(steps, 99) > 5 * np.median(steps)


def test_contrasts_of_one_head_share_its_anatomy() -> None:
    first, second = head_volumes(2, 2, (0.05, 0.55), voxel=8e-3)
    assert first.shape == (22, 28, 24)
    assert ((first > 0.02) == (second > 0.02)).mean() > 0.9
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.999


def test_what_volumes_cannot_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 8 along z"):
        Volumes(slices=(1,))
    with pytest.raises(ValueError, match="within 1–8 mm"):
        Volumes(voxel=(2.0, 4.0))
    with pytest.raises(ValueError, match=r"anisotropy 0\.5"):
        Volumes(anisotropy=0.5)
    settings = StreamSettings(ImageShares(brains=0, cache=str(tmp_path)), ScanRange(), voxels=1, seed=1)
    with pytest.raises(ValueError, match="no head to scan"):
        Volumes(solid_share=0.0).stream(settings)
