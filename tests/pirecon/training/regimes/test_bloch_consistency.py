"""Bloch consistency: the truth explains the samples, gradients are right, and training lowers what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pirecon.quantitative.contrast_fit import ParameterMaps
from pirecon.quantitative.contrasts import contrast_signals
from pirecon.quantitative.map_head import load_map_head
from pirecon.training.regimes import build_regime
from pirecon.training.regimes.bloch_consistency import (
    BlochConsistency,
    bloch_chi_square,
    bloch_signals,
    contrasts_of_batch,
)
from pirecon.training.regimes.regime import Batch
from pirecon.training.scans.contrasts import ContrastRange, ContrastStream
from pirecon.training.scans.scan_range import ScanRange
from pirecon.training.scans.tissue_maps import tissue_names
from pirecon.unrolled import Architecture, build_network

SCANS = ScanRange(snr=(10.0, 30.0), matrices=(24,), coils=(2,), acceleration=(1.0, 2.0), super_resolution=(1.0, 1.0))


def discs(n: int = 48) -> np.ndarray:
    """Heads of white matter with fluid and grey matter inside."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:n, :n] - n / 2 + 0.5
    images = []
    for _ in range(4):
        labels = np.full((n, n), tissue_names().index("white_matter"), np.float32)
        for name in ("csf", "grey_matter", "fat"):
            cy, cx = rng.uniform(-n / 4, n / 4, 2)
            labels[np.hypot(y - cy, x - cx) < n / 7] = tissue_names().index(name)
        inside = (np.hypot(y, x) < 0.42 * n).astype(np.float32)
        images.append(np.stack([labels, labels, inside, 0 * inside]))
    return np.stack(images)


def stream(seed: int = 1) -> ContrastStream:
    return ContrastStream(discs(), SCANS, voxels=2 * 3 * 24 * 24, seed=seed)


def regime_and_network() -> tuple[BlochConsistency, nn.Module]:
    torch.manual_seed(0)
    options: dict[str, object] = {"widths": [4, 8], "blocks": [1, 1]}
    network = build_network(Architecture(prior_options=options, n_iterations=1))
    return BlochConsistency(width=8, n_refinements=1), network


def true_to_the_model(batch: Batch) -> tuple[Batch, ParameterMaps]:
    """The same scans of a body whose voxels hold one tissue each, in float64."""
    from pirecon.encoding import CartesianSense

    batch = {k: v.to(torch.complex128 if v.is_complex() else torch.float64) for k, v in batch.items()}
    maps = ParameterMaps(batch["pd"].clamp_min(1e-3), batch["t1"], batch["t2"].clamp_max(1.9 * batch["t1"]))
    model = bloch_signals(batch, maps) * batch["gain"][..., None, None, None]
    batch["truth"] = model.abs() * batch["truth"] / batch["truth"].abs().clamp_min(1e-9)
    sensitivities = batch["maps"].expand(-1, model.shape[1], -1, -1, -1, -1)
    clean = CartesianSense(sensitivities, batch["weights"])(batch["truth"])
    noise = torch.randn((*clean.shape, 2), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    batch["kspace"] = clean + batch["weights"] * torch.view_as_complex(noise)
    return batch, maps


SCAN_KEYS = ("kspace", "weights", "maps", "truth")


def _contrast(key: str, values: Tensor, contrast: int) -> Tensor:
    return values[:, 0 if key == "maps" else contrast]


def test_the_truth_leaves_nothing_but_noise() -> None:
    batch, maps = true_to_the_model(stream().batch(0))
    kept = batch["weights"] != 0
    chi = bloch_chi_square(batch, batch["truth"], maps, kept)
    n = kept.flatten(1).sum(1) * batch["maps"].shape[2]
    assert ((chi - 1).abs() < 5 / n.sqrt()).all()  # the deviation of a mean of n squares of complex noise


def test_wrong_maps_leave_more() -> None:
    batch, maps = true_to_the_model(stream().batch(0))
    kept = batch["weights"] != 0
    longer = ParameterMaps(maps.proton_density, 1.3 * maps.T1, maps.T2)
    assert (bloch_chi_square(batch, batch["truth"], longer, kept) > 1.2).all()


def test_the_reconstruction_has_the_signals_of_the_simulator() -> None:
    batch, maps = true_to_the_model(stream().batch(2))
    own = contrast_signals(contrasts_of_batch(batch), maps.T1, maps.T2).value * maps.proton_density.unsqueeze(1)
    assert torch.allclose(own, bloch_signals(batch, maps), rtol=1e-9, atol=1e-12)


def test_gradients_reach_all_three_maps_and_the_images() -> None:
    batch, maps = true_to_the_model(stream().batch(1))
    batch = {key: value[:1] for key, value in batch.items()}
    logs = torch.stack([maps.proton_density, maps.T1, maps.T2])[:, :1].log()
    kept = batch["weights"] != 0

    def loss(change: Tensor, turn: Tensor) -> Tensor:
        moved = ParameterMaps(*(logs + change[:, None, None, None, None]).exp())
        images = batch["truth"] * torch.polar(torch.ones_like(turn), turn)
        return bloch_chi_square(batch, images, moved, kept)

    start = torch.tensor([0.1, 0.2, -0.1], dtype=torch.float64, requires_grad=True)
    turn = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (start, turn), rtol=1e-5)


