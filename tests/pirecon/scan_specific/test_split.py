"""Splits of measured samples: disjoint, complete, of the wished size and shape."""

from __future__ import annotations

import pytest
import torch

from pirecon.encoding import CartesianSense, NonCartesianSense
from pirecon.scan_specific import Masked, chi_square, measured_samples, restrict, split_samples


def lines(*shape: int) -> torch.Tensor:
    """Every third line and the middle, of two scans and one."""
    measured = torch.zeros(shape, dtype=torch.bool)
    measured[..., ::3, :] = True
    centre = shape[-2] // 2
    measured[..., centre - 4 : centre + 4, :] = True
    return measured


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.75])
def test_held_out_samples_are_measured_and_as_many_as_wished(
    share: float, gaussian: bool, generator: torch.Generator
) -> None:
    measured = lines(2, 1, 1, 45, 31)
    measured[1, ..., 20:] = False  # the scans of a batch may differ
    held_out = split_samples(measured, share, gaussian=gaussian, generator=generator)
    assert not (held_out & ~measured).any()
    wished = (share * measured.sum((1, 2, 3, 4))).round()
    assert torch.equal(held_out.sum((1, 2, 3, 4)).float(), wished)
    assert not held_out[..., 20:24, 13:17].any()  # index n // 2 of 45 and 31 is 22 and 15


def test_volumes_keep_a_cube_and_slices_a_square(generator: torch.Generator) -> None:
    for shape, inside in (
        ((1, 9, 16, 15), (slice(2, 6), slice(6, 10), slice(5, 9))),
        ((1, 1, 16, 15), (slice(0, 1), slice(6, 10), slice(5, 9))),
    ):
        held_out = split_samples(torch.ones(shape, dtype=torch.bool), 0.9, generator=generator)
        assert not held_out[(0, *inside)].any()
        assert held_out.sum() == round(0.9 * held_out.numel())


def test_gaussian_selection_prefers_the_middle_and_uniform_does_not(generator: torch.Generator) -> None:
    measured = torch.ones(20, 1, 1, 32, 32, dtype=torch.bool)
    inner = torch.zeros(32, dtype=torch.bool)
    inner[8:24] = True
    inner = inner[:, None] & inner
    share = {}
    for gaussian in (False, True):
        held_out = split_samples(measured, 0.2, gaussian=gaussian, centre=0, generator=generator)
        share[gaussian] = float((held_out & inner).sum() / held_out.sum())
    assert share[False] == pytest.approx(0.25, abs=0.02)
    # ±1 standard deviation on both axes holds 0.51 of a Gaussian cut at ±2; without replacement, less.
    assert 0.38 < share[True] < 0.5


def test_chi_square_of_noise_is_one(generator: torch.Generator) -> None:
    noise = torch.view_as_complex(torch.randn(2, 3, 1, 40, 50, 2, generator=generator))
    kept = lines(2, 1, 1, 40, 50)
    noise = torch.where(kept, noise, 1e3)  # what is not kept does not count
    torch.testing.assert_close(chi_square(noise, kept), torch.ones(2), rtol=0, atol=0.05)


def test_restricted_operators_agree(generator: torch.Generator) -> None:
    maps = torch.randn(2, 1, 9, 8, dtype=torch.complex128, generator=generator)
    E = CartesianSense(maps, torch.rand(1, 1, 9, 8, generator=generator, dtype=torch.float64))
    kept = torch.rand(1, 1, 9, 8, generator=generator) > 0.5
    x = torch.randn(1, 9, 8, dtype=torch.complex128, generator=generator)
    fast, general = restrict(E, kept), Masked(E, kept)
    assert isinstance(fast, CartesianSense)
    torch.testing.assert_close(fast(x), general(x))
    torch.testing.assert_close(fast.normal(x), general.normal(x))


def test_off_the_grid_samples_are_split_as_well(generator: torch.Generator) -> None:
    points = torch.rand(6, 20, 3, generator=generator, dtype=torch.float64) * 6 - 3
    points[..., 0] = 0
    E = NonCartesianSense(torch.ones(2, 1, 8, 8, dtype=torch.complex128), points)
    y = E(torch.randn(1, 8, 8, dtype=torch.complex128, generator=generator))
    y[:, 3] = 0  # a readout that was not measured
    measured = measured_samples(y, E)
    assert int(measured.sum()) == 100
    held_out = split_samples(measured, 0.2, centre=0, n_axes=2, generator=generator)
    assert int(held_out.sum()) == 20
    assert not restrict(E, ~held_out)(torch.ones(1, 8, 8, dtype=torch.complex128))[:, held_out[0]].any()


def test_too_few_samples_and_odd_shares_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a scan has 64 measured samples; with a share of 0.1.*would have 6"):
        split_samples(torch.ones(1, 1, 8, 8, dtype=torch.bool), 0.1)
    with pytest.raises(ValueError, match=r"share of held-out samples is 0,"):
        split_samples(torch.ones(1, 1, 8, 8, dtype=torch.bool), 0)
