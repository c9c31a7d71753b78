"""SSDU: the loss looks at held-out samples only, and teaches without truth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pirecon.algebra.linear_operator import LinearOperator
from pirecon.encoding import CartesianSense
from pirecon.training.regimes import build_regime
from pirecon.training.regimes.ssdu import SSDU, normalised_l1_l2
from pirecon.training.scans.stream import ScanStream
from pirecon.unrolled import UnrolledNetwork


class Watching(nn.Module):
    """Remembers what it was given and answers with the truth."""

    def __init__(self, truth: Tensor) -> None:
        super().__init__()
        self.truth = truth
        self.given: list[tuple[Tensor, CartesianSense]] = []

    def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
        assert isinstance(E, CartesianSense)
        self.given.append((kspace, E))
        return self.truth


@pytest.mark.parametrize("gaussian", [False, True])
def test_the_network_sees_the_rest_and_nothing_held_out(stream: Callable[..., ScanStream], gaussian: bool) -> None:
    batch = stream(coils=(2,)).batch(2)
    watching = Watching(batch["truth"])
    loss = SSDU(0.4, gaussian=gaussian, masks=3, given=False)(watching, batch).network
    measured = batch["weights"] != 0
    assert len(watching.given) == 3
    for kspace, E in watching.given:
        seen = E.weights != 0
        assert torch.equal(seen, seen & measured)
        assert torch.equal(kspace, batch["kspace"] * seen)
        share = 1 - seen.sum((1, 2, 3, 4)) / measured.sum((1, 2, 3, 4))
        torch.testing.assert_close(share, torch.full_like(share, 0.4), rtol=0, atol=2e-3)
    assert not torch.equal(watching.given[0][1].weights, watching.given[1][1].weights)
    assert float(loss) == pytest.approx(1.0, abs=0.05)  # of the truth, noise remains


def test_an_error_of_the_given_samples_costs_only_where_they_count(stream: Callable[..., ScanStream]) -> None:
    batch = stream(coils=(1,)).batch(2)

    class Louder(Watching):
        """The truth, with the samples it was given doubled."""

        def forward(self, kspace: Tensor, E: LinearOperator) -> Tensor:
            return super().forward(kspace, E) + E.normal(self.truth)

    torch.manual_seed(3)
    assert float(SSDU(given=False)(Louder(batch["truth"]), batch).network) == pytest.approx(1.0, abs=0.15)
    assert float(SSDU()(Watching(batch["truth"]), batch).network) == pytest.approx(0.2, abs=0.1)  # noise held out
    assert float(SSDU()(Louder(batch["truth"]), batch).network) > 5.0


def test_normalised_loss_of_a_scaled_copy() -> None:
    u = torch.randn(3, 2, 1, 4, 5, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(normalised_l1_l2(u, 0.7 * u), torch.full((3,), 0.6, dtype=torch.float64))


@pytest.mark.parametrize(("name", "options"), [("ssdu", {}), ("multi_mask_ssdu", {"masks": 2, "gaussian": True})])
def test_lowers_the_true_error(
    stream: Callable[..., ScanStream],
    network: UnrolledNetwork,
    train: Callable[..., None],
    error: Callable[..., float],
    name: str,
    options: dict[str, object],
) -> None:
    before = error(network, coils=(1,))
    train(build_regime(name, options), network, stream(coils=(1,)).batch, steps=25, rate=1e-3)
    assert error(network, coils=(1,)) < before - 0.02


def test_several_masks_are_four_by_default() -> None:
    regime = build_regime("multi_mask_ssdu", {"share": 0.3})
    assert isinstance(regime, SSDU)
    assert (regime.masks, regime.share) == (4, 0.3)


def test_bad_options_are_refused() -> None:
    takes = "takes: share, gaussian, centre, masks, normalised, given"
    for name in ("ssdu", "multi_mask_ssdu"):
        with pytest.raises(ValueError, match=f"{name}' does not.*{takes}"):
            build_regime(name, {"mask": 2})
    with pytest.raises(ValueError, match=r"share of held-out samples is 1.2"):
        SSDU(1.2)
    with pytest.raises(ValueError, match=r"at least one mask"):
        SSDU(masks=0)
