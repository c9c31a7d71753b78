"""Equivariant imaging: what costs nothing, what does, and that it teaches without truth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.training.regimes.equivariant import Equivariant, Transformation
from pirecon.training.scans.stream import ScanStream
from pirecon.unrolled import UnrolledNetwork


class Adjoint(nn.Module):
    def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
        return E.adjoint(kspace)


def batch_of(weights: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    shape = (2, 1, 1, 11, 11)
    kspace = weights * torch.randn(shape, dtype=torch.complex64, generator=generator)
    return {"kspace": kspace, "maps": torch.ones(shape, dtype=torch.complex64), "weights": weights.expand(shape)}


def test_an_exact_reconstruction_has_no_loss(generator: torch.Generator) -> None:
    everything = torch.ones(1, 1, 1, 11, 11)
    loss = Equivariant(robust=False)(Adjoint(), batch_of(everything, generator))
    assert float(loss.network) == pytest.approx(0, abs=1e-10)


def test_robust_loss_of_an_exact_linear_reconstruction_is_its_noise(generator: torch.Generator) -> None:
    everything = torch.ones(1, 1, 1, 11, 11)
    torch.manual_seed(2)
    loss = Equivariant()(Adjoint(), batch_of(everything, generator))
    assert float(loss.parts["measured samples"]) == pytest.approx(1, abs=1e-3)
    assert float(loss.parts["equivariance"]) == pytest.approx(1, abs=0.2)  # 484 real numbers of the noise added


def test_zero_filling_explains_its_samples_and_is_found_out_by_symmetry(generator: torch.Generator) -> None:
    lines = torch.zeros(1, 1, 1, 11, 11)
    lines[..., ::2, :] = 1
    regime, found = Equivariant(robust=False), []
    torch.manual_seed(1)
    for _ in range(8):
        loss = regime(Adjoint(), batch_of(lines, generator))
        assert float(loss.parts["measured samples"]) == pytest.approx(0, abs=1e-10)
        found.append(float(loss.parts["equivariance"]))
    assert max(found) > 0.1  # quarter turns: ky lines that were left out lie along kx


@pytest.mark.parametrize("shape", [(1, 6, 6), (2, 7, 7)])
def test_transformations_keep_every_voxel_of_a_square_and_come_back(
    shape: tuple[int, ...], generator: torch.Generator
) -> None:
    image = torch.randn(shape, dtype=torch.complex64, generator=generator)
    for turns in range(4):
        for flip in (False, True):
            moved = Transformation(turns, flip, (2, -1))(image)
            torch.testing.assert_close(moved.abs().flatten().sort().values, image.abs().flatten().sort().values)
    quarter = Transformation(1, False, (0, 0))
    torch.testing.assert_close(quarter(quarter(quarter(quarter(image)))), image)
    assert not torch.equal(quarter(image), image)


def test_long_images_keep_their_grid_and_their_middle(generator: torch.Generator) -> None:
    image = torch.randn(3, 1, 8, 12, dtype=torch.complex64, generator=generator)
    turned = Transformation(1, False, (0, 0))(image)
    assert turned.shape == image.shape
    middle = torch.rot90(image[..., 2:10], 1, (-2, -1))
    torch.testing.assert_close(turned[..., 2:10], middle)
    assert not turned[..., :2].any()
    assert not turned[..., 10:].any()


def test_nothing_is_asked_where_no_coil_sees(generator: torch.Generator) -> None:
    batch = batch_of(torch.ones(1, 1, 1, 11, 11), generator)
    batch["maps"] = batch["maps"].clone()
    batch["maps"][..., :4] = 0
    # E.H E is the identity where the coil sees; turned into the dark, the image is gone on both sides.
    assert float(Equivariant(robust=False)(Adjoint(), batch).parts["equivariance"]) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("robust", [False, True])
def test_lowers_the_true_error(
    stream: Callable[..., ScanStream],
    network: UnrolledNetwork,
    train: Callable[..., None],
    error: Callable[..., float],
    robust: bool,
) -> None:
    before = error(network)
    train(Equivariant(robust=robust), network, stream(coils=(1,)).batch, steps=25)
    assert error(network) < before - 0.02


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"equivariant imaging has weight -1"):
        Equivariant(-1)
