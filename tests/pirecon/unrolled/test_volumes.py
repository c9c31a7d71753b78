"""Networks whose prior sees slices or volumes, on scans of volumes and of slices."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pirecon.classical import cg_sense
from pirecon.encoding import CartesianSense
from pirecon.methods import choose_method
from pirecon.report.metrics import psnr
from pirecon.training.scans.image_shares import ImageShares
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.training_data import StreamSettings
from pirecon.training.scans.volumes import Volumes, VolumeStream
from pirecon.training.single_prior import OnStartImage
from pirecon.unrolled import Architecture, ModelCard, UnrolledNetwork, build_network, save_checkpoint

SCANS = ScanRange(snr=(5.0, 10.0), acceleration=(1.5, 3.0), coils=(2,), matrices=(16, 20), line_modulation=0.0)


def architecture(n_axes: int) -> Architecture:
    return Architecture(prior_options={"widths": [8, 16], "blocks": [1, 1], "n_axes": n_axes}, n_iterations=2)


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> VolumeStream:
    images = ImageShares(brains=0, cache=str(tmp_path_factory.mktemp("volumes")))
    data = Volumes(slices=(12,), solids=3, solid_share=1.0)
    return data.stream(StreamSettings(images, SCANS, voxels=12 * 18 * 18, seed=3))


def drawn(seed: int, n_axes: int) -> UnrolledNetwork:
    """A network that does something, untrained."""
    torch.manual_seed(seed)
    network = build_network(architecture(n_axes)).eval()
    torch.nn.init.normal_(network.state_dict()["priors.0.tail.weight"], std=0.05)
    return network


@torch.no_grad()
def test_a_little_training_beats_cg_sense_on_volumes_that_it_did_not_see(stream: VolumeStream) -> None:
    torch.manual_seed(1)
    network, regime = build_network(architecture(3)), OnStartImage()
    optimiser = torch.optim.Adam(network.priors.parameters(), lr=5e-3)
    with torch.enable_grad():
        for index in range(45):
            optimiser.zero_grad()
            regime(network, stream.batch(index)).network.backward()
            optimiser.step()
    gains = []
    for index in range(1000, 1008):
        batch = stream.batch(index)
        E = CartesianSense(batch["maps"], batch["weights"])
        image, plain = network(batch["kspace"], E), cg_sense(batch["kspace"], E)
        assert image.shape == batch["truth"].shape
        gains.append(psnr(image, batch["truth"]) - psnr(plain, batch["truth"]))
    assert sum(gains) / len(gains) > 0.3  # dB


@torch.no_grad()
def test_the_noise_level_of_a_volume_is_that_of_many_replicas(stream: VolumeStream) -> None:
    batch = stream.batch(2)
    E = CartesianSense(batch["maps"][:1], batch["weights"][:1])
    network = drawn(1, 3)
    _, level = network.start(E.adjoint(batch["kspace"][:1]), E)
    generator = torch.Generator().manual_seed(2)
    starts = []
    for _ in range(40):
        noise = torch.view_as_complex(torch.randn(*batch["kspace"][:1].shape, 2, generator=generator))
        starts.append(network.start(E.adjoint(batch["weights"][:1] * noise), E)[0])
    true_level = (torch.stack(starts).abs().square().mean(0) / 2).sqrt()
    per_slice = (level.square().mean((-2, -1)) / true_level.square().mean((-2, -1))).sqrt()
    assert torch.allclose(per_slice, torch.ones_like(per_slice), atol=0.2)
    assert per_slice.mean().item() == pytest.approx(1.0, abs=0.05)


@torch.no_grad()
def test_a_prior_for_slices_takes_a_volume_slice_by_slice_and_one_for_volumes_does_not(stream: VolumeStream) -> None:
    volume = stream.batch(1)["truth"][:1]
    level = torch.ones_like(volume.real)
    by_slice, whole = (
        [prior(part, level[:, : part.shape[1]]) for part in (volume, volume[:, 4:5])]
        for prior in (drawn(1, 2).priors[0], drawn(1, 3).priors[0])
    )
    assert torch.allclose(by_slice[0][:, 4:5], by_slice[1], atol=1e-3 * float(volume.abs().max()))
    assert not torch.allclose(whole[0][:, 4:5], whole[1], atol=1e-2 * float(volume.abs().max()))


def said_by(folder: Path, n_axes: int, kspace: Tensor, E: CartesianSense) -> list[str]:
    path = folder / f"{n_axes}.safetensors"
    save_checkpoint(path, drawn(1, n_axes), ModelCard(architecture(n_axes), "0.1.0", "none", {}))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        image = choose_method("unrolled", checkpoint=path)(kspace, E)
    assert image.shape == E.domain_shape
    assert image.isfinite().all()
    return [str(warning.message) for warning in said]


def test_a_checkpoint_for_volumes_says_so_on_a_slice_and_nothing_on_a_volume(
    stream: VolumeStream, tmp_path: Path
) -> None:
    batch = stream.batch(0)
    volume = batch["kspace"][0], CartesianSense(batch["maps"][0], batch["weights"][0])
    slice_E = CartesianSense(batch["maps"][0][:, 4:5], torch.ones(1, 1, *batch["truth"].shape[-2:]))
    one = slice_E(batch["truth"][0][4:5]), slice_E
    assert said_by(tmp_path, 3, *volume) == []
    assert said_by(tmp_path, 2, *volume) == []
    assert said_by(tmp_path, 2, *one) == []
    (said,) = said_by(tmp_path, 3, *one)
    assert "found 1 along z, but the prior of this checkpoint sees volumes" in said
    assert "--checkpoint default" in said