def test_training_lowers_the_misfit_and_the_error_of_the_maps_on_fresh_scans() -> None:
    regime, network = regime_and_network()
    parameters = [*network.parameters(), *regime.network_parameters()]
    optimiser = torch.optim.Adam(parameters, 3e-3)

    def measure() -> dict[str, float]:
        torch.manual_seed(5)
        with torch.no_grad():
            parts = [regime(network, stream(seed=9).batch(i)).parts for i in range(3)]
        return {key: sum(float(p[key]) for p in parts) / 3 for key in parts[0]}

    before = measure()
    for index in range(25):
        losses = regime(network, stream().batch(index))
        optimiser.zero_grad()
        losses.network.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
    after = measure()
    assert all(after[key] < before[key] for key in ("Bloch chi square", "maps", "images"))


def test_without_truth_bloch_is_the_teacher() -> None:
    regime, network = regime_and_network()
    batch = {k: v for k, v in stream().batch(0).items() if k not in ("truth", "pd", "t1", "t2", "pure")}
    losses = regime(network, batch)
    assert list(losses.parts) == ["Bloch chi square"]
    losses.network.backward()
    assert float(regime.head.tail.weight.grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_the_head_survives_its_file(tmp_path) -> None:
    from safetensors.torch import save_file

    regime, _ = regime_and_network()
    nn.init.normal_(regime.head.tail.weight)
    save_file({k: v.contiguous() for k, v in regime.state_dict().items()}, tmp_path / "regime.safetensors")
    head = load_map_head(tmp_path / "regime.safetensors")
    features = torch.randn(2, 12, 9, 11)
    assert torch.equal(head(features), regime.head(features))
    with pytest.raises(FileNotFoundError, match="bloch_consistency"):
        load_map_head(tmp_path / "absent.safetensors")


def test_a_batch_without_protocols_is_refused() -> None:
    regime, network = regime_and_network()
    batch = stream().batch(0)
    del batch["inversion_time"]
    with pytest.raises(ValueError, match="examinations"):
        regime(network, batch)


def test_bloch_alone_corrects_the_magnitude_of_an_image() -> None:
    """Without truth and head, one contrast that is too bright by 20 per cent is told so by the others."""
    batch, _ = true_to_the_model(
        ContrastStream(discs(), SCANS, voxels=5 * 24 * 24, seed=3, contrasts=ContrastRange((5,))).batch(0)
    )
    regime = BlochConsistency(width=4, n_refinements=0).double()
    scale = torch.ones(5, dtype=torch.float64)
    scale[1] = 1.2
    scale.requires_grad_()
    unknown = {key: value for key, value in batch.items() if key not in ("truth", "pd")}

    def network(kspace: Tensor, E: object) -> Tensor:
        return scale[:, None, None, None] * batch["truth"]

    regime(network, unknown).network.backward()  # type: ignore[arg-type]
    assert scale.grad is not None
    assert scale.grad[1] > 0
    assert scale.grad[1] == scale.grad.abs().max()


def test_the_loss_of_the_images_is_that_of_single_scans() -> None:
    loss = {"l1": 1.0, "kspace_true": 0.5}
    batch = stream().batch(0)
    blurred = 0.5 * (batch["truth"] + batch["truth"].roll(1, -1))
    single = build_regime("supervised", {"loss": loss})

    def of(images: Tensor, scans: Batch) -> float:
        return single(lambda kspace, E: images, scans).network.item()  # type: ignore[arg-type]

    together = of(blurred.flatten(0, 1), batch)
    one_by_one = [
        of(blurred[:, c], {key: _contrast(key, batch[key], c) for key in SCAN_KEYS})
        for c in range(batch["kspace"].shape[1])
    ]
    assert together == pytest.approx(sum(one_by_one) / len(one_by_one), rel=1e-5)
    both = BlochConsistency(loss, width=8, n_refinements=1)(lambda kspace, E: blurred, batch)  # type: ignore[arg-type]
    assert float(both.parts["images"]) == pytest.approx(together, rel=1e-5)
